"""docs/reliability.md shows what the runs' files say, and nothing else."""

from __future__ import annotations

from tests.chaos.report import DOCS, PAGE, drawn, read_results
from tests.chaos.run import as_it_must_be


def test_the_page_shows_the_results() -> None:
    """Drawn again, the page stays as it is."""
    page = PAGE.read_text(encoding="utf-8")
    assert drawn(page, read_results(DOCS / "results")) == page


def test_the_results_are_as_they_must_be() -> None:
    """Nobody was wronged in a run that the project keeps, but in the control somebody was."""
    results = read_results(DOCS / "results")
    assert [name for name, run in results.items() if not as_it_must_be(run)] == []
