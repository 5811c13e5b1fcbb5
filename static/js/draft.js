// Typed data is never lost: a form with `data-draft="name"` is kept in this tab until the server has taken it.
//
// Kept in sessionStorage, which dies with the tab, apart for each person: whoever takes over a shared workstation finds
// nothing of a colleague's there, and the colleague finds it again the same day. Emptied on sign-out. Never kept:
// passwords, files, hidden fields, and whatever stands in a [data-sensitive] (a NIR, a bank account).
//
// A form drawn again by the server with the person's own values says so with `data-bound`: nothing is put back over it.

import { clock, isLocked, isSignedOut, notice } from "./dom.js";

const PREFIX = "gap.draft:";
const SUBMITTED = "gap.draft.submitted";
const KEPT_FOR_MS = 12 * 3600 * 1000;
const SAVE_AFTER_MS = 300;
const timers = new Map();

const store = {
  get(key) {
    try {
      return JSON.parse(sessionStorage.getItem(key));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      sessionStorage.setItem(key, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
  remove(key) {
    sessionStorage.removeItem(key);
  },
};

function mine() {
  return `${PREFIX}${document.body.dataset.user ?? ""}:`;
}

function keyOf(form) {
  return mine() + form.dataset.draft;
}

function isKept(field) {
  return field.name && !field.disabled && !field.readOnly
    && !["password", "file", "hidden", "submit", "button", "image", "reset"].includes(field.type)
    && !field.closest("[data-sensitive]");
}

function isChanged(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") return [...field.options].some((option) => option.selected !== option.defaultSelected);
  return field.value !== field.defaultValue;
}

function valueOf(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked;
  if (field.tagName === "SELECT" && field.multiple) return [...field.selectedOptions].map((option) => option.value);
  return field.value;
}

/** Name of a field in the draft: a box is told from the others of its name by its value. */
function slotOf(field) {
  return field.type === "checkbox" || field.type === "radio" ? `${field.name}=${field.value}` : field.name;
}

function save(form) {
  timers.delete(form);
  const fields = {};
  for (const field of form.elements) if (isKept(field) && isChanged(field)) fields[slotOf(field)] = valueOf(field);
  if (Object.keys(fields).length === 0) return store.remove(keyOf(form));
  const kept = store.set(keyOf(form), { fields, at: clock(), time: Date.now(), version: form.dataset.version ?? "" });
  for (const place of document.querySelectorAll("[data-draft-state]")) {
    place.textContent = kept ? `Saisie gardée à ${clock(true)}` : "Saisie non gardée : ce navigateur le refuse";
  }
}

function put(field, value) {
  if (field.type === "checkbox" || field.type === "radio") field.checked = value;
  else if (field.tagName === "SELECT" && field.multiple) {
    for (const option of field.options) option.selected = value.includes(option.value);
  } else field.value = value;
  field.classList.add("is-restored");
}

function restore(form) {
  const draft = store.get(keyOf(form));
  if (!draft || form.hasAttribute("data-bound")) return;
  const changed = [];
  for (const field of form.elements) {
    if (!isKept(field) || !(slotOf(field) in draft.fields)) continue;
    if (JSON.stringify(valueOf(field)) === JSON.stringify(draft.fields[slotOf(field)])) continue;
    put(field, draft.fields[slotOf(field)]);
    changed.push(field);
  }
  if (changed.length === 0) return;
  // Dependent parts of the screen (a choice and its effects) follow without an htmx call being sent.
  for (const field of changed) field.dispatchEvent(new CustomEvent("gap:restored", { bubbles: true }));
  const moved = (form.dataset.version ?? "") !== draft.version;
  const sentence = moved
    ? `Votre saisie de ${draft.at} est reprise, mais le dossier a changé depuis. Vérifiez les champs marqués avant de valider.`
    : `Votre saisie de ${draft.at} est reprise. Les champs sensibles (NIR) sont à saisir de nouveau.`;
  notice("draft", moved ? "wait" : "sys", sentence, [
    ["Revenir aux valeurs du dossier", (box) => {
      store.remove(keyOf(form));
      form.reset();
      for (const field of form.elements) field.classList.remove("is-restored");
      box.remove();
    }],
  ]);
}

function forgetMine() {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(mine())) store.remove(key);
  store.remove(SUBMITTED);
}

/** A colleague who has not come back by the end of the day has nothing left here. */
function forgetOld() {
  const oldest = Date.now() - KEPT_FOR_MS;
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(PREFIX) && !((store.get(key)?.time ?? 0) > oldest)) store.remove(key);
  }
}

/** On arrival: was the last form taken? Yes, unless this is a sign-in or an error page, or the form came back. */
function settleSubmitted() {
  const key = store.get(SUBMITTED);
  if (!key) return;
  store.remove(SUBMITTED);
  if (document.body.hasAttribute("data-interrupted")) return;
  const form = [...document.querySelectorAll("form[data-draft]")].find((candidate) => keyOf(candidate) === key);
  if (!form?.hasAttribute("data-bound")) store.remove(key);
}

export function start() {
  forgetOld();
  settleSubmitted();
  if (document.body.dataset.user) for (const form of document.querySelectorAll("form[data-draft]")) restore(form);

  document.addEventListener("input", (event) => {
    const form = event.target.form;
    if (!form?.dataset.draft) return;
    clearTimeout(timers.get(form));
    timers.set(form, setTimeout(save, SAVE_AFTER_MS, form));
  });
  // Before the page is left (an expired session, a closed lid): what was typed in the last moment is kept too.
  window.addEventListener("pagehide", () => {
    for (const [form, timer] of timers) {
      clearTimeout(timer);
      save(form);
    }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.hasAttribute("data-sign-out")) return forgetMine();
    if (!form.dataset.draft) return;
    clearTimeout(timers.get(form));
    save(form);
    // An htmx form stays on its page: its answer is looked at below.
    if (!event.defaultPrevented) store.set(SUBMITTED, keyOf(form));
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const form = detail.elt?.closest?.("form[data-draft]");
    if (!form || detail.requestConfig.verb === "get" || !detail.successful || isSignedOut(detail.xhr) || isLocked(detail.xhr)) return;
    const came = document.querySelector(`form[data-draft="${CSS.escape(form.dataset.draft)}"]`);
    if (!came?.hasAttribute("data-bound")) store.remove(keyOf(form));
  });
}
