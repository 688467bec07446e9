"""The pages' words: Swedish is the source, English a complete translation; `{name}` is filled in.

Source: the flow's strings; those between guillemets there stand here letter by letter.
"""

from __future__ import annotations

from shared.contracts.model import Language

WORDS: dict[str, tuple[str, str]] = {
    "omboka": ("Omboka", "Rebook"),
    "skip": ("Till innehållet", "Skip to content"),
    "my_bookings": ("Mina bokade tider", "My booked times"),
    "all_bookings": ("Bokade tider", "Booked times"),
    "back": ("Tillbaka", "Back"),
    "sign_out": ("Logga ut", "Sign out"),
    "whose": ("Tiden gäller {name}", "The time is for {name}"),
    "step": ("Steg {number} av 4", "Step {number} of 4"),
    "reconnecting": (
        "Kontakten med tjänsten är bruten. Vi försöker igen hela tiden; inget du har gjort går förlorat.",
        "The connection is lost. We keep trying; nothing that you have done is lost.",
    ),
    "demo_heading": ("Välj en testpatient", "Choose a test patient"),
    "demo_text": (
        "Det här är en demonstration med påhittade patienter och bokningssystem.",
        "This is a demonstration with invented patients and booking systems.",
    ),
    "signed_out_heading": ("Du är inte inloggad", "You are not signed in"),
    "signed_out_text": ("Logga in och försök igen.", "Sign in and try again."),
    "no_bookings": ("Du har inga bokade tider.", "You have no booked times."),
    "rebook": ("Omboka", "Rebook"),
    "not_here": ("Tiden kan inte bokas om här. Ring {phone}.", "The time can't be rebooked here. Call {phone}."),
    "source_failed": (
        "{facility} svarar inte just nu. Deras tider visas inte.",
        "{facility} doesn't answer just now. Their times aren't shown.",
    ),
    "source_waiting": ("{facility} har inte svarat än.", "{facility} hasn't answered yet."),
    "show_again": ("Visa igen", "Show again"),
    "no_time": ("Ingen tid bestämd", "No time set"),
    "clock": ("kl. {start}", "at {start}"),
    "clock_to": ("kl. {start}–{end}", "at {start}–{end}"),
    "show_more": ("visa mer", "show more"),
    "show_less": ("dölj text", "hide text"),
    "terms_heading": ("Villkorssida, välj mottagning", "Terms, choose facility"),
    "current_time": ("Din tid nu", "Your time now"),
    "choose_facility": ("Välj mottagning", "Choose facility"),
    "search_all": ("Sök hos alla mottagningar", "Search all facilities"),
    "show_terms": ("Visa villkor", "Show terms"),
    "terms_of": ("Villkor för {facility}", "Terms of {facility}"),
    "facilities_failed": (
        "Vi kan inte hämta andra mottagningar just nu.",
        "We can't fetch other facilities just now.",
    ),
    "continue": ("Fortsätt", "Continue"),
    "try_again": ("Försök igen", "Try again"),
    "wait_booking": ("Hämtar din bokade tid", "Fetching your booked time"),
    "wait_facilities": ("Hämtar mottagningar", "Fetching facilities"),
    "wait_performers": ("Hämtar personer", "Fetching people"),
    "wait_days": ("Hämtar dagar med lediga tider", "Fetching days with free times"),
    "wait_timeslots": ("Hämtar lediga tider", "Fetching free times"),
    "waited": ("Har väntat i {seconds} s", "Has waited for {seconds} s"),
    "time_heading": ("Ombokningssida", "Choose a new time"),
    "choose_performer": ("Välj person", "Choose person"),
    "everybody": ("Alla", "All"),
    "choose_day": ("Välj dag", "Choose day"),
    "day_free": ("Lediga tider finns detta datum", "There are free times on this date"),
    "day_none": ("Inga lediga tider tillgängliga detta datum", "No free times available on this date"),
    "day_chosen": ("Vald dag med tillgängliga tider", "Chosen day with available times"),
    "cell_free": ("{day}, lediga tider", "{day}, free times"),
    "cell_none": ("{day}, inga lediga tider", "{day}, no free times"),
    "cell_chosen": ("{day}, vald dag, lediga tider", "{day}, chosen day, free times"),
    "cell_unknown": ("{day}, inte sökt", "{day}, not searched"),
    "list_of_days": ("Dagar med lediga tider", "Days with free times"),
    "previous_month": ("Föregående månad", "Previous month"),
    "next_month": ("Nästa månad", "Next month"),
    "further": ("Sök längre fram i tiden efter {day}", "Search further ahead, after {day}"),
    "no_days": (
        "Det finns inga lediga tider att boka om till mellan {first_day} och {last_day}.",
        "There are no free times to rebook to between {first_day} and {last_day}.",
    ),
    "days_failed": (
        "Vi kan inte hämta lediga tider hos {facility} just nu. Försök igen, eller ring {phone}.",
        "We can't fetch free times at {facility} just now. Try again, or call {phone}.",
    ),
    "choose_time": ("VÄLJ TID", "CHOOSE TIME"),
    "timeslots_gone": (
        "Tiderna den dagen är inte längre lediga. Välj en annan dag.",
        "The times on that day are no longer free. Choose another day.",
    ),
    "your_time": ("Din tid nu, kan inte väljas", "Your time now, can't be chosen"),
    "free_one": ("1 ledig tid", "1 free time"),
    "morning": ("Förmiddag", "Morning"),
    "afternoon": ("Eftermiddag", "Afternoon"),
    "change_facility": ("Tillbaka till villkor och mottagning", "Back to terms and facility"),
    "free_count": ("{count} lediga tider", "{count} free times"),
    "details_heading": ("Uppgifter till mottagningen", "Details for the facility"),
    "comment_heading": ("Vad är anledningen till bokningen?", "What is the reason for the booking?"),
    "comment_label": ("Skriv anledningen (måste fyllas i)", "Write the reason (must be filled in)"),
    "comment_grey": ("Jag ombokar tiden med anledning av ...", "I am rebooking because of ..."),
    "comment_why": ("Skriv anledningen först.", "Write the reason first."),
    "comment_clean": ("Ta bort de otillåtna tecknen", "Remove the characters not allowed"),
    "comment_long": ("Skriv högst {max} tecken.", "Write at most {max} characters."),
    "comment_refused": ("Otillåtna tecken: {characters}", "Characters not allowed: {characters}"),
    "phone_label": ("Telefonnummer", "Phone number"),
    "phone_hint": (
        "Siffror, mellanslag, bindestreck och plustecken.",
        "Digits, spaces, hyphens and plus signs.",
    ),
    "next_step": ("Fortsätt till nästa steg i ombokningen", "Continue to the next step of the rebooking"),
    "errors_heading": ("Rätta det här", "Correct this"),
    "summary_heading": ("Sammanfattning av tiden", "Summary of the time"),
    "confirm": ("Ja, genomför ombokningen", "Yes, rebook"),
    "change_details": ("Ändra uppgifterna", "Change the details"),
    "change_time": ("Välj en annan tid", "Choose another time"),
    "outcome_heading": ("Din ombokning", "Your rebooking"),
    "sending": ("Vi ombokar din tid. Vänta på besked.", "We are rebooking your time. Wait for the outcome."),
    "unknown": (
        "Vi vet ännu inte om ombokningen gick igenom. Boka inte om igen. Du kan stänga sidan; beskedet finns här "
        "och under Mina bokade tider.",
        "We don't know yet whether the rebooking went through. Don't rebook again. You may close the page; the "
        "outcome will be here and under My booked times.",
    ),
    "not_rebooked": (
        "Tiden är inte ombokad. Var vänlig försök igen!",
        "The time has not been rebooked. Please try again!",
    ),
    "confirmed": ("Tiden är ombokad", "The time is rebooked"),
    "other_time": (
        "Din tid har ändrats. Den tid som gäller visas här.",
        "Your time has changed. The time that holds is shown here.",
    ),
    "manual": (
        "Vi kan inte se om tiden är ombokad. Kontakta mottagningen på telefon {phone} innan du bokar om igen.",
        "We can't see whether the time is rebooked. Contact the facility on phone {phone} before you rebook again.",
    ),
    "add_calendar": ("Lägg till i kalendern", "Add to the calendar"),
    "start_again": ("Börja om", "Start again"),
    "list_confirmed": ("Ombokad", "Rebooked"),
    "list_open": ("Ombokning pågår", "Being rebooked"),
    "list_unknown": ("Ombokningen är inte klar", "The rebooking isn't settled"),
    "list_failed": ("Tiden är inte ombokad", "The time is not rebooked"),
    "list_other_time": ("Tiden har ändrats", "The time has changed"),
    "list_manual": ("Kontakta mottagningen", "Contact the facility"),
    "show_outcome": ("Visa beskedet", "Show the outcome"),
}

LIST_WORDS = {
    "confirmed": "list_confirmed",
    "accepted": "list_open",
    "sending": "list_open",
    "unknown": "list_unknown",
    "rejected": "list_failed",
    "not_applied": "list_failed",
    "other_time": "list_other_time",
    "manual": "list_manual",
}
"""What the list of bookings says of a rebooking's outcome, by its state."""


def words(key: str, language: Language, **values: object) -> str:
    """One of the texts, filled in."""
    return WORDS[key][0 if language == "sv" else 1].format(**values)
