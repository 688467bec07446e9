"""The whole flow as plain forms: every page, its stops and its refusals, without a line of JavaScript."""

from __future__ import annotations

import json
import re

import pytest

from services.gateway.pages import files
from services.gateway.pages.rules import rules_for_browsers
from shared.configuration import CommentRules
from shared.contracts.civil_time import CivilTime
from shared.contracts.identifiers import SubjectOfCareId
from shared.contracts.model import Actor, ActorType, Identity, SourceStatus
from shared.contracts.problems import Problem, ProblemType
from shared.contracts.rules import COMMENT_CHARACTERS, PHONE_CHARACTERS
from shared.contracts.sections import OutcomeState, SearchedFacility, Section, SectionName, State
from tests.builders.gateway import ANOTHER_SUBJECT, NOT_REBOOKABLE, OTHER, OWN, a_timeslot
from tests.builders.pages import PATIENT, Shown, Visit, a_visit


async def to_terms(visit: Visit, **headers: str) -> Shown:
    """Page 1 with everything there."""
    page = await visit.get(f"/rebook?facility={OWN}&booking=B1", **headers)
    await visit.gateway.tell_booking()
    await visit.gateway.tell_facilities(OWN, OTHER)
    return await visit.get(page.path)


async def to_time(visit: Visit, *, message_allowed: bool = True, **headers: str) -> Shown:
    """Page 2 with two days and a timeslot."""
    page = await visit.send(await to_terms(visit, **headers), "choose_facilities", facility=OWN)
    await visit.gateway.tell_days("2026-02-02", "2026-02-03")
    await visit.gateway.tell_timeslots(a_timeslot(message_allowed=message_allowed))
    return await visit.get(page.path)


def timeslots_of(page: Shown) -> list[str]:
    """The ids of the timeslots that may be chosen."""
    return re.findall(r'name="timeslot" id="[^"]*" value="([^"]+)"', page.html)


async def to_details(visit: Visit, *, message_allowed: bool = True) -> Shown:
    """Page 3."""
    page = await to_time(visit, message_allowed=message_allowed)
    return await visit.send(page, "choose_timeslot", timeslot=timeslots_of(page)[0])


async def to_outcome(visit: Visit) -> Shown:
    """Page 5, just confirmed."""
    page = await visit.send(await to_details(visit), "give_details", comment="Krockar", phone="070-1")
    return await visit.send(page, "confirm")


def step_of(page: Shown) -> str:
    """Which page it is."""
    return page.path.partition("?")[0].rpartition("/")[2]


async def test_the_flow_goes_from_page_to_page() -> None:
    """Each form leads to the next page, and the last one asks the ledger once though it is sent twice."""
    async with a_visit() as visit:
        terms = await to_terms(visit)
        assert step_of(terms) == "terms"
        assert "Villkor för Lindängen" in terms.text
        time = await to_time(visit)
        assert step_of(time) == "time"
        assert "måndag 2 februari 2026" in time.text
        details = await visit.send(time, "choose_timeslot", timeslot=timeslots_of(time)[0])
        assert step_of(details) == "details"
        assert "Vad är anledningen till bokningen?" in details.text
        assert 'value="070-123 45 67"' in details.html
        summary = await visit.send(details, "give_details", comment="Krockar", phone="070-1")
        assert step_of(summary) == "summary"
        assert "Krockar" in summary.text
        form = summary.form("confirm")
        first = await visit.post(summary.path, form)
        second = await visit.post(summary.path, form)
        assert step_of(first) == step_of(second) == "outcome"
        assert "Vi ombokar din tid. Vänta på besked." in first.text
        assert len(visit.gateway.ledger.rows) == 1


async def test_a_page_that_waits_says_for_what_and_asks_again() -> None:
    """Without JavaScript a page with something to come loads itself again; one with everything doesn't."""
    async with a_visit() as visit:
        page = await visit.get(f"/rebook?facility={OWN}&booking=B1")
        assert "Hämtar din bokade tid" in page.text
        assert 'http-equiv="refresh"' in page.html
        assert 'http-equiv="refresh"' not in (await to_terms(visit)).html


