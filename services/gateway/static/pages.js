/** The pages, made livelier: each part is drawn by the gateway, and put in its place as it arrives. */
import { OmbokaClient } from "./omboka-client.js";

const CHANGES_EACH_TIME = / (?:value="[0-9a-f]{8}-[0-9a-f-]{27}"|data-waited="\d+"|tabindex="-?\d"|open=""|aria-disabled="false")/g;
const IN_PLACE = ["choose_day", "choose_performer", "search_further", "retry"];
document.documentElement.classList.add("script");

const id = (name) => document.getElementById(name);
const bare = (element) => element.outerHTML.replace(CHANGES_EACH_TIME, "").replace(/\d+ s<\/span>/g, "");

/** What the status line has to say: only what it hasn't said already. */
let said = new Set();
function announce(silently = false) {
  const all = [...document.querySelectorAll("[data-status], [data-say]")].map((one) => one.textContent.trim());
  const fresh = all.filter((one) => !said.has(one));
  said = new Set(all);
  if (fresh.length && !silently) id("status").textContent = fresh.join(". ").replace(/\s+/g, " ");
}

/** Under a finger or the focus nothing changes place: what is new comes after what was there. */
function keepPlaces(old, next) {
  for (const list of old.querySelectorAll("[data-list]")) {
    if (!list.matches(":hover, :focus-within")) continue;
    const drawn = next.querySelector(`[data-list="${list.dataset.list}"]`);
    const buttons = new Map([...(drawn?.querySelectorAll("button") ?? [])].map((one) => [one.id, one.closest("li")]));
    const first = [...list.querySelectorAll("button")].map((one) => buttons.get(one.id)).filter(Boolean);
    drawn?.prepend(...first);
  }
}

/** Put what has changed in its place; the focus stays where it is, on the same control, with what was chosen in it. */
function put(html) {
  const drawn = new DOMParser().parseFromString(html, "text/html");
  const focused = document.activeElement;
  const name = focused.id;
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = drawn.querySelector(`[data-part="${part.dataset.part}"]`);
    if (!next || bare(next) === bare(part)) continue;
    keepPlaces(part, next);
    for (const select of part.querySelectorAll("select")) {
      const same = next.querySelector(`#${select.id}`);
      if (same && select.dataset.touched && [...same.options].some((one) => one.value === select.value)) {
        same.value = select.value;
        same.dataset.touched = select.dataset.touched;
      }
    }
    const scrolled = new Map([...part.querySelectorAll("[data-list]")].map((one) => [one.dataset.list, one.scrollTop]));
    part.replaceWith(document.adoptNode(next));
    for (const list of next.querySelectorAll("[data-list]")) list.scrollTop = scrolled.get(list.dataset.list) ?? 0;
  }
  if (name && !focused.isConnected) {
    const same = id(name);
    // a button that has nothing left to do can't hold the focus: its heading can
    (same?.disabled ? id("month") : same)?.focus({ preventScroll: true });
  }
  arrange();
  announce();
}

/** Take an answer: another page is gone to, this one is put in place. Throws for an answer that is no page of ours. */
async function take(answer, from = null) {
  const html = await answer.text();
  // an answer about where one no longer is, for a month was turned to meanwhile: it would turn back
  if (from !== null && from !== location.href) return redraw();
  if (!html.includes('id="content"')) throw new Error("no page");
  const url = new URL(answer.url);
  if (url.pathname !== location.pathname) return location.assign(answer.url);
  // from a stop to a page with parts, or the other way: there is nothing to put in place
  if (!html.includes("data-part=") || !document.querySelector("[data-part]")) return location.reload();
  if (url.search !== location.search) history.replaceState(null, "", answer.url);
  put(html);
}

const connected = (is) => {
  const notice = id("connection");
  if (!notice) return;
  notice.hidden = is;
  notice.textContent = is ? "" : notice.dataset.words;
};

let asked = null;
/** Draw the page again, soon; whatever arrives meanwhile is drawn at the same time. */
function redraw(soon = 60) {
  asked ??= setTimeout(async () => {
    asked = null;
    try {
      const from = location.href;
      await take(await fetch(from, { headers: { Accept: "text/html" } }), from);
      connected(true);
    } catch {
      connected(false);
      redraw(3000);
    }
  }, soon);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.submitter?.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    return explain(event.submitter);
  }
  if (form.matches("[data-details], [action='/signout']")) sessionStorage.clear();
  const fields = new FormData(form, event.submitter);
  const name = fields.get("do");
  if (!IN_PLACE.includes(name)) return;
  event.preventDefault();
  try {
    await take(await fetch(form.action, { method: "POST", body: new URLSearchParams(fields) }));
  } catch {
    connected(false);
    return redraw(3000);
  }
  if (name === "choose_day") id("choose-time")?.focus();
});

