"""The JSDoc of omboka-client.js: whole, as far as can be seen without TypeScript, whose check is made by hand."""

from __future__ import annotations

import re
from pathlib import Path

from services.gateway import app

CLIENT = (Path(app.__file__).parent / "static" / "omboka-client.js").read_text(encoding="utf-8")
FUNCTION = re.compile(
    r"(?:(/\*\*(?:(?!\*/).)*\*/)\s*)?"
    r"^(?:export )? *(?:async )?(?:function )?(#?\w+)\(([^()]*(?:\(\)[^()]*)?)\) \{$",
    re.DOTALL | re.MULTILINE,
)


def test_each_parameter_has_a_type() -> None:
    """Public or not: what TypeScript would take for `any` is nowhere."""
    found = {}
    for comment, name, parameters in FUNCTION.findall(CLIENT):
        names = [one.partition("=")[0].strip() for one in parameters.split(",") if one.strip()]
        typed = re.findall(r"@param \{.*?\} \[?(\w+)", comment)
        assert typed == names, f"{name}: typed are {typed} of {names}"
        found[name] = names
    assert found["backoff"] == ["tries", "chance"]
    assert found["command"] == ["name", "content", "id"]
    assert {"constructor", "connect", "close", "snapshot", "#open", "#take", "#tell"} <= found.keys()
