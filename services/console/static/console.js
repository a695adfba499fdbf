// The one script of the console. Every page works without it. It makes four things quicker, each asked for by an
// attribute in the page:
//   data-preview  a form or a link whose answer is shown in a dialog, without leaving the page
//   data-live     a region with an id, which is fetched again every ten seconds from the page's own address
//   data-typing   the ids of regions that are fetched again for what the form holds: while somebody types in the element
//                 with this attribute, or, on a button, when it is pressed
//   data-row      a row that j and k move to; the keys o, p, f, a press what has that key as its data-key
"use strict";

const LIVE_EVERY = 10000;
const parse = (text) => new DOMParser().parseFromString(text, "text/html");

// --- Previews: the answer's <main> in a dialog -------------------------------------------------------------------

let sheet = null;
let opener = null;

function openSheet(page) {
  if (!sheet) {
    sheet = document.createElement("dialog");
    sheet.className = "sheet";
    sheet.addEventListener("close", () => {
      sheet.replaceChildren();
      if (opener && opener.isConnected) opener.focus();
      opener = null;
    });
    document.body.append(sheet);
  }
  const content = document.createElement("div");
  content.append(...page.querySelector("main").childNodes);
  separate(content);
  sheet.replaceChildren(content);
  const title = sheet.querySelector("h1");
  sheet.setAttribute("aria-label", title ? title.textContent.trim() : page.title);
  if (!sheet.open) sheet.showModal();
  sheet.scrollTop = 0;
  const first = sheet.querySelector("[autofocus], .problem") || title;
  if (first) {
    if (!first.hasAttribute("tabindex") && first === title) first.tabIndex = -1;
    first.focus();
  }
}

// The ids of a page that is shown inside another one must not be those of the page below.
function separate(content) {
  for (const one of content.querySelectorAll("[id]")) one.id = `sheet-${one.id}`;
  for (const name of ["for", "form", "list", "aria-labelledby", "aria-describedby"]) {
    for (const one of content.querySelectorAll(`[${name}]`)) {
      const ids = one.getAttribute(name).split(" ");
      one.setAttribute(name, ids.map((id) => `sheet-${id}`).join(" "));
    }
  }
  for (const one of content.querySelectorAll('a[href^="#"]')) {
    one.setAttribute("href", `#sheet-${one.getAttribute("href").slice(1)}`);
  }
}

async function preview(address, options, busy) {
  if (busy) busy.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { ...options, headers: { accept: "text/html" }, credentials: "same-origin" });
    const page = parse(await answer.text());
    // Whoever must sign in, or was led elsewhere, goes there.
    if (answer.redirected || answer.status === 401 || !page.querySelector("main")) return false;
    openSheet(page);
    return true;
  } catch {
    return false;
  } finally {
    if (busy) busy.removeAttribute("aria-busy");
  }
}

document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  const again = sheet && sheet.contains(form) && button && button.hasAttribute("data-again");
  if (!(form.hasAttribute("data-preview") || again) || event.defaultPrevented || (button && button.name === "keep")) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy")) return;
  const body = new URLSearchParams(new FormData(form, button));
  if (!sheet || !sheet.open) opener = button || document.activeElement;
  if (await preview(form.action, { method: "POST", body }, form)) return;
  const sent = button && button.name ? Object.assign(document.createElement("input"), { type: "hidden", name: button.name, value: button.value }) : null;
  if (sent) form.append(sent);
  form.submit(); // as without a script
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.hasAttribute("data-close") && sheet && sheet.contains(link)) {
    event.preventDefault();
    sheet.close();
  } else if (link.hasAttribute("data-preview") && !(sheet && sheet.open)) {
    event.preventDefault();
    opener = link;
    if (!(await preview(link.href, {}, link))) location.assign(link.href);
  }
});

// --- Live regions ------------------------------------------------------------------------------------------------

async function refresh() {
  const regions = [...document.querySelectorAll("[data-live][id]")];
  if (!regions.length || document.hidden || (sheet && sheet.open)) return;
  let page;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    page = parse(await answer.text());
  } catch {
    return; // the next time it may be there again
  }
  for (const region of regions) {
    const fresh = page.getElementById(region.id);
    if (fresh) swap(region, fresh);
  }
}