/** A button that can't be used yet says why, and leads to what it waits for. */
function explain(button) {
  const why = id(`${button.id}-why`);
  if (!why) return;
  why.textContent = why.dataset.words;
  id(why.dataset.field)?.focus();
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-stay]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  await turn(link);
});

/** Show another month that is searched already. */
async function turn(link) {
  try {
    await take(await fetch(link.href));
  } catch {
    location.assign(link.href);
  }
}

document.addEventListener("change", (event) => {
  event.target.dataset.touched = "true";
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-terms]")) arrange();
});

/** What depends on what the page holds: which terms are shown, and which day takes part in the tab order. */
function arrange() {
  const facility = document.querySelector("[data-terms]");
  const why = id("onward-why");
  // with nothing to choose from there is nothing to choose first
  if (why && facility?.value !== "") why.textContent = "";
  if (facility) {
    for (const terms of document.querySelectorAll(".terms")) {
      terms.hidden = facility.value !== "all" && terms.dataset.facility.toUpperCase() !== facility.value.toUpperCase();
    }
    id("onward")?.setAttribute("aria-disabled", String(facility.value === ""));
  }
  for (const grid of document.querySelectorAll("[data-grid]")) {
    const days = [...grid.querySelectorAll("button")];
    if (awaited?.startsWith(grid.dataset.grid)) {
      const still = document.activeElement === document.body || grid.parentElement.parentElement.contains(document.activeElement);
      if (still) (id(`day-${awaited}`) ?? days.at(-1)).focus();
      awaited = null;
    }
    const stop = days.find((day) => day === document.activeElement) ?? grid.querySelector(".chosen button") ?? grid.querySelector(".free button") ?? days[0];
    for (const day of days) day.tabIndex = day === stop ? 0 : -1;
  }
}

/** The WAI-ARIA date grid: arrows by day and week, Home and End within the week, page keys by month. */
const DAYS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const MONTHS = { PageUp: -1, PageDown: 1 };
/** The day that gets the focus when its month is there, YYYY-MM-DD. */
let awaited = null;

document.addEventListener("keydown", (event) => {
  const day = event.target.closest("[data-grid] button");
  if (!day || event.ctrlKey || event.metaKey || event.altKey) return;
  const row = [...day.closest("tr").querySelectorAll("button")];
  if (event.key === "Home") focusDay(row[0].value);
  else if (event.key === "End") focusDay(row.at(-1).value);
  else if (event.key in DAYS) focusDay(moved(day.value, DAYS[event.key]));
  else if (event.key in MONTHS) turnMonth(day.value, MONTHS[event.key]);
  else return;
  event.preventDefault();
});

document.addEventListener("focusin", (event) => {
  const day = event.target.closest("[data-grid] button");
  for (const one of day?.closest("[data-grid]").querySelectorAll("button") ?? []) one.tabIndex = one === day ? 0 : -1;
});