async def test_a_step_not_reached_leads_to_the_last_one_reached() -> None:
    """Nobody comes to a later page by its address."""
    async with a_visit() as visit:
        page = await to_terms(visit)
        for step in ("time", "details", "summary", "outcome"):
            assert step_of(await visit.get(page.path.replace("terms", step))) == "terms"
        outcome = await to_outcome(visit)
        for step in ("terms", "time", "details", "summary"):
            assert step_of(await visit.get(outcome.path.replace("outcome", step))) == "outcome"


async def test_a_refused_comment_is_named_and_kept() -> None:
    """The page comes back with what was written, the refused characters named beside the field and in the list."""
    async with a_visit() as visit:
        page = await visit.send(await to_details(visit), "give_details", comment="a<b", phone="070-1")
        assert (page.status, step_of(page)) == (422, "details")
        assert "Otillåtna tecken: <" in page.text
        assert 'href="#field-comment"' in page.html
        assert ">a&lt;b</textarea>" in page.html
        assert 'value="070-1"' in page.html


async def test_an_empty_comment_is_refused_by_the_server() -> None:
    """Without JavaScript the button is active, and the server refuses."""
    async with a_visit() as visit:
        page = await visit.send(await to_details(visit), "give_details", comment=" ", phone="")
        assert page.status == 422
        assert "Skriv anledningen till bokningen." in page.text


async def test_without_message_allowed_neither_heading_nor_field_is_there() -> None:
    """Only the phone field and the button."""
    async with a_visit() as visit:
        page = await to_details(visit, message_allowed=False)
        assert "Vad är anledningen till bokningen?" not in page.text
        assert "<textarea" not in page.html
        assert step_of(await visit.send(page, "give_details", phone="")) == "summary"


async def test_terms_follow_the_choice_without_javascript() -> None:
    """«Visa villkor» shows the chosen facility's terms; searching all shows each with its name."""
    async with a_visit() as visit:
        page = await to_terms(visit)
        assert re.search(rf'data-facility="{OTHER}" hidden', page.html)
        shown = await visit.post(page.path, {**page.form("show_terms"), "facility": OTHER})
        assert re.search(rf'data-facility="{OTHER}">', shown.html)
        assert re.search(rf'data-facility="{OWN}" hidden', shown.html)
        everywhere = await visit.post(page.path, {**page.form("show_terms"), "facility": "all"})
        assert "hidden><h2>" not in everywhere.html


@pytest.mark.parametrize(("language", "words"), [("sv", "Välj mottagning först."), ("en", "Choose a facility first.")])
async def test_no_facility_chosen_is_told_beside_the_choice(language: str, words: str) -> None:
    """Where none can be chosen beforehand and none was, the page says so in its list and beside the field."""
    async with a_visit() as visit:
        page = await visit.get(f"/rebook?facility={OWN}&booking=B1", **{"Accept-Language": language})
        await visit.gateway.tell_booking()
        await visit.gateway.tell_facilities(OTHER, NOT_REBOOKABLE)
        refused = await visit.send(await visit.get(page.path), "choose_facilities", facility="")
        assert (refused.status, step_of(refused)) == (422, "terms")
        assert f'<a href="#field-facilities">{words}</a>' in refused.html
        assert f'<p class="fault" id="fault-facilities">{words}</p>' in refused.html
        assert re.search(r'<select id="field-facilities"[^>]* aria-invalid="true"', refused.html)


async def test_searching_all_names_each_timeslots_facility() -> None:
    """«Sök hos alla mottagningar» searches every one, and each timeslot says where."""
    async with a_visit() as visit:
        page = await visit.send(await to_terms(visit), "choose_facilities", facility="all")
        assert visit.gateway.last_look_up.model_dump()["facilities"] == (OWN, OTHER)
        await visit.gateway.tell_days("2026-02-02")
        await visit.gateway.tell_timeslots(a_timeslot(), facility=OTHER)
        assert re.search(rf'class="where">{OTHER}<', (await visit.get(page.path)).html)


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        (ProblemType.REBOOKING_NOT_ALLOWED, "Den här tiden kan inte bokas om här. Kontakta mottagningen på 08-1."),
        (ProblemType.OPEN_INVITATION, "Kallelsen saknar tid. Boka tid i stället för att boka om."),
        (ProblemType.ALREADY_PASSED, "Tiden har redan varit."),
        (ProblemType.NOT_FOUND, "Vi hittar inte bokningen."),
        (ProblemType.FACILITY_UNAVAILABLE, "Tekniskt fel. Försök igen om en stund."),
    ],
)
async def test_each_stop_is_told_with_the_facilitys_phone(type_: ProblemType, words: str) -> None:
    """Page 1 stops with the flow's words, the phone number, and the problem's own status."""
    async with a_visit() as visit:
        page = await visit.get(f"/rebook?facility={OWN}&booking=B1")
        problem = Problem(type=type_, facility="Lindängen", phone="08-1")
        await visit.gateway.tell_booking(problem=problem.public("sv"))
        stopped = await visit.get(page.path)
        assert stopped.status == problem.status
        assert words in stopped.text
        assert "08-1" in stopped.text


