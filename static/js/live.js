// What updates by itself: final states are said once, a lost connection is told and retried, a lost session leads back
// to the sign-in page and returns here.

import { announce, clearNotice, clock, isSignedOut, notice } from "./dom.js";

const said = new Set();
// What makes a live part ask again, with how often it has happened, and how often it had when each request left.
const news = { "gap:acted": 0, "gap:moved": 0 };
const knownAt = new WeakMap();
let lastAnswer = clock();
let lost = false;
let leaving = false;

function sentenceOf(element) {
  return element.dataset.announce || element.textContent;
}

function markOf(element) {
  return `${element.id || element.closest("[id]")?.id || ""}|${sentenceOf(element).trim()}`;
}

/** Elements with data-announce are in a final state: the server leaves the attribute out while things still move. */
function announceIn(root) {
  if (!root?.querySelectorAll) return;
  const found = [...root.querySelectorAll("[data-announce]")];
  if (root.matches?.("[data-announce]")) found.unshift(root);
  for (const element of found) {
    const mark = markOf(element);
    if (said.has(mark)) continue;
    said.add(mark);
    announce(sentenceOf(element));
  }
}

function isPolling(element) {
  return /\bevery\b/.test(element?.getAttribute?.("hx-trigger") ?? "");
}

function newsFor(element) {
  const trigger = element?.getAttribute?.("hx-trigger") ?? "";
  return Object.keys(news).reduce((sum, name) => sum + (trigger.includes(name) ? news[name] : 0), 0);
}

/**
 * A part that asked before something happened and is answered after it shows the past, and what it was to ask next left
 * the page with it: its successor asks again.
 */
function askAgainIfOld({ detail }) {
  const { elt, xhr } = detail;
  if (!knownAt.has(xhr) || !elt.hasAttribute?.("hx-get") || knownAt.get(xhr) >= newsFor(elt)) return;
  window.htmx.ajax("GET", elt.getAttribute("hx-get"), { source: elt, target: elt, swap: "outerHTML" });
}

/**
 * A part may be drawn again while one of its buttons waits for an answer. htmx tells the button, which has left the page:
 * nobody hears what was done, or that it was not.
 */
function hearForTheGone({ detail }) {
  const { elt, xhr } = detail;
  xhr.addEventListener("readystatechange", () => {
    if (xhr.readyState !== XMLHttpRequest.DONE || elt.isConnected) return;
    const told = xhr.getResponseHeader("HX-Trigger") ?? "";
    const names = told.startsWith("{") ? Object.keys(JSON.parse(told)) : told.split(",");
    for (const name of names) if (name.trim()) window.htmx.trigger(document.body, name.trim());
    if ((xhr.status === 0 || xhr.status >= 400) && !isSignedOut(xhr) && !isPolling(elt)) showFailed(xhr.status);
  });
}

function showLost(element) {
  element.classList.add("is-stale");
  const bar = document.getElementById("connection");
  if (!bar) return;
  bar.querySelector("[data-connection-text]").textContent =
    `Connexion perdue, dernière mise à jour à ${lastAnswer}. La page réessaie seule.`;
  bar.hidden = false;
  if (!lost) announce(`Connexion perdue, dernière mise à jour à ${lastAnswer}.`);
  lost = true;
}

function showFound() {
  lastAnswer = clock();
  if (!lost) return;
  lost = false;
  document.getElementById("connection").hidden = true;
  for (const element of document.querySelectorAll(".is-stale")) element.classList.remove("is-stale");
  announce("Connexion rétablie.");
}

/** An action that got no answer, or a wrong one. What a person typed is still on the page. */
function showFailed(status) {
  const sentences = {
    0: "Le serveur n’a pas répondu. Votre saisie est gardée sur cette page. Réessayez dans un instant.",
    403: "Cette action n’est pas ouverte à votre rôle. Rien n’a changé. Adressez-vous à votre référent.",
    404: "Cet élément n’existe plus. Rien n’a changé. Rechargez la page pour voir son état.",
    413: "Ce fichier est trop lourd. Rien n’a été envoyé. Choisissez-en un de moins de 10 Mo.",
    503: "Le service est momentanément interrompu. Votre saisie est gardée sur cette page. Réessayez dans un instant.",
    429: "Trop de demandes en peu de temps. Rien n’a changé. Réessayez dans une minute.",
  };
  const fallback = "Le serveur n’a pas pu traiter la demande. Votre saisie est gardée sur cette page. Réessayez ; si cela se répète, prévenez votre référent.";
  notice("request", "stop", sentences[status] ?? fallback);
}

function failed({ detail }) {
  const element = detail.elt;
  if (element?.id === "scan-result" || (detail.xhr && isSignedOut(detail.xhr))) return;
  const status = detail.xhr?.status ?? 0;
  if (isPolling(element)) showLost(element);
  else showFailed(status);
}

/** A session that is over answers with the sign-in page: go there, and come back to this page. */
function leaveIfSignedOut(event) {
  const signIn = document.body.dataset.signInUrl;
  if (!signIn || !isSignedOut(event.detail.xhr)) return;
  event.preventDefault();
  // Several parts may learn it at once: the second departure would undo the first.
  if (leaving) return;
  leaving = true;
  location.assign(`${signIn}?next=${encodeURIComponent(location.pathname + location.search)}`);
}

export function start() {
  for (const element of document.querySelectorAll("[data-announce]")) said.add(markOf(element));
  document.addEventListener("htmx:beforeSwap", leaveIfSignedOut);
  window.addEventListener("pageshow", () => (leaving = false));
  document.addEventListener("htmx:afterSettle", ({ detail }) => announceIn(detail.elt));
  for (const name of Object.keys(news)) document.body.addEventListener(name, () => (news[name] += 1));
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (/gap:/.test(detail.elt.getAttribute?.("hx-trigger"))) knownAt.set(detail.xhr, newsFor(detail.elt));
  });
  document.addEventListener("htmx:beforeSend", hearForTheGone);
  document.addEventListener("htmx:afterSettle", askAgainIfOld);
  document.addEventListener("htmx:oobAfterSwap", ({ detail }) => announceIn(detail.target));
  document.addEventListener("htmx:sendError", failed);
  document.addEventListener("htmx:timeout", failed);
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful) return;
    clearNotice("request");
    showFound();
  });
  // A tab that nobody looks at asks for nothing; it asks again when looked at, at the next beat.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && isPolling(event.detail.elt)) event.preventDefault();
  });
}
