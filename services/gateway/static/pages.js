/** The pages, made livelier: each part is drawn by the gateway, and put in its place as it arrives. */
import { OmbokaClient } from "./omboka-client.js";

const CHANGES_EACH_TIME = / (?:value="[0-9a-f]{8}-[0-9a-f-]{27}"|data-waited="\d+"|tabindex="-?\d"|open="")/g;
const root = document.documentElement;
root.classList.add("script");

const bare = (element) => element.outerHTML.replace(CHANGES_EACH_TIME, "").replace(/\d+ s<\/span>/g, "");

/** Put what has changed in its place; the focus stays where it is, on the same control. */
function put(html, { announce = true } = {}) {
  const drawn = new DOMParser().parseFromString(html, "text/html");
  const focused = document.activeElement?.id;
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = drawn.querySelector(`[data-part="${part.dataset.part}"]`);
    if (next && bare(next) !== bare(part)) part.replaceWith(document.adoptNode(next));
  }
  if (focused && document.activeElement?.id !== focused) document.getElementById(focused)?.focus({ preventScroll: true });
  if (announce) {
    const said = [...document.querySelectorAll("[data-status], .waiting")].map((one) => one.textContent.trim());
    const text = said.join(". ").replace(/\s+/g, " ");
    const status = document.getElementById("status");
    if (status.textContent !== text) status.textContent = text;
  }
  arrange();
}

async function take(answer) {
  const url = new URL(answer.url);
  const known = document.querySelector("[data-part]");
  if (!known || url.pathname !== location.pathname) return location.assign(answer.url);
  const html = await answer.text();
  if (!html.includes("data-part=")) return location.reload();
  if (url.search !== location.search) history.replaceState(null, "", answer.url);
  put(html);
}

let asked = null;
/** Draw the page again, soon; whatever arrives meanwhile is drawn at the same time. */
function redraw() {
  asked ??= setTimeout(async () => {
    asked = null;
    try {
      await take(await fetch(location.href, { headers: { Accept: "text/html" } }));
    } catch {
      // the connection is gone: the client tells when it is back
    }
  }, 60);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const fields = new FormData(form, event.submitter);
  const name = fields.get("do");
  if (event.submitter?.getAttribute("aria-disabled") === "true") {
    event.preventDefault();
    return;
  }
  if (!["choose_day", "choose_performer", "search_further", "retry"].includes(name)) return;
  event.preventDefault();
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields) });
  await take(answer);
  if (name === "choose_day") document.getElementById("choose-time")?.focus();
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-stay]");
  if (!link) return;
  event.preventDefault();
  history.replaceState(null, "", link.href);
  await take(await fetch(link.href));
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-terms]")) {
    for (const terms of document.querySelectorAll(".terms")) {
      terms.hidden = event.target.value !== "all" && terms.dataset.facility !== event.target.value;
    }
  }
});

/** The WAI-ARIA date grid: one day takes part in the tab order, the arrows move among them. */
function arrange() {
  for (const grid of document.querySelectorAll("[data-grid]")) {
    const days = [...grid.querySelectorAll("button")];
    const stop = days.find((day) => day === document.activeElement) ?? grid.querySelector(".chosen button") ?? grid.querySelector(".free button") ?? days[0];
    for (const day of days) day.tabIndex = day === stop ? 0 : -1;
  }
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
document.addEventListener("keydown", (event) => {
  const day = event.target.closest("[data-grid] button");
  if (!day) return;
  const days = [...day.closest("[data-grid]").querySelectorAll("button")];
  const at = days.indexOf(day);
  const row = [...day.closest("tr").querySelectorAll("button")];
  let next = null;
  if (event.key in STEPS) next = days[at + STEPS[event.key]];
  else if (event.key === "Home") next = row[0];
  else if (event.key === "End") next = row.at(-1);
  else if (event.key === "PageUp" || event.key === "PageDown") {
    event.preventDefault();
    document.getElementById(event.key === "PageUp" ? "previous-month" : "next-month")?.click();
    return;
  } else return;
  event.preventDefault();
  if (!next) return;
  for (const one of days) one.tabIndex = one === next ? 0 : -1;
  next.focus();
});

/** Comment and phone: the gateway's own rules, fetched from it. */
async function details() {
  const form = document.querySelector("[data-details]");
  if (!form) return;
  const rules = await (await fetch("/rules.json")).json();
  const phone = form.elements.phone;
  const kept = (text) => [...text].filter((char) => rules.phone.characters.includes(char)).join("");
  phone.maxLength = rules.phone.max_length;
  phone.addEventListener("beforeinput", (event) => {
    if (!event.data || kept(event.data) === event.data) return;
    event.preventDefault();
    if (event.data.length > 1) phone.setRangeText(kept(event.data), phone.selectionStart, phone.selectionEnd, "end");
  });
  phone.addEventListener("paste", (event) => {
    event.preventDefault();
    phone.setRangeText(kept(event.clipboardData.getData("text")), phone.selectionStart, phone.selectionEnd, "end");
    phone.value = phone.value.slice(0, rules.phone.max_length);
  });
  const comment = form.elements.comment;
  if (!comment) return;
  comment.required = false;
  const button = form.querySelector("button.main");
  const said = document.getElementById("comment-faults");
  const clean = document.getElementById("comment-clean");
  const allowed = new Set([...rules.comment.characters, "\n", "\r", "\t"]);
  const refused = () => [...new Set([...comment.value.normalize("NFC")].filter((char) => !allowed.has(char)))];
  const look = () => {
    const characters = refused();
    button.setAttribute("aria-disabled", String(comment.value.trim() === ""));
    said.textContent = characters.length ? comment.dataset.refused.replace("#", characters.join(" ")) : "";
    clean.hidden = characters.length === 0;
  };
  comment.addEventListener("input", look);
  clean.addEventListener("click", () => {
    comment.value = [...comment.value.normalize("NFC")].filter((char) => allowed.has(char)).join("");
    look();
    comment.focus();
  });
  button.addEventListener("click", (event) => {
    if (button.getAttribute("aria-disabled") !== "true") return;
    event.preventDefault();
    said.textContent = comment.dataset.why;
    comment.focus();
  });
  look();
}

setInterval(() => {
  for (const one of document.querySelectorAll("[data-waited]")) {
    one.dataset.waited = Number(one.dataset.waited) + 1;
    one.textContent = one.dataset.words.replace("#", one.dataset.waited);
  }
}, 1000);

/** Follow the rebooking; each event has the page drawn again. */
function follow() {
  const rebooking = document.body.dataset.rebooking;
  if (!rebooking || !document.querySelector("[data-part]")) return;
  const headers = () => ({ "X-CSRF-Token": document.body.dataset.csrf });
  const client = new OmbokaClient({ rebooking, headers });
  for (const name of ["event", "resync"]) client.addEventListener(name, redraw);
  addEventListener("pagehide", () => client.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  client.connect();
}

arrange();
document.getElementById("errors")?.focus();
details();
follow();
