// The lock of a workstation that several people share. The page stays as it is behind a cover that shows nothing of it:
// out of sight, of the keyboard and of assistive technology. The server decides what is answered; the cover only hides.
//
// Nobody has acted for a while: the page covers itself, and tells the server. Somebody types: the server is told, once in
// a while, since nothing else would tell it.

import { isLocked } from "./dom.js";

const TELL_EVERY_MS = 45000;
const LOOK_EVERY_MS = 1000;
const ACTS = ["keydown", "pointerdown", "pointermove", "wheel", "touchstart"];

let cover = null;
let lastAct = Date.now();
let lastTold = Date.now();
let title = "";
let tabs = null;

export function isCovered() {
  return Boolean(cover?.open);
}

function here() {
  return location.pathname + location.search;
}

function ask(address, values) {
  const body = new URLSearchParams({ csrfmiddlewaretoken: cover.querySelector("[name=csrfmiddlewaretoken]").value, ...values });
  return fetch(address, { method: "POST", body, headers: { "X-Cover": "1" }, keepalive: true });
}

function showCover() {
  if (!cover || cover.open) return;
  title = document.title;
  // A title may name a patient, and stands in the bar of the window.
  document.title = "Poste verrouillé – mini-GAP";
  document.body.classList.add("is-covered");
  cover.showModal();
  cover.querySelector("[name=secret]").focus();
}

function uncover() {
  if (!isCovered()) return;
  lastAct = lastTold = Date.now();
  document.body.classList.remove("is-covered");
  document.title = title;
  tell("");
  for (const field of cover.querySelectorAll("[name=secret], [name=name], [name=badge]")) field.value = "";
  cover.querySelector("[data-badge-state]").textContent = "";
  cover.close();
}

function tell(sentence) {
  const place = cover.querySelector("[data-cover-told]");
  place.textContent = sentence;
  place.hidden = !sentence;
}

async function lockNow() {
  showCover();
  tabs?.postMessage("locked");
  try {
    await ask(cover.dataset.lockAddress, { next: here() });
  } catch {
    // Not heard: the server will find by itself that nobody acts.
  }
}

function onAct(event) {
  if (!event.isTrusted || isCovered()) return;
  lastAct = Date.now();
}

async function look() {
  if (isCovered()) return;
  const now = Date.now();
  const after = Number(cover.dataset.afterS) * 1000;
  if (after && now - lastAct >= after) return lockNow();
  if (lastAct <= lastTold || now - lastTold < TELL_EVERY_MS) return;
  lastTold = now;
  tabs?.postMessage("acted");
  try {
    const answer = await ask(cover.dataset.presenceAddress, {});
    if (answer.redirected && new URL(answer.url).pathname === document.body.dataset.lockUrl) showCover();
  } catch {
    // The connection is told by the live parts.
  }
}

/** The page of the workstation itself, when this one cannot be kept: another tab has changed who is here. */
function leave() {
  location.assign(`${document.body.dataset.lockUrl}?next=${encodeURIComponent(here())}`);
}

async function onSubmit(event) {
  event.preventDefault();
  const form = event.target;
  const values = Object.fromEntries(new FormData(form));
  form.querySelector("[name=secret]").value = "";
  tell("");
  let answer = null;
  try {
    answer = await ask(form.action, { ...values, next: here() });
  } catch {
    return tell("Le serveur n’a pas répondu. Rien n’est perdu. Réessayez dans un instant.");
  }
  if (!answer.headers.get("Content-Type")?.includes("json")) return leave();
  const said = await answer.json();
  if (said.back) {
    tabs?.postMessage("unlocked");
    return uncover();
  }
  if (said.go) {
    tabs?.postMessage("handed over");
    return location.assign(said.go);
  }
  tell(said.told);
  form.querySelector("[name=secret]").focus();
}

/** A badge goes to the cover, to the page of the workstation, or to the field that waits for it; to nobody else then. */
function onScan(event) {
  const text = event.detail.scan;
  const waiting = document.activeElement?.closest?.("[data-badge-field]");
  const form = isCovered() ? cover.querySelector("form") : document.querySelector("[data-badge-form]");
  if (!form && !waiting) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!text) return;
  if (waiting) {
    waiting.value = text;
    return;
  }
  form.querySelector("[data-badge]").value = text;
  const state = form.querySelector("[data-badge-state]");
  state.classList.remove("visually-hidden");
  state.textContent = "Badge lu. Tapez votre PIN.";
  form.querySelector("[name=secret]").focus();
}

function onLockedAnswer(event) {
  if (!isLocked(event.detail.xhr)) return;
  event.preventDefault();
  showCover();
}

function startTabs() {
  tabs = new BroadcastChannel("gap.cover");
  tabs.addEventListener("message", ({ data }) => {
    if (data === "locked") showCover();
    else if (data === "unlocked") uncover();
    else if (data === "acted") lastAct = Math.max(lastAct, Date.now());
    // Somebody else's session: what was typed here is kept for its owner, and their page goes.
    else location.reload();
  });
}

export function start() {
  document.addEventListener("gap:scan", onScan, true);
  cover = document.getElementById("cover");
  if (!cover) return;
  startTabs();
  for (const act of ACTS) window.addEventListener(act, onAct, { capture: true, passive: true });
  setInterval(look, LOOK_EVERY_MS);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("submit", (event) => {
    if (!event.target.hasAttribute("data-lock")) return;
    event.preventDefault();
    lockNow();
  });
  cover.querySelector("[data-cover-form]").addEventListener("submit", onSubmit);
  cover.querySelector("[data-cover-leave]").addEventListener("submit", (event) => {
    event.target.elements.next.value = here();
  });
  // Escape closes a dialog: not this one. `closedby` says so to browsers of 2025 and after; to the others, this does.
  cover.addEventListener("cancel", (event) => event.preventDefault());
  cover.addEventListener("close", () => {
    if (document.body.classList.contains("is-covered")) cover.showModal();
  });
  document.addEventListener("htmx:beforeSwap", onLockedAnswer, true);
  // No part of the page is renewed behind the cover, whatever asks for it.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isCovered()) event.preventDefault();
  }, true);
}
