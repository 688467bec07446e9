"""What a benchmark gives: rows of the table, and the raw numbers behind them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Met = Literal["met", "not met", "reported", "not resolvable"]


@dataclass(frozen=True)
class Size:
    """How much is measured. `quick` is for developing: its numbers are not for the record."""

    name: str = "full"
    repeats: int = 5
    seconds: float = 3.0
    pairs: int = 20
    pair_seconds: float = 10.0
    blocks: int = 30
    in_block: int = 15
    sockets: int = 10_000
    rebookings: int = 2_000
    equal: int = 1_000
    moves: int = 60


QUICK = Size("quick", 2, 1.0, 2, 3.0, 6, 8, 500, 100, 200, 10)
SMOKE = Size("smoke", 1, 0.3, 1, 0.5, 1, 2, 10, 2, 20, 1)


@dataclass(frozen=True)
class Row:
    """One figure: its goal, what was measured, and whether the goal was met."""

    figure: str
    goal: str
    measured: str
    met: Met = "reported"


@dataclass
class Result:
    """One benchmark's rows and raw numbers."""

    rows: list[Row] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)

    def add(self, figure: str, goal: str, measured: str, met: bool | Met = "reported") -> None:
        """Add a row."""
        told: Met = met if isinstance(met, str) else ("met" if met else "not met")
        self.rows.append(Row(figure, goal, measured, told))

    def content(self) -> dict[str, Any]:
        """As JSON."""
        return {"rows": [asdict(row) for row in self.rows], "raw": self.raw}