function moved(date, days) {
  const at = new Date(`${date}T12:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

/** Focus a day; one of a month that is searched has that month shown. */
function focusDay(date) {
  const day = id(`day-${date}`);
  if (day) {
    day.focus();
    return;
  }
  const shown = document.querySelector("[data-grid]").dataset.grid;
  const link = id(date < shown ? "previous-month" : "next-month");
  if (!link?.matches("a")) return;
  awaited = date;
  turn(link);
}

/** The same day of the month beside, or its last one; the next month is searched if it must be. */
function turnMonth(date, by) {
  const [year, month, day] = date.split("-").map(Number);
  const last = new Date(Date.UTC(year, month + by, 0)).getUTCDate();
  const first = new Date(Date.UTC(year, month - 1 + by, 1)).toISOString().slice(0, 8);
  const control = id(by < 0 ? "previous-month" : "next-month");
  if (!control || control.disabled || control.getAttribute("aria-disabled") === "true") return;
  awaited = first + String(Math.min(day, last)).padStart(2, "0");
  control.click();
}

/** What a script has put in a field counts as written: the draft is kept, and the rules look at it. */
const written = (field) => field.dispatchEvent(new InputEvent("input", { bubbles: true }));

/** Comment and phone: the gateway's own rules, fetched from it. */
async function details() {
  const form = document.querySelector("[data-details]");
  if (!form) return;
  keepDraft(form);
  const rules = await (await fetch("/rules.json")).json();
  const phone = form.elements.phone;
  const kept = (text) => [...text].filter((char) => rules.phone.characters.includes(char)).join("");
  const insert = (text) => {
    phone.setRangeText(kept(text), phone.selectionStart, phone.selectionEnd, "end");
    written(phone);
  };
  phone.maxLength = rules.phone.max_length;
  phone.addEventListener("beforeinput", (event) => {
    if (!event.data || event.isComposing || kept(event.data) === event.data) return;
    event.preventDefault();
    if (event.data.length > 1) insert(event.data);
  });
  // what comes another way, such as a paste, a drop or a keyboard that guesses words
  phone.addEventListener("input", () => {
    const text = kept(phone.value).slice(0, rules.phone.max_length);
    if (text !== phone.value) phone.value = text;
  });
  phone.addEventListener("paste", (event) => {
    event.preventDefault();
    insert(event.clipboardData.getData("text"));
  });
  const comment = form.elements.comment;
  if (!comment) return;
  const button = form.querySelector("button.main");
  const faults = id("comment-faults");
  const clean = id("comment-clean");
  const allowed = new Set([...rules.comment.characters, "\n", "\r", "\t"]);
  const content = () => comment.value.normalize("NFC");
  const shown = (char) => (/[\p{C}\p{Z}]/u.test(char) ? `U+${char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}` : char);
  const look = () => {
    const refused = [...new Set(content())].filter((char) => !allowed.has(char));
    const long = [...content().replace(/[\r\n\t]+/g, " ").trim()].length > rules.comment.max_length;
    const told = [];
    if (refused.length) told.push(comment.dataset.refused.replace("#", () => refused.map(shown).join(" ")));
    if (long) told.push(comment.dataset.long.replace("#", rules.comment.max_length));
    button.setAttribute("aria-disabled", String(content().trim() === ""));
    faults.textContent = told.join(" ");
    comment.setAttribute("aria-invalid", String(told.length > 0));
    clean.hidden = refused.length === 0;
  };
  comment.addEventListener("input", look);
  clean.addEventListener("click", () => {
    comment.value = [...content()].filter((char) => allowed.has(char)).join("");
    written(comment);
    comment.focus();
  });
  button.addEventListener("click", (event) => {
    const empty = button.getAttribute("aria-disabled") === "true";
    if (!empty && !faults.textContent) return;
    event.preventDefault();
    if (empty) faults.textContent = comment.dataset.why;
    comment.focus();
  });
  look();
}

/** What is written and not yet sent outlives a reload, in this tab alone, until it is sent or one signs out. */
function keepDraft(form) {
  const fields = [...form.querySelectorAll("input:not([type=hidden]), textarea")];
  const draft = JSON.parse(sessionStorage.getItem(location.pathname) ?? "{}");
  for (const field of fields) field.value = draft[field.name] ?? field.value;
  form.addEventListener("input", () => {
    const written = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    sessionStorage.setItem(location.pathname, JSON.stringify(written));
  });
}

setInterval(() => {
  for (const one of document.querySelectorAll("[data-waited]")) {
    one.dataset.waited = Number(one.dataset.waited) + 1;
    one.textContent = one.dataset.words.replace("#", one.dataset.waited);
  }
}, 1000);

/** Follow the rebooking; each event has the page drawn again. */
function follow() {
  const { rebooking, seq, csrf } = document.body.dataset;
  if (!rebooking || !document.querySelector("[data-part]")) return;
  const client = new OmbokaClient({ rebooking, after: Number(seq), headers: () => ({ "X-CSRF-Token": csrf }) });
  for (const name of ["event", "resync"]) client.addEventListener(name, () => redraw());
  let leaving = false;
  client.addEventListener("state", ({ detail }) => {
    if (leaving) return;
    if (detail === "waiting") connected(false);
    if (detail === "live") connected(true);
    // signed out, or gone: the page says which
    if (detail === "ended") redraw();
  });
  addEventListener("pagehide", () => {
    leaving = true;
    client.close();
  });
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  client.connect();
}

arrange();
announce(true);
id("errors")?.focus();
details();
follow();
