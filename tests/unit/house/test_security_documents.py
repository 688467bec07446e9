"""SECURITY.md and docs/privacy.md promise what is tested: every test that they name is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = (ROOT / "SECURITY.md", ROOT / "docs" / "privacy.md")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def names_in(file: Path) -> set[str]:
    """The names of a file's tests."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {one.name for one in ast.walk(tree) if isinstance(one, kinds) and one.name.startswith("test_")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_named_test_exists(document: Path) -> None:
    """A control whose test has gone, or has another name now, isn't promised any more."""
    named = NAMED.findall(document.read_text(encoding="utf-8"))
    assert len(named) >= 8
    for path, test in named:
        file = ROOT / path
        assert file.is_file(), f"{document.name} names {path}, which isn't there"
        assert not test or test in names_in(file), f"{document.name} names {path}::{test}, which isn't there"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_control_has_a_test(document: Path) -> None:
    """Each row of each table that has a column for tests names at least one."""
    rows = 0
    tested = False
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and line.rstrip().endswith("| test |"):
            tested = True
        elif not line.startswith("|"):
            tested = False
        elif tested and not line.startswith("|---"):
            rows += 1
            assert NAMED.search(line), line
    assert rows >= 8