async def test_a_facility_that_is_not_eligible_is_a_stop() -> None:
    """Where rebooking isn't offered, the page says so with the phone number."""
    async with a_visit() as visit:
        page = await visit.get("/rebook?facility=SE2321000016-6DV4&booking=B1")
        assert page.status == 409
        assert "Ombokning finns inte för Torget. Ring 08-6." in page.text


async def test_no_days_is_not_the_same_as_no_answer() -> None:
    """Empty says between which days; failed says that we couldn't fetch, with phone and a button."""
    async with a_visit() as visit:
        page = await visit.send(await to_terms(visit), "choose_facilities", facility=OWN)
        await visit.gateway.tell_days(state=State.EMPTY)
        empty = await visit.get(page.path)
        nothing = "Det finns inga lediga tider att boka om till mellan 15 januari 2026 och 28 februari 2026."
        assert nothing in empty.text
        assert "Sök längre fram i tiden efter 28 februari 2026" in empty.text
    async with a_visit() as visit:
        page = await visit.send(await to_terms(visit), "choose_facilities", facility=OWN)
        problem = Problem(type=ProblemType.FACILITY_UNAVAILABLE, facility="Lindängen", phone="08-1").public("sv")
        await visit.gateway.tell(SectionName.DAYS, Section(state=State.FAILED, problem=problem))
        failed = await visit.get(page.path)
        assert "Vi kan inte hämta lediga tider hos Lindängen just nu. Försök igen, eller ring 08-1." in failed.text
        assert failed.form("retry")["section"] == "days"


async def test_a_day_whose_timeslots_are_gone_stays_chosen() -> None:
    """The page says so, and the other days are still there to choose."""
    async with a_visit() as visit:
        page = await to_time(visit)
        chosen = await visit.send(page, "choose_day", date="2026-02-03")
        await visit.gateway.tell_timeslots()
        gone = await visit.get(chosen.path)
        assert "Tiderna den dagen är inte längre lediga. Välj en annan dag." in gone.text
        assert "måndag 2 februari 2026" in gone.text


@pytest.mark.parametrize(
    ("state", "more", "words", "not_said"),
    [
        (OutcomeState.SENDING, {"waiting": True}, "Vi vet ännu inte om ombokningen gick igenom.", "inte ombokad"),
        (OutcomeState.UNKNOWN, {}, "Vi vet ännu inte om ombokningen gick igenom.", "inte ombokad"),
        (OutcomeState.REJECTED, {}, "Tiden är inte ombokad. Var vänlig försök igen!", "Vi vet ännu"),
        (OutcomeState.REJECTED, {"result_text": "Upptagen <b>nu</b>"}, "Upptagen <b>nu</b>", "Vi vet ännu"),
        (OutcomeState.NOT_APPLIED, {}, "Tiden är inte ombokad. Var vänlig försök igen!", "Vi vet ännu"),
        (OutcomeState.CONFIRMED, {}, "Tiden är ombokad", "inte ombokad"),
        (OutcomeState.OTHER_TIME, {}, "Din tid har ändrats. Den tid som gäller visas här.", "inte ombokad"),
        (
            OutcomeState.MANUAL,
            {"phone": "08-1"},
            "Vi kan inte se om tiden är ombokad. Kontakta mottagningen på telefon 08-1 innan du bokar om igen.",
            "inte ombokad",
        ),
    ],
)
async def test_each_outcome_has_its_words(
    state: OutcomeState, more: dict[str, object], words: str, not_said: str
) -> None:
    """Each outcome is told in the flow's words; «Tiden är inte ombokad.» in rejected and not_applied alone."""
    async with a_visit() as visit:
        page = await to_outcome(visit)
        rebooking = page.path.split("/")[2]
        await visit.gateway.tell_outcome(rebooking, state, n=2, **more)
        told = await visit.get(page.path)
        assert words in told.text
        assert not_said not in told.text
        assert "<b>" not in told.html


