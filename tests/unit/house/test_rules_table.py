"""The README's table of rules and its pictures: what is named there exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+?) \| \[`(test_\w+)`\]\((tests/[\w/]+\.py)\) \|$", re.MULTILINE)


def test_each_rule_has_a_test_that_exists() -> None:
    """Every row of the table names a test function of the file that it links to."""
    section = README.partition("## Which test proves which rule")[2].partition("\n## ")[0]
    rows = ROW.findall(section)
    assert len(rows) == len([line for line in section.splitlines() if line.startswith("| ")]) - 1 > 25
    for rule, name, file in rows:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), rule


def test_each_picture_is_there_and_small() -> None:
    """Every picture that the README shows is in the repository, none of them over 100 kB, and none is left over."""
    shown = set(re.findall(r"!\[[^\]]+\]\((docs/pictures/[\w-]+\.webp)\)", README))
    kept = {str(file.relative_to(ROOT)) for file in (ROOT / "docs" / "pictures").iterdir()}
    assert shown == kept
    assert len(shown) >= 7
    assert all(0 < (ROOT / file).stat().st_size < 100_000 for file in shown)