// Whoever is typing in the region, or has chosen something in it, is not disturbed.
function swap(region, fresh) {
  const tokens = (element) => element.innerHTML.replace(/(name="form_token" value=")[^"]*/g, "$1");
  if (tokens(region) === tokens(fresh)) return;
  const held = region.contains(document.activeElement) ? document.activeElement : null;
  if (held && held.matches("input, select, textarea")) return;
  const opened = [...region.querySelectorAll("details")].map((one) => one.open);
  const place = held ? focusable(region).indexOf(held) : -1;
  region.replaceChildren(...fresh.childNodes);
  [...region.querySelectorAll("details")].forEach((one, index) => (one.open = opened[index] ?? one.open));
  if (!held) return;
  const next = (held.id && document.getElementById(held.id)) || focusable(region)[place];
  if (next) next.focus({ preventScroll: true });
}

const focusable = (region) => [...region.querySelectorAll("a[href], button, summary, [tabindex]")];

setInterval(refresh, LIVE_EVERY);
document.addEventListener("visibilitychange", refresh);

// --- Answers while somebody types ----------------------------------------------------------------------------------

const PAUSE = 300;
let asking = { abort() {} };

// What is typed is worth more than what is shown: fields stay as they are, and a region in which somebody types too.
async function ask(part, form, button, signal) {
  const typed = new FormData(form, button), gets = form.method === "get";
  if (!button && !gets) typed.set("do", "typing");
  const fields = new URLSearchParams([...typed].filter(([, value]) => value || !gets));
  const address = gets ? `${form.action}?${fields}` : form.action;
  const how = gets ? {} : { method: "POST", body: fields };
  try {
    const answer = await fetch(address, { ...how, signal, headers: { accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return false;
    const page = parse(await answer.text());
    for (const id of part.dataset.typing.split(" ")) {
      const region = document.getElementById(id), fresh = page.getElementById(id);
      if (region && fresh) swap(region, fresh);
    }
    if (gets) history.replaceState(history.state, "", address); // so that reloading shows the same
    return true;
  } catch {
    return false;
  }
}

document.addEventListener("input", (event) => {
  const part = event.target.closest("[data-typing]"), form = event.target.form;
  if (!part || !form || (sheet && sheet.contains(form))) return;
  asking.abort(); // an answer to what was typed before comes too late
  const { signal } = (asking = new AbortController());
  setTimeout(() => signal.aborted || ask(part, form, null, signal), PAUSE);
});

document.addEventListener("submit", async (event) => {
  asking.abort();
  const button = event.submitter;
  if (!button || !button.dataset.typing || event.defaultPrevented) return;
  event.preventDefault();
  const { signal } = (asking = new AbortController());
  button.setAttribute("aria-busy", "true");
  const shown = await ask(button, event.target, button, signal);
  button.removeAttribute("aria-busy");
  if (shown || signal.aborted) return;
  delete button.dataset.typing;
  button.click(); // as without a script
});

// --- Keys --------------------------------------------------------------------------------------------------------

const OFF = "upward-keys-off";
const remembered = () => {
  try {
    return localStorage.getItem(OFF);
  } catch {
    return null;
  }
};

for (const hint of document.querySelectorAll("[data-script]")) hint.hidden = false;
for (const box of document.querySelectorAll("[data-keys]")) {
  box.checked = !remembered();
  box.addEventListener("change", () => {
    try {
      if (box.checked) localStorage.removeItem(OFF);
      else localStorage.setItem(OFF, "yes");
    } catch {
      // it counts for this page alone then
    }
  });
}

const keysAreOff = () => {
  const box = document.querySelector("[data-keys]");
  return box ? !box.checked : Boolean(remembered());
};

function move(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, here + by));
  rows[next].focus();
  rows[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || keysAreOff()) return;
  if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
  if (sheet && sheet.open) return;
  if (!document.querySelector("[data-row]")) return;
  if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    move(event.key === "j" ? 1 : -1);
    return;
  }
  const row = document.activeElement.closest("[data-row]");
  const key = event.key === "Enter" && event.target === row ? "o" : event.key;
  if (!["o", "p", "f", "a"].includes(key)) return;
  const wanted = `[data-key="${key}"]`;
  const found = (row && row.querySelector(wanted)) || (key === "a" ? document.querySelector(wanted) : null);
  if (found) {
    event.preventDefault();
    found.click();
  }
});