CELLS = [
    ("sv", "2026-02-02", "måndag 2 februari 2026, vald dag, lediga tider"),
    ("sv", "2026-02-03", "tisdag 3 februari 2026, lediga tider"),
    ("sv", "2026-02-04", "onsdag 4 februari 2026, inga lediga tider"),
    ("en", "2026-02-02", "Monday 2 February 2026, chosen day, free times"),
    ("en", "2026-02-03", "Tuesday 3 February 2026, free times"),
    ("en", "2026-02-04", "Wednesday 4 February 2026, no free times"),
]


@pytest.mark.parametrize(("language", "date", "name"), CELLS)
async def test_a_day_of_the_calendar_says_its_date_and_its_state(language: str, date: str, name: str) -> None:
    """What a screen reader reads is the whole date and which of the seed's three states it is in."""
    async with a_visit() as visit:
        page = await to_time(visit, **{"Accept-Language": language})
        cell = re.search(rf'<button name="date" id="day-{date}"[^>]* aria-label="([^"]+)"', page.html)
        assert cell is not None
        assert cell[1].lower() == name.lower()


async def test_a_part_that_waits_says_for_what_and_for_how_long() -> None:
    """The seconds are counted from when it was asked for, also on a page that is loaded again."""
    async with a_visit() as visit:
        page = await visit.send(await to_terms(visit), "choose_facilities", facility=OWN)
        visit.gateway.clock.move(7)
        waiting = await visit.get(page.path)
        assert re.search(r"Hämtar dagar med lediga tider … Har väntat i 7 s", waiting.text), waiting.text


async def test_who_does_not_answer_is_told_with_the_phone_number_beside_those_who_did() -> None:
    """The days of one facility are there, and the other's failure with its number above them."""
    async with a_visit() as visit:
        page = await visit.send(await to_terms(visit), "choose_facilities", facility=OWN)
        problem = Problem(type=ProblemType.FACILITY_UNAVAILABLE, facility="Borta").public("sv")
        silent = SearchedFacility(
            facility=OTHER, facility_name="Borta", source_status=SourceStatus.NONE, problem=problem
        )
        answered = SearchedFacility(facility=OWN, facility_name="Hemma", source_status=SourceStatus.FROM_SOURCE)
        await visit.gateway.tell_days("2026-02-02", searched=(answered, silent))
        await visit.gateway.tell_timeslots(a_timeslot())
        page = await visit.get(page.path)
        phone = visit.gateway.deps.configuration.facilities[OTHER].phone
        assert f"Vi kan inte hämta lediga tider hos Borta just nu. Försök igen, eller ring {phone}." in page.text
        assert timeslots_of(page)


@pytest.mark.parametrize("length", [89, 90, 91])
async def test_a_text_is_cut_at_ninety_characters_exactly(length: int) -> None:
    """Ninety stay whole; of ninety-one the first ninety, with «visa mer» to all and «dölj text» back."""
    text = ("Förhinder på jobbet. " * 5)[: length - 1] + "x"
    assert len(text) == length
    async with a_visit() as visit:
        page = await visit.send(await to_details(visit), "give_details", comment=text, phone="070-1")
        assert step_of(page) == "summary"
        whole = f'<span class="whole">{text}</span>'
        cut = (
            f'<details class="cut"><summary><span class="short">{text[:90]}… </span><span class="more">visa mer</span>'
            f'<span class="less">dölj text</span></summary>{whole}</details>'
        )
        assert (cut if length > 90 else f"<dd>{whole}</dd>") in re.sub(r"\n\s*", "", page.html)
        assert ("visa mer" in page.html) is (length > 90)


