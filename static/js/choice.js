// Small manners of the page: effects that follow a choice, an address that is copied, a first error that has the focus.

import { announce } from "./dom.js";

/** `<input type=radio data-effects="id" data-verb="Valider">`: its effects are shown before anything is decided. */
function showEffects(radio) {
  const form = radio.form ?? document;
  for (const other of form.querySelectorAll(`input[type=radio][name="${CSS.escape(radio.name)}"]`)) {
    other.closest(".choice")?.classList.toggle("on", other.checked);
    const effects = document.getElementById(other.dataset.effects ?? "");
    if (effects) effects.hidden = !other.checked;
    const verb = form.querySelector("[data-choice-verb]");
    if (other.checked && other.dataset.verb && verb) verb.textContent = other.dataset.verb;
  }
}

function onChange(event) {
  if (event.target.matches?.("input[type=radio][data-effects]")) showEffects(event.target);
  // Filters and orders that apply at once, without a button; a button stays for a browser without scripts.
  if (event.target.matches?.("[data-submit-on-change]")) event.target.form.requestSubmit();
}

async function copy(button) {
  const text = button.dataset.copy || location.href;
  try {
    await navigator.clipboard.writeText(text);
    announce(button.dataset.copied ?? "Lien copié.");
  } catch {
    announce("La copie est refusée par ce navigateur. L’adresse est dans la barre du navigateur.");
  }
}

export function start() {
  document.addEventListener("change", onChange);
  document.addEventListener("gap:restored", ({ target }) => {
    if (target.matches("input[type=radio][data-effects]:checked")) showEffects(target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button);
    if (event.target.closest?.("[data-print]")) window.print();
  });
  for (const radio of document.querySelectorAll("input[type=radio][data-effects]:checked")) showEffects(radio);
  document.querySelector("[data-focus]")?.focus();
  document.addEventListener("htmx:afterSettle", ({ detail }) => detail.elt?.querySelector?.("[data-focus]")?.focus());
}
