// What every module shares: the region that is read aloud, notices, and what counts as a field.

const NO_TEXT = new Set(["button", "checkbox", "color", "file", "hidden", "image", "radio", "range", "reset", "submit"]);

/** True for an element that takes typed characters. */
export function isTextField(element) {
  if (!element) return false;
  if (element.isContentEditable) return true;
  if (element.tagName === "TEXTAREA") return true;
  return element.tagName === "INPUT" && !NO_TEXT.has(element.type);
}

/** True where a single letter belongs to the control: a field, a list, an open dialog's own form. */
export function takesLetters(element) {
  return isTextField(element) || element?.tagName === "SELECT" || element?.getAttribute?.("role") === "combobox";
}

export function isVisible(element) {
  return element.checkVisibility ? element.checkVisibility({ visibilityProperty: true }) : element.offsetParent !== null;
}

/** Hour of now, « 14:02 », or « 14:02:11 ». */
export function clock(withSeconds = false) {
  const options = { hour: "2-digit", minute: "2-digit", ...(withSeconds && { second: "2-digit" }) };
  return new Date().toLocaleTimeString("fr-FR", options);
}

/** True if an answer is in fact the sign-in page: the session is over. */
export function isSignedOut(xhr) {
  const signIn = document.body.dataset.signInUrl;
  const landed = signIn && xhr.responseURL ? new URL(xhr.responseURL).pathname : "";
  return xhr.status === 401 || Boolean(signIn && landed === signIn && location.pathname !== signIn);
}

/** True if an answer is in fact the page of a locked workstation. */
export function isLocked(xhr) {
  const lock = document.body.dataset.lockUrl;
  const landed = lock && xhr.responseURL ? new URL(xhr.responseURL).pathname : "";
  return Boolean(lock && landed === lock && location.pathname !== lock);
}

const waiting = [];
let speaking = false;

/** Say a sentence in the polite region of the page, after those already asked for. */
export function announce(text) {
  const sentence = text.trim().replace(/\s+/g, " ");
  if (!sentence) return;
  waiting.push(sentence);
  if (!speaking) speakNext();
}

function speakNext() {
  const region = document.getElementById("announcements");
  const sentence = waiting.shift();
  speaking = Boolean(sentence && region);
  if (!speaking) return;
  // Emptied first: the same sentence twice is otherwise not a change, and is not read.
  region.textContent = "";
  setTimeout(() => { region.textContent = sentence; }, 30);
  setTimeout(speakNext, 400);
}

/** An icon of the sprite, as `<c-icon>` draws it. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${document.body.dataset.icons}#i-${name}`);
  svg.append(use);
  return svg;
}

const NOTICE_ICONS = { ok: "circle-check", wait: "clock", stop: "ban", you: "hand-finger", sys: "info-circle" };

/**
 * Show a notice at the top of the page and say it. A notice of the same key replaces the former one.
 * Returns its element; `actions` are [label, function] pairs drawn as buttons.
 */
export function notice(key, tone, text, actions = []) {
  const place = document.getElementById("notices");
  if (!place) return null;
  clearNotice(key);
  const box = document.createElement("div");
  box.className = `notice notice-${tone}`;
  box.dataset.notice = key;
  const sentence = document.createElement("p");
  sentence.className = "grow";
  sentence.textContent = text;
  box.append(icon(NOTICE_ICONS[tone]), sentence);
  for (const [label, act] of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-plain btn-sm";
    button.textContent = label;
    button.addEventListener("click", () => act(box));
    box.append(button);
  }
  place.append(box);
  announce(text);
  return box;
}

export function clearNotice(key) {
  document.querySelector(`#notices > [data-notice="${CSS.escape(key)}"]`)?.remove();
}
