// Where a card goes once caught: to the address of the page, and its answer into #scan-result.

import { notice } from "./dom.js";

const READY = "Douchette prête";
const READING = "Lecture…";
const FAILED = "Lecture impossible";
const AWAY = "Douchette en pause";

/** True where a card may be read on this page. An empty address only tells the page (`gap:scan`). */
export function canRead() {
  return document.body.hasAttribute("data-scan-url");
}

function show(text, state) {
  const place = document.querySelector("[data-scan-state]");
  if (!place) return;
  place.closest(".scan").classList.toggle("is-failed", state === "failed");
  place.closest(".scan").classList.toggle("is-off", state === "away");
  place.textContent = text;
}

export function showReady() {
  if (document.hasFocus()) show(READY);
  else show(AWAY, "away");
}

/** Send the text of a card (`{scan}`) or a picture of it (`{file}`). The page may keep it for itself. */
export async function read(values) {
  const event = new CustomEvent("gap:scan", { bubbles: true, cancelable: true, detail: values });
  const url = document.body.dataset.scanUrl;
  if (!document.dispatchEvent(event) || !url) return;
  const target = document.getElementById("scan-result");
  show(READING);
  let answered = false;
  const settle = (settled) => {
    answered = settled.detail.successful || settled.detail.xhr?.status === 422;
  };
  target.addEventListener("htmx:afterRequest", settle, { once: true });
  try {
    await window.htmx.ajax("POST", url, { source: target, target, swap: "innerHTML", values });
  } catch {
    answered = false;
  } finally {
    target.removeEventListener("htmx:afterRequest", settle);
  }
  if (answered) {
    showReady();
    target.scrollIntoView({ block: "nearest" });
  } else {
    show(FAILED, "failed");
    notice(
      "scan",
      "stop",
      "La carte a été captée mais le serveur n’a pas pu la lire. Rien n’a changé dans le dossier. Scannez-la de nouveau.",
    );
  }
}

/** Say why something dropped or pasted was not sent. */
export function refuse(sentence) {
  notice("scan", "wait", sentence);
}

