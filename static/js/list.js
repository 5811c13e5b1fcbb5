// Lists by keyboard: j and k move, x chooses, Enter opens (the focused link does). The selection says its count and sum.
//
// `<table data-list>`; a row has its `.dt-row-link`, and to be chosen a box `[data-choose]` (and `data-amount`, in euros,
// on the row). `[data-bulk]` is the bar of the actions, with [data-bulk-count] and [data-bulk-amount] in it.

import { announce, isTextField, isVisible } from "./dom.js";
import { singleKeysAllowed } from "./keys.js";
import { afterQuiet } from "./scanner.js";

const EUROS = new Intl.NumberFormat("fr-FR", { style: "currency", currency: "EUR" });
let lastChosen = null;

/** Cents of an amount as a template wrote it: « 1234.50 », or « 1 234,50 » if it was localised. */
function cents(text = "0") {
  return Math.round(Number(text.replace(/\s/g, "").replace(",", ".")) * 100);
}

function rows(table) {
  return [...table.querySelectorAll("tbody tr")].filter((row) => row.querySelector(".dt-row-link") && isVisible(row));
}

function listAt(element) {
  return element?.closest?.("[data-list]") ?? document.querySelector("[data-list]");
}

function move(step) {
  const table = listAt(document.activeElement);
  if (!table) return;
  const all = rows(table);
  const here = all.indexOf(document.activeElement.closest("tr"));
  const next = all[here < 0 ? (step > 0 ? 0 : all.length - 1) : here + step];
  next?.querySelector(".dt-row-link").focus();
  next?.scrollIntoView({ block: "nearest" });
}

function boxes(table) {
  return [...table.querySelectorAll("tbody [data-choose]")];
}

function toggleCurrent() {
  const row = document.activeElement.closest?.("[data-list] tr") ?? null;
  row?.querySelector("[data-choose]")?.click();
}

/** Count, sum and bar of the selection of a list. */
export function refresh(table) {
  const all = boxes(table);
  const chosen = all.filter((box) => box.checked);
  for (const box of all) box.closest("tr").classList.toggle("is-selected", box.checked);
  const head = table.querySelector("[data-choose-all]");
  if (head) {
    head.checked = all.length > 0 && chosen.length === all.length;
    head.indeterminate = chosen.length > 0 && chosen.length < all.length;
  }
  const bar = document.querySelector(`[data-bulk="${CSS.escape(table.id)}"]`) ?? document.querySelector("[data-bulk]");
  if (!bar) return;
  const before = bar.dataset.count ?? "0";
  bar.hidden = chosen.length === 0;
  bar.dataset.count = String(chosen.length);
  const count = `${chosen.length}\u00a0${chosen.length > 1 ? "choisis" : "choisi"}`;
  const sum = chosen.reduce((total, box) => total + cents(box.closest("tr").dataset.amount), 0);
  const counter = bar.querySelector("[data-bulk-count]");
  const amount = bar.querySelector("[data-bulk-amount]");
  if (counter) counter.textContent = count;
  if (amount) amount.textContent = EUROS.format(sum / 100).replace(/\u202f/g, "\u00a0");
  if (before !== bar.dataset.count) announce(count);
}

function chooseRange(table, box) {
  const all = boxes(table);
  const [from, to] = [all.indexOf(lastChosen), all.indexOf(box)].sort((a, b) => a - b);
  if (from < 0) return;
  for (const between of all.slice(from, to + 1)) between.checked = box.checked;
}

function clear(table) {
  for (const box of boxes(table)) box.checked = false;
  refresh(table);
}

function onKeydown(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const table = document.querySelector("[data-list]");
  if (!table || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && !isTextField(event.target) && boxes(table).some((box) => box.checked)) {
    clear(listAt(event.target));
    return;
  }
  if (isTextField(event.target) || event.target.tagName === "SELECT" || !singleKeysAllowed()) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) {
    event.preventDefault();
    if (event.repeat) move(step);
    else afterQuiet(() => move(step));
  } else if (event.key === "x" && !event.repeat) {
    event.preventDefault();
    afterQuiet(toggleCurrent);
  }
}

export function start() {
  document.addEventListener("keydown", onKeydown);
  document.addEventListener("click", (event) => {
    const { target } = event;
    const table = target.closest?.("[data-list]");
    if (table && target.matches("[data-choose]")) {
      if (event.shiftKey && lastChosen?.isConnected) chooseRange(table, target);
      lastChosen = target;
      refresh(table);
    } else if (table && target.matches("[data-choose-all]")) {
      for (const box of boxes(table)) box.checked = target.checked;
      refresh(table);
    } else if (target.closest?.("[data-choose-none]")) {
      const list = document.getElementById(target.closest("[data-bulk]")?.dataset.bulk) ?? listAt(target);
      if (list) clear(list);
    }
  });
  // A part of the page that renews itself must not undo what the person has chosen.
  let kept = new Set();
  document.addEventListener("htmx:beforeSwap", () => {
    kept = new Set([...document.querySelectorAll("[data-list] [data-choose]:checked")].map((box) => box.value));
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const table of document.querySelectorAll("[data-list]")) {
      if (!table.hasAttribute("data-list-fresh")) for (const box of boxes(table)) if (kept.has(box.value)) box.checked = true;
      refresh(table);
    }
  });
  for (const table of document.querySelectorAll("[data-list]")) refresh(table);
}
