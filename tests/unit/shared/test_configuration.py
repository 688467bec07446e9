"""The configuration file: each fault is told by file, line and field, and nothing starts on a faulty one."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.configuration import ConfigurationError, load_configuration, parse_configuration
from shared.contracts.model import Interaction

GOOD = """
producers:
  nordic:
    url: http://127.0.0.1:8090/nordic/{contract}/1/rivtabp21
facilities:
  SE2321000016-1HZ5:
    name: Vårdcentralen Lindängen
    phone: 08-123 00 00
    producers: [nordic]
    contracts: [GetAvailableDates, GetAvailableTimeslots, UpdateBooking]
"""


def faults_of(text: str) -> list[str]:
    """The faults that a text has."""
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, source="omboka.yaml")
    return caught.value.faults


def test_a_facility_is_found_whatever_the_case_of_its_id() -> None:
    """HSA-ids mean the same whatever their case; the form of the file is kept."""
    configuration = parse_configuration(GOOD)
    found = configuration.facility("se2321000016-1hz5")
    assert found is not None
    assert found.id == "SE2321000016-1HZ5"
    assert configuration.facility("SE0000000000-NONE") is None


def test_an_address_is_made_for_each_interaction() -> None:
    """`{contract}` becomes the interaction's name."""
    producer = parse_configuration(GOOD).producers["nordic"]
    assert producer.address(Interaction.UPDATE_BOOKING) == "http://127.0.0.1:8090/nordic/UpdateBooking/1/rivtabp21"


def test_defaults_are_the_published_ones() -> None:
    """What a file doesn't say is as the interface says."""
    configuration = parse_configuration(GOOD)
    producer = configuration.producers["nordic"]
    assert (producer.timeouts.connect, producer.timeouts.read, producer.timeouts.update) == (3, 10, 35)
    assert (producer.limits.concurrency, producer.limits.waiting, producer.limits.rate) == (8, 16, 10.0)
    assert producer.settle == 90
    assert configuration.search.auto_extensions == 1
    assert configuration.comment.max_length == 500
    assert configuration.agents is False


@pytest.mark.parametrize(
    ("broken", "line", "field"),
    [
        (GOOD.replace("phone: 08-123 00 00", "fone: 1"), 6, "facilities.SE2321000016-1HZ5.phone"),
        (GOOD.replace("phone: 08-123 00 00", "fone: 1"), 8, "facilities.SE2321000016-1HZ5.fone"),
        (GOOD.replace("http://", "ftp://"), 4, "producers.nordic.url"),
        (GOOD.replace("/{contract}", ""), 4, "producers.nordic.url: must hold {contract}"),
        (GOOD.replace("[nordic]", "[south]"), 9, "facilities.SE2321000016-1HZ5.producers: there is no producer"),
        (
            GOOD + "  se2321000016-1hz5: {name: X, phone: '1', contracts: []}\n",
            11,
            "facilities.se2321000016-1hz5: is the",
        ),
        (GOOD.replace("GetAvailableDates,", "GetAvailableDays,"), 10, "facilities.SE2321000016-1HZ5.contracts"),
        (GOOD + "serach: {}\n", 11, "serach"),
    ],
)
def test_a_fault_names_its_line_and_field(broken: str, line: int, field: str) -> None:
    """An operator finds the fault without searching for it."""
    assert any(fault.startswith(f"omboka.yaml:{line}: {field}") for fault in faults_of(broken)), faults_of(broken)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("a: [", "not YAML"),
        ("- 1", "must be a mapping"),
        (GOOD.replace("[nordic]", "[south]"), "there is no producer 'south'"),
        (GOOD.replace("    contracts: [GetAvailableDates, GetAvailableTimeslots, UpdateBooking]\n", ""), "no registry"),
        (GOOD + "  se2321000016-1hz5: {name: X, phone: '1', contracts: []}\n", "is the same HSA-id as"),
    ],
)
def test_a_fault_says_what_is_wrong(broken: str, says: str) -> None:
    """Faults beyond a single field are told as well."""
    assert any(says in fault for fault in faults_of(broken)), faults_of(broken)


def test_every_fault_is_told_at_once() -> None:
    """Also those that are seen only when the whole file is looked at."""
    broken = GOOD.replace("[nordic]", "[south, west]").replace("    contracts", "    contracts: auto\n    #")
    assert [fault.split(": ", 2)[1] for fault in faults_of(broken)] == [
        "facilities.SE2321000016-1HZ5.producers",
        "facilities.SE2321000016-1HZ5.producers",
        "facilities.SE2321000016-1HZ5.contracts",
    ]


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    """The configuration itself, and the terms beside it."""
    file, terms = tmp_path / "omboka.yaml", tmp_path / "terms.md"
    terms.write_bytes(b"\xff\xfe")
    file.write_text(GOOD.replace("producers: [nordic]", "producers: [nordic]\n    terms_file: terms.md"), "utf-8")
    with pytest.raises(ConfigurationError, match=r"terms_file: cannot be read: it isn't text"):
        load_configuration(file)
    with pytest.raises(ConfigurationError, match=r"terms\.md: cannot be read: it isn't text"):
        load_configuration(terms)


def test_two_systems_are_allowed_in_the_file_and_give_no_producer() -> None:
    """A facility with two booking systems is in the catalogue, and not eligible (source: the seed)."""
    text = GOOD.replace("[nordic]", "[nordic, south]").replace(
        "facilities:", "  south: {url: 'http://127.0.0.1:1/{contract}'}\nfacilities:", 1
    )
    configuration = parse_configuration(text)
    facility = configuration.facility("SE2321000016-1HZ5")
    assert facility is not None
    assert configuration.producer_of(facility) is None


def test_terms_may_stand_in_a_file_beside_it(tmp_path: Path) -> None:
    """`terms_file` is read relative to the configuration file."""
    (tmp_path / "terms.md").write_text("Avboka **senast** dagen före.", encoding="utf-8")
    file = tmp_path / "omboka.yaml"
    file.write_text(GOOD.replace("producers: [nordic]", "producers: [nordic]\n    terms_file: terms.md"), "utf-8")
    facility = load_configuration(file).facility("SE2321000016-1HZ5")
    assert facility is not None
    assert facility.terms == "Avboka **senast** dagen före."


def test_a_missing_file_is_told() -> None:
    """A path that isn't there is a fault with its name, not a traceback."""
    with pytest.raises(ConfigurationError, match=r"absent\.yaml: cannot be read"):
        load_configuration("absent.yaml")