@pytest.mark.parametrize(
    "state", [OutcomeState.UNKNOWN, OutcomeState.REJECTED, OutcomeState.NOT_APPLIED, OutcomeState.OTHER_TIME]
)
async def test_whatever_is_no_success_has_the_facilitys_phone(state: OutcomeState) -> None:
    """It can be called from the page; a confirmed time shows none."""
    link = 'Mottagningens telefon: <a class="unbroken" href="tel:081230000">08-123 00 00</a>'
    async with a_visit() as visit:
        page = await to_outcome(visit)
        await visit.gateway.tell_outcome(page.path.split("/")[2], state, n=2, phone="08-123 00 00")
        assert link in (await visit.get(page.path)).html
        await visit.gateway.tell_outcome(page.path.split("/")[2], OutcomeState.CONFIRMED, n=3)
        assert "telefon" not in (await visit.get(page.path)).text


async def test_after_a_rejection_another_time_is_one_step_away() -> None:
    """What was written is kept, and choosing again goes on in the same rebooking."""
    async with a_visit() as visit:
        page = await to_outcome(visit)
        await visit.gateway.tell_outcome(page.path.split("/")[2], OutcomeState.REJECTED, n=2)
        time = await visit.get(page.path.replace("outcome", "time"))
        assert step_of(time) == "time"
        details = await visit.send(time, "choose_timeslot", timeslot=timeslots_of(time)[0])
        assert step_of(details) == "details"
        assert ">Krockar</textarea>" in details.html


async def test_a_confirmed_time_is_a_calendar_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is there when it is confirmed, and not before."""
    async with a_visit() as visit:
        page = await to_outcome(visit)
        assert (await visit.get(page.path + ".ics")).status == 404
        summary = visit.gateway.ledger.rows[0]
        rebooking = page.path.split("/")[2]
        assert summary.rebooking_id == rebooking
        snapshot = await visit.gateway.snapshot(rebooking)
        await visit.gateway.tell_outcome(
            rebooking, OutcomeState.CONFIRMED, n=2, summary=snapshot["sections"]["details"]["data"]["summary"]
        )
        file = await visit.get(page.path + ".ics")
        assert file.headers["Content-Type"].startswith("text/calendar")
        assert "DTSTART;TZID=Europe/Stockholm:20260202T090000" in file.html
        # Another id or facility is another name for the same booking: the entry is that of its first one.
        sealer, owner = visit.gateway.deps.sealer, summary.subject_hmac
        assert f"UID:{sealer.digest('calendar', owner, OWN, 'B1')}@omboka" in file.html
        monkeypatch.setattr(visit.gateway.ledger, "first_booked", lambda *_: (OTHER, "B0"))
        later = await visit.get(page.path + ".ics")
        assert f"UID:{sealer.digest('calendar', owner, OTHER, 'B0')}@omboka" in later.html


async def test_a_form_of_another_site_is_refused() -> None:
    """Without the session's token, or from another origin, nothing is done."""
    async with a_visit() as visit:
        page = await to_terms(visit)
        fields = {**page.form("choose_facilities"), "facility": OWN}
        assert (await visit.post(page.path, {**fields, "csrf": "x"})).status == 403
        assert (await visit.post(page.path, fields, Origin="https://evil.example")).status == 403
        assert step_of(await visit.get(page.path.replace("terms", "time"))) == "terms"


async def test_signed_out_is_said_on_every_page() -> None:
    """Without a session each page says so with 401, and shows nothing of anybody."""
    async with a_visit(signed_in=False) as visit:
        for path in ("/bookings", f"/rebook?facility={OWN}&booking=B1", f"/rebookings/{'0' * 32}/terms"):
            page = await visit.get(path)
            assert page.status == 401
            assert "Du är inte inloggad" in page.text


async def test_a_rebooking_of_somebody_else_is_not_found() -> None:
    """Its address gives another patient the same page as one that doesn't exist."""
    subject = SubjectOfCareId(ANOTHER_SUBJECT)
    another = Identity(
        subject=subject,
        given_name="Tova",
        family_name="Tovasson",
        actor=Actor(id=subject, type=ActorType.SUBJECT_OF_CARE),
    )
    async with a_visit(demo_patients=(PATIENT, another)) as visit:
        theirs = (await to_terms(visit)).path
        assert (await visit.get(theirs)).status == 200
        signed_in = await visit.gateway.client.post("/demo/session", data={"patient": "1"}, allow_redirects=False)
        assert signed_in.status == 303
        found, invented = await visit.get(theirs), await visit.get(f"/rebookings/{'0' * 32}/terms")
        assert found.status == invented.status == 404
        assert found.text == invented.text
        assert "Vi hittar inte bokningen." in found.text


