"""Plots as SVG: axes, a line for each series, and a legend. Nothing else is needed, so no library is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 50, 60
COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce")
DASHES = ("", "8 4", "3 3", "10 3 3 3")
"""Each series differs by its dashes too, for those who don't tell colours apart."""

Points = Sequence[tuple[float, float]]


def lines(title: str, x: str, y: str, series: Mapping[str, Points], *, logarithmic: bool = False) -> str:
    """A line plot; `logarithmic` is of the y axis. Points may come in any order."""
    points = [point for some in series.values() for point in some]
    most_x = _round_up(max((one for one, _ in points), default=1.0))
    values = [one for _, one in points if one > 0] or [1.0]
    low = 10 ** math.floor(math.log10(min(values))) if logarithmic else 0.0
    high = 10 ** math.ceil(math.log10(max(values)) + 1e-9) if logarithmic else _round_up(max(values))

    def across(value: float) -> float:
        return LEFT + value / most_x * (WIDTH - LEFT - RIGHT)

    def up(value: float) -> float:
        if logarithmic:
            part = (math.log10(max(value, low)) - math.log10(low)) / (math.log10(high) - math.log10(low))
        else:
            part = value / high
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    if logarithmic:
        ticks = [low * 10**power for power in range(round(math.log10(high / low)) + 1)]
    else:
        ticks = [high * part / 5 for part in range(6)]
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13" role="img" aria-label="{escape(title)}"><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="15" font-weight="bold">{escape(title)}</text>',
        _text(WIDTH / 2, HEIGHT - 12, x, "middle"),
        f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(y)}</text>',
    ]
    for tick in ticks:
        drawn.append(_line(LEFT, up(tick), WIDTH - RIGHT, up(tick), "#ddd"))
        drawn.append(_text(LEFT - 6, up(tick) + 4, f"{tick:g}", "end"))
    for part in range(6):
        drawn.append(_text(across(most_x * part / 5), HEIGHT - BOTTOM + 18, f"{most_x * part / 5:g}", "middle"))
    drawn.append(_line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "#333"))
    for number, (name, some) in enumerate(series.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        path = " ".join(f"{across(a):.1f},{up(b):.1f}" for a, b in sorted(some))
        style = f'fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"'
        drawn.append(f'<polyline points="{path}" {style}/>')
        place = LEFT + 10 + number * 160
        drawn.append(f'<polyline points="{place},36 {place + 26},36" {style}/>')
        drawn.append(_text(place + 32, 40, name, "start"))
    return "\n".join([*drawn, "</svg>", ""])


def _round_up(value: float) -> float:
    power = 10 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * 0.999)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
