"""The guards that `make mutations` takes out are where it looks for them."""

from __future__ import annotations

import pytest

from tests.mutations import MUTANTS, ROOT, Mutant, replaced


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.name)
def test_each_guard_can_be_taken_out(mutant: Mutant) -> None:
    """Its text stands in the code exactly once, and without it the file is still Python."""
    for change in mutant.changes:
        text = replaced(change, (ROOT / change.file).read_text())
        compile(text, change.file, "exec")