async def test_demo_patients_sign_in_in_a_demo_alone() -> None:
    """Elsewhere nobody may pick a patient."""
    async with a_visit(signed_in=False) as visit:
        assert "Tolvan Tolvansson" in (await visit.get("/sign-in")).text
        assert (await visit.post("/demo/session", {"patient": "7"})).status == 404
    async with a_visit(signed_in=False, demo_patients=()) as visit:
        assert "Tolvan" not in (await visit.get("/sign-in")).text
        assert (await visit.post("/demo/session", {"patient": "0"})).status == 404


async def test_pages_are_sent_under_a_strict_policy() -> None:
    """No inline script or style, nothing from elsewhere, no framing, nothing stored; and `lang` is set."""
    async with a_visit() as visit:
        page = await to_time(visit)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<style|style=|<script(?! type=\"module\" src=)| on\w+=", page.html)
        assert '<html lang="sv">' in page.html


async def test_english_visitors_get_english_pages() -> None:
    """A rebooking begun in English is shown in English."""
    async with a_visit() as visit:
        page = await visit.get(f"/rebook?facility={OWN}&booking=B1", **{"Accept-Language": "en-GB"})
        assert '<html lang="en">' in page.html
        assert "Fetching your booked time" in page.text


async def test_all_of_a_page_is_under_a_hundred_kilobytes() -> None:
    """The largest page with its stylesheet and scripts, uncompressed."""
    async with a_visit() as visit:
        size = len((await to_time(visit)).html.encode())
        for file in ("omboka.css", "omboka-client.js", "pages.js", "icon.svg"):
            size += len((await visit.get(f"/static/{file}")).html.encode())
        assert size < 100_000


async def test_a_file_is_told_once_and_then_only_that_it_is_the_same() -> None:
    """Its kind, its ETag, 304 to whoever has it; no other file is there."""
    async with a_visit() as visit:
        client = visit.gateway.client
        for name, kind in (("omboka.css", "text/css"), ("pages.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
            first = await client.get(f"/static/{name}")
            assert (first.status, first.content_type) == (200, kind)
            assert first.headers["Cache-Control"] == "no-cache"
            assert first.headers["X-Content-Type-Options"] == "nosniff"
            assert await first.read() == (files.STATIC / name).read_bytes()
            again = await client.get(f"/static/{name}", headers={"If-None-Match": first.headers["ETag"]})
            assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", first.headers["ETag"])
            changed = await client.get(f"/static/{name}", headers={"If-None-Match": '"another"'})
            assert changed.status == 200
        for name in ("", "nothing.css", "..%2Fapp.py", "omboka.css/more"):
            assert (await client.get(f"/static/{name}")).status == 404


async def test_browsers_get_the_rules_from_the_one_place() -> None:
    """The characters and lengths that browsers check are those of the shared rules and the configuration."""
    async with a_visit() as visit:
        rules = json.loads((await visit.get("/rules.json")).html)
        assert set(rules["comment"]["characters"]) == COMMENT_CHARACTERS
        assert set(rules["phone"]["characters"]) == PHONE_CHARACTERS
        assert (rules["comment"]["max_length"], rules["phone"]["max_length"]) == (500, 30)
    assert "é" in str(rules_for_browsers(CommentRules(extra_letters="é"))["comment"]["characters"])


async def test_the_time_that_one_has_cannot_be_chosen() -> None:
    """It is shown as one's own, without a button."""
    async with a_visit() as visit:
        page = await visit.send(await to_terms(visit), "choose_facilities", facility=OWN)
        await visit.gateway.tell_days("2026-02-02")
        await visit.gateway.tell_timeslots(a_timeslot(start=CivilTime("20260202090000")), current=True)
        shown = await visit.get(page.path)
        assert "Din tid nu, kan inte väljas" in shown.text
        assert timeslots_of(shown) == []
