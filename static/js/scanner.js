// The card scanner: a keyboard that types very fast and ends with Enter. It is caught on the whole page.
//
// Nobody types eight characters at 35 ms each; a held key repeats as fast, but says that it repeats. Times are those
// of the events themselves, so that a busy page, which receives keys late and all at once, is not fooled.

import { isTextField } from "./dom.js";
import { canRead, read, showReady } from "./reader.js";

const MOST_AVERAGE_MS = 35;
const MOST_GAP_MS = 80;
const MOST_BEFORE_ENTER_MS = 150;
const LEAST_LENGTH = 8;
const BURST_LENGTH = 2;
const TAIL_MS = 150;
const SAME_SCAN_MS = 2000;
const QUIET_MS = 90;

const MODIFIERS = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "NumLock", "Fn"]);
const DEAD_KEYS = { BracketLeft: ["^", "¨"] };

/**
 * What a key types, as a card holds it; null for a key that ends a run (an arrow, Tab, a shortcut).
 * Ctrl + a sign is a control character: GS comes as Ctrl + ] from many scanners, as F8 from others (kept as « <F8> »).
 */
export function textOf(event) {
  const { key } = event;
  if (/^F\d{1,2}$/.test(key)) return `<${key}>`;
  if (key === "Dead") return DEAD_KEYS[event.code]?.[event.shiftKey ? 1 : 0] ?? null;
  if ([...key].length !== 1) return null;
  const altGraph = event.getModifierState?.("AltGraph") || (event.ctrlKey && event.altKey);
  if (event.metaKey || (event.altKey && !altGraph)) return null;
  if (event.ctrlKey && !altGraph) {
    const code = key.toUpperCase().charCodeAt(0);
    return code >= 64 && code <= 95 ? String.fromCharCode(code - 64) : null;
  }
  return key;
}

/** The run of keys being typed: knows whether it can only be a scanner. No page, no clock: only events. */
export class Run {
  constructor() {
    this.clear();
  }

  clear() {
    this.parts = [];
    this.first = this.last = -Infinity;
    this.held = null;
  }

  /** Add what a key typed at `time` (ms). Returns true when it starts a new run. */
  add(text, time) {
    const starts = this.parts.length === 0 || time - this.last > MOST_GAP_MS;
    if (starts) {
      this.clear();
      this.first = time;
    }
    this.parts.push(text);
    this.last = time;
    return starts;
  }

  get isBurst() {
    const { length } = this.parts;
    return length >= BURST_LENGTH && (this.last - this.first) / (length - 1) < MOST_AVERAGE_MS;
  }

  /** True if Enter at `time` ends a card. */
  isCard(time) {
    return this.parts.length >= LEAST_LENGTH && this.isBurst && time - this.last <= MOST_BEFORE_ENTER_MS;
  }

  get text() {
    return this.parts.join("");
  }
}

const run = new Run();
let caughtAt = -Infinity;
let lastScan = { text: "", time: -Infinity };
let altCode = "";
const quiet = new Set();

/** Run `act` once it is sure that the key just pressed is a person's, not the beginning of a card. */
export function afterQuiet(act) {
  if (!canRead()) return act();
  const timer = setTimeout(() => {
    quiet.delete(timer);
    act();
  }, QUIET_MS);
  quiet.add(timer);
}

function forgetShortcuts() {
  for (const timer of quiet) clearTimeout(timer);
  quiet.clear();
}

/** What the focused control held before the first character, to give it back. */
function hold(element) {
  if (!element || element.closest?.("[data-scan=field]")) return null;
  if (element.tagName === "SELECT") return { element, index: element.selectedIndex };
  if (!isTextField(element) || element.isContentEditable) return null;
  let selection = null;
  try {
    selection = [element.selectionStart, element.selectionEnd];
  } catch {
    selection = null;
  }
  return { element, value: element.value, selection };
}

function giveBack(held) {
  if (!held?.element.isConnected) return;
  const { element } = held;
  if ("index" in held) {
    if (element.selectedIndex === held.index) return;
    element.selectedIndex = held.index;
    element.dispatchEvent(new Event("change", { bubbles: true }));
    return;
  }
  if (element.value === held.value) return;
  element.value = held.value;
  if (held.selection && held.selection[0] !== null) element.setSelectionRange(...held.selection);
  element.dispatchEvent(new Event("input", { bubbles: true }));
}

function swallow(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}

function isLineEnd(event) {
  return event.key === "Enter" || (event.ctrlKey && /^[jm]$/i.test(event.key));
}

function onKeydown(event) {
  // A password manager types as fast as a scanner: what goes into a password field is not looked at, but where a badge may
  // be scanned too.
  if (!canRead() || (event.target.type === "password" && event.target.dataset.scan !== "also")) return;
  const time = event.timeStamp;
  if (time - caughtAt < TAIL_MS && isLineEnd(event)) return swallow(event);
  if (MODIFIERS.has(event.key)) return;
  if (event.repeat) return run.clear();
  if (event.altKey && /^Numpad\d$/.test(event.code)) {
    altCode += event.code.slice(-1);
    if (run.isBurst) event.preventDefault();
    return;
  }
  if (event.key === "Enter") {
    if (!run.isCard(time)) return run.clear();
    swallow(event);
    caughtAt = time;
    return caught(time);
  }
  const text = textOf(event);
  if (text === null) return run.clear();
  add(text, time);
  if (!run.isBurst) return;
  forgetShortcuts();
  // Outside fields a card must not scroll, click or open anything; in a field, only its commands are stopped.
  if (!isTextField(event.target)) swallow(event);
  else if (text.length > 1 || text < " ") event.preventDefault();
}

function add(text, time) {
  const before = hold(document.activeElement);
  if (run.add(text, time)) run.held = before;
}

/** Scanners that type Alt + the code on the numeric pad: the character comes when Alt is let go. */
function onKeyup(event) {
  if (event.key !== "Alt" || !altCode) return;
  add(String.fromCharCode(Number(altCode) & 255), event.timeStamp);
  altCode = "";
}

function caught(time) {
  const { text, held } = run;
  run.clear();
  forgetShortcuts();
  giveBack(held);
  // A trembling hand reads the same card twice.
  const again = text === lastScan.text && time - lastScan.time < SAME_SCAN_MS;
  if (again) return;
  lastScan = { text, time };
  read({ scan: text });
}

export function start() {
  if (!canRead()) return;
  window.addEventListener("keydown", onKeydown, true);
  window.addEventListener("keyup", onKeyup, true);
  window.addEventListener("focus", showReady);
  window.addEventListener("blur", showReady);
  showReady();
}
