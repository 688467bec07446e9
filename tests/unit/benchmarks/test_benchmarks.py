"""The benchmarks' own parts: what is made of numbers, the table, the plots, and the booking system's answers."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from benchmarks import booking_system, report, scene
from benchmarks.__main__ import ALL
from benchmarks.figures import bounds, paired, quantile, spread
from benchmarks.plot import lines
from benchmarks.results import Result
from shared.configuration import Configuration
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Interaction
from shared.scheduling.answers import read_answer
from shared.scheduling.envelopes import DOCUMENTS
from shared.scheduling.interactions import get_available_dates, get_available_timeslots, get_booking_details

RECORD: dict[str, Any] = {
    "date": "2026-01-15 08:00 UTC",
    "size": "smoke",
    "note": "",
    "minutes": 1.0,
    "machine": {"cores": 2, "system": "Linux", "python": "3.11", "load_before": 0.1, "load_after": 1.0},
    "benchmarks": {
        "serial": {"rows": [{"figure": "A", "goal": "≤ 2", "measured": "1.5", "met": "met"}]},
        "sockets": {"error": "RuntimeError: no"},
        "throughput": {"rows": [], "raw": {"latency against load": {"ours": [[10, 0.05, 0.06], [20, 0.06, 0.08]]}}},
        "isolation": {"rows": [], "raw": {"latencies": {"without": [0.05, 0.06], "hanging": [0.05, 0.07]}}},
    },
}


def test_medians_quantiles_and_bounds() -> None:
    """A median lies within its bounds, and the same pairs give the same bounds each time."""
    values = [float(value) for value in range(1, 101)]
    assert quantile(values, 0.95) == 96
    assert quantile([3.0], 0.99) == 3.0
    assert spread([3.0, 1.0, 2.0])["median"] == 2.0
    low, high = bounds(values)
    assert 30 < low < 50.5 < high < 71
    assert bounds(values) == (low, high)
    assert paired([2.0, 2.0])["high"] == 2.0


def test_the_table_stands_between_the_markers_and_again(tmp_path: Path) -> None:
    """Made twice it is the same; what stands around it stays; what failed is told."""
    page, handbook = tmp_path / "performance.md", tmp_path / "operations.md"
    for one in (page, handbook):
        one.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        report.write(RECORD, page, handbook)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert text.count("| A | ≤ 2 | 1.5 | met |") == 1
    assert "sockets" in text
    assert "old" not in text
    assert text.count("](performance-") == 2
    assert {one.name for one in tmp_path.glob("*.svg")} == {"performance-latency.svg", "performance-hanging.svg"}


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written where it doesn't belong."""
    page = tmp_path / "performance.md"
    page.write_text("no markers", encoding="utf-8")
    with pytest.raises(ValueError, match="no markers"):
        report.write(RECORD, page, page)
    assert page.read_text(encoding="utf-8") == "no markers"


def test_what_is_sized_by_stands_in_the_handbook_with_its_source() -> None:
    """A median with its bounds, one run as one run, and nothing of what wasn't measured."""
    median = {"median": 17.34, "least": 15.5, "greatest": 36.4}
    benchmarks = {
        "throughput": {"raw": {"20 timeslots": {"ours": {"cpu_ms": median}}}},
        "sockets": {"raw": {"bytes_each": 2048.0}},
        "scaling": {"error": "RuntimeError: no"},
        "serial": {"raw": None},
    }
    told = report.sizing({**RECORD, "benchmarks": benchmarks}).splitlines()[4:]
    assert told == [
        "| gateway | an idle WebSocket | 2 KiB (one run) | sockets, raw, bytes_each |",
        "| all | a look-up of 20 timeslots: CPU of all processes | 17.3 ms (15.5 to 36.4) "
        "| throughput, raw, 20 timeslots, ours, cpu_ms |",
    ]


def test_the_committed_pages_are_made_from_the_committed_record(tmp_path: Path) -> None:
    """Nobody writes a number into the tables by hand: neither the one of the figures nor the one to size by."""
    if not report.RECORD.exists():
        assert "Not measured yet." in report.PAGE.read_text(encoding="utf-8")
        return
    import json

    page, handbook = tmp_path / "performance.md", tmp_path / "operations.md"
    for copy, original in ((page, report.PAGE), (handbook, report.HANDBOOK)):
        copy.write_text(original.read_text(encoding="utf-8"), encoding="utf-8")
    report.write(json.loads(report.RECORD.read_text(encoding="utf-8")), page, handbook)
    for copy, original in ((page, report.PAGE), (handbook, report.HANDBOOK)):
        assert copy.read_text(encoding="utf-8") == original.read_text(encoding="utf-8")


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_plot_is_xml_and_every_point_is_inside(logarithmic: bool) -> None:
    """A browser can draw it, and no value leaves the picture."""
    svg = lines("a < b", "x", "y", {"one": [(1, 0.5), (7, 930.0)], "two": [(3, 12.0)]}, logarithmic=logarithmic)
    root = ET.fromstring(svg)
    for line in root.iter("{http://www.w3.org/2000/svg}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= 720
            assert 0 <= y <= 400


def test_the_scene_is_a_valid_configuration_with_valid_patients() -> None:
    """Made-up patients have real check digits, and the file passes the services' own check."""
    Configuration.model_validate(scene.configuration("http://127.0.0.1:1"))
    for number in (0, 1, 999, 110_000):
        assert SubjectOfCareId(scene.subject(number)).reveal() == scene.subject(number)
    assert scene.subject(1) != scene.subject(2)


def test_the_booking_systems_answers_keep_the_contracts() -> None:
    """Valid against our schemas, or the peer that validates would be measured failing."""
    where = scene.facility(1)
    timeslots = booking_system.timeslots(where, "20260120", 200)
    dates = booking_system.dates(where, "20260101", "20991231"[:8].replace("2099", "2027"))
    start, end = booking_system.BOOKED
    booked = booking_system.envelope("GetBookingDetails", booking_system.slot(where, start, end, 0, booking="B-7"))
    for interaction, body in (
        (Interaction.GET_AVAILABLE_TIMESLOTS, timeslots),
        (Interaction.GET_AVAILABLE_DATES, dates),
        (Interaction.GET_BOOKING_DETAILS, booked),
    ):
        schema = etree.XMLSchema(etree.parse(str(DOCUMENTS / "xsd" / f"{interaction.value}.xsd")))
        schema.assertValid(read_answer(interaction, 200, body))
    read = read_answer(Interaction.GET_AVAILABLE_TIMESLOTS, 200, timeslots)
    assert len(set(get_available_timeslots.from_wire(read))) == 200
    assert get_available_dates.from_wire(read_answer(Interaction.GET_AVAILABLE_DATES, 200, dates))
    booking = get_booking_details.from_wire(read_answer(Interaction.GET_BOOKING_DETAILS, 200, booked))
    assert booking is not None
    assert booking.subject_of_care == SubjectOfCareId(scene.subject(7))


def test_a_result_says_whether_its_goal_was_met() -> None:
    """True and False become words; other words stay."""
    result = Result()
    for met in (True, False, "not resolvable"):
        result.add("figure", "goal", "measured", met)  # type: ignore[arg-type]
    assert [row.met for row in result.rows] == ["met", "not met", "not resolvable"]
    assert len(ALL) >= 10
