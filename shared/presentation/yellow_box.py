"""The yellow box: everything a patient sees of a time, in one place, ready to draw.

Source: the seed ("gula sammanfattningsrutan") and the flow, "Yellow summary box".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

from shared.configuration import Facility
from shared.contracts.model import Language, Timeslot
from shared.contracts.rules import TIME_TYPE_NAME_MAX_LENGTH
from shared.contracts.sections import Summary, SummaryHeading, SummaryPurpose, SummaryRow
from shared.presentation.cut import cut, tidy
from shared.presentation.docbook import docbook_to_html, without_tags

LABELS: Final[dict[Language, dict[str, str]]] = {
    "sv": {
        "facility": "Mottagning",
        "time_type": "Typ av tid",
        "reason": "Anledning till besöket",
        "information": "Information",
    },
    "en": {
        "facility": "Healthcare facility",
        "time_type": "Type of appointment",
        "reason": "Reason for the visit",
        "information": "Information",
    },
}
"""The rows' labels; the Swedish ones are the seed's."""


class _AsRead:
    """Stands for the timeslot's own reason."""


AS_READ: Final = _AsRead()


def yellow_box(
    timeslot: Timeslot,
    *,
    facility: Facility | None,
    language: Language,
    reason: str | _AsRead | None = AS_READ,
    information: str | None = None,
) -> Summary:
    """Draw up the box of a timeslot at a facility of the catalogue (None = one that we don't know).

    `reason` replaces the timeslot's own when it is given, also by None: page 4 shows the comment just written.
    `information` is a result text that must be shown. A row without a value is left out.
    """
    shown_reason = timeslot.reason if isinstance(reason, _AsRead) else reason
    time_type = timeslot.time_type_name[:TIME_TYPE_NAME_MAX_LENGTH] if timeslot.time_type_name else None
    rows = (
        *_common_rows(language, facility.name if facility else None, time_type),
        *_row("reason", LABELS[language], shown_reason),
        *_row("information", LABELS[language], information),
    )
    show_end = facility is not None and facility.show_end_time
    return Summary(
        heading=SummaryHeading(
            date=timeslot.start.day if timeslot.start else None,
            start=timeslot.start.clock if timeslot.start else None,
            end=timeslot.end.clock if timeslot.end and show_end else None,
            who=timeslot.who,
        ),
        rows=rows,
        purpose=_purpose(timeslot.purpose),
    )


@lru_cache(maxsize=256)
def _common_rows(language: Language, facility: str | None, time_type: str | None) -> tuple[SummaryRow, ...]:
    """The rows that are about no patient, and the same for nearly every timeslot of a day."""
    return (*_row("facility", LABELS[language], facility), *_row("time_type", LABELS[language], time_type))


def _row(
    key: Literal["facility", "time_type", "reason", "information"], labels: dict[str, str], text: str | None
) -> tuple[SummaryRow, ...]:
    if not text or not text.strip():
        return ()
    text = tidy(text)
    cut_at, short = cut(text) if key == "reason" else (None, None)
    return (SummaryRow(key=key, label=labels[key], text=text, cut_at=cut_at, short=short),)


def _purpose(purpose: str | None) -> SummaryPurpose | None:
    if purpose is None or not purpose.strip():
        return None
    html = docbook_to_html(purpose)
    if html is not None:
        return SummaryPurpose(html=html) if html else None
    text = tidy(without_tags(purpose)).strip()
    if not text:
        return None
    cut_at, short = cut(text)
    return SummaryPurpose(text=text, cut_at=cut_at, short=short)
