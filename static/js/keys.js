// The keys of a screen. `data-key="n"` on a link or a button; `data-key="Alt+P"` works inside fields too.
//
// Single letters work outside fields only and can be turned off (WCAG 2.1.4): `<body data-single-keys="off">`.

import { isCovered } from "./cover.js";
import { isVisible, takesLetters } from "./dom.js";
import { afterQuiet } from "./scanner.js";

const ALWAYS = [
  ["/", "chercher un dossier"],
  ["?", "afficher les touches"],
];

export function singleKeysAllowed() {
  return document.body.dataset.singleKeys !== "off";
}

/** How a key is written on a data-key attribute, whatever the keyboard: « n », « ? », « Alt+P », « Échap ». */
function nameOf(event) {
  if (event.ctrlKey || event.metaKey) return null;
  if (event.altKey) return /^[a-z]$/i.test(event.key) ? `Alt+${event.key.toUpperCase()}` : null;
  if (event.key === "Escape") return "Échap";
  return event.key.length === 1 ? event.key : null;
}

function scope() {
  return document.querySelector("dialog[open]") ?? document;
}

function findKey(name) {
  return [...scope().querySelectorAll(`[data-key="${CSS.escape(name)}"]`)].find((e) => isVisible(e) && !e.disabled);
}

function act(element) {
  if (takesLetters(element)) element.focus();
  else if (element.tagName === "INPUT") element.click();
  else {
    element.focus();
    element.click();
  }
}

/** Alt+1…9 by the place of the key: on a French keyboard the digit row types & é " ' ( without Shift. */
function goToSection(digit) {
  const section = document.querySelector(`[data-section="${digit}"]`);
  if (!section) return false;
  const field = section.querySelector("input:not([type=hidden], [readonly], [disabled]), select, textarea, a[href], button");
  const goal = field ?? section;
  if (goal === section) section.tabIndex = -1;
  section.scrollIntoView({ block: "nearest" });
  goal.focus({ preventScroll: Boolean(field) });
  return true;
}

function mainForm(element) {
  return element?.closest?.("form[data-main]") ?? element?.form ?? document.querySelector("form[data-main]");
}

function onKeydown(event) {
  // A locked workstation has no screen, and no key of one.
  if (event.defaultPrevented || event.isComposing || isCovered()) return;
  if (event.ctrlKey && event.key === "Enter") {
    const form = mainForm(document.activeElement);
    if (!form) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("[data-main-submit]") ?? undefined);
    return;
  }
  const digit = event.altKey && !event.ctrlKey && /^Digit([1-9])$/.exec(event.code)?.[1];
  if (digit) {
    if (goToSection(digit)) event.preventDefault();
    return;
  }
  const name = nameOf(event);
  if (!name || event.repeat) return;
  if (name.startsWith("Alt+") || name === "Échap") {
    const element = findKey(name);
    if (!element || (name === "Échap" && scope() !== document)) return;
    event.preventDefault();
    act(element);
    return;
  }
  if (takesLetters(event.target) || !singleKeysAllowed()) return;
  if (name === "/" || name === "?") event.preventDefault();
  const element = findKey(name);
  if (element) {
    event.preventDefault();
    afterQuiet(() => act(element));
  } else if (name === "?") afterQuiet(openSheet);
  else if (name === "/" && scope() === document) {
    // Late enough that a card with a slash in it does not send the focus away.
    afterQuiet(() => {
      const search = document.querySelector("[data-search]");
      search?.focus();
      search?.select();
    });
  }
}

function keysOfScreen() {
  const found = new Map();
  for (const element of document.querySelectorAll("[data-key]")) {
    if (!isVisible(element) || found.has(element.dataset.key)) continue;
    const words = element.cloneNode(true);
    for (const key of words.querySelectorAll("kbd")) key.remove();
    found.set(element.dataset.key, element.dataset.keyLabel ?? (element.getAttribute("aria-label") || words.textContent.trim()));
  }
  for (const element of document.querySelectorAll("[data-keys-note]")) found.set(element.dataset.keysNote, element.dataset.keyLabel);
  if (document.querySelector("[data-section]")) found.set("Alt+1…5", "aller à l’étape");
  if (document.querySelector("form[data-main]")) found.set("Ctrl+Entrée", "valider le formulaire");
  for (const [key, label] of ALWAYS) if (!found.has(key)) found.set(key, label);
  return found;
}

function openSheet() {
  const sheet = document.getElementById("keys-sheet");
  if (!sheet || sheet.open || isCovered()) return;
  const list = sheet.querySelector(".key-list");
  list.replaceChildren();
  for (const [key, label] of keysOfScreen()) {
    const term = document.createElement("dt");
    for (const part of key.split("+")) {
      const kbd = document.createElement("kbd");
      kbd.textContent = part;
      term.append(term.hasChildNodes() ? " " : "", kbd);
    }
    const words = document.createElement("dd");
    words.textContent = label;
    list.append(term, words);
  }
  sheet.showModal();
}

export function start() {
  document.addEventListener("keydown", onKeydown);
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-open-keys]")) openSheet();
    const sheet = document.getElementById("keys-sheet");
    if (event.target === sheet || event.target.closest?.("[data-close-sheet]")) event.target.closest("dialog")?.close();
  });
}
