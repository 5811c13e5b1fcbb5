// A field and its answers: arrows go from one to the other, Enter takes what is marked, and never a stale answer.
//
// `<input data-pick-field="id">` and, in the element of that id, links `[data-pick]` (they are gone to) or radios (the
// marked one is sent with the form of the field).

function listOf(field) {
  return document.getElementById(field.dataset.pickField);
}

function radios(list) {
  return [...list.querySelectorAll("input[type=radio]")];
}

function links(list) {
  return [...list.querySelectorAll("a[data-pick]")];
}

function moveRadio(list, step) {
  const all = radios(list);
  if (!all.length) return false;
  const here = all.findIndex((radio) => radio.checked);
  const next = all[Math.min(Math.max(here + step, 0), all.length - 1)];
  next.checked = true;
  list.dataset.touched = "on";
  next.closest("label")?.scrollIntoView({ block: "nearest" });
  return true;
}

function moveLink(list, step, field) {
  const all = links(list);
  const here = all.indexOf(document.activeElement);
  if (here === 0 && step < 0) field?.focus();
  else (all[here + step] ?? all[here])?.focus();
  return all.length > 0;
}

/** The answers are those of another text: the field changed since it was last asked. */
function isStale(field) {
  return field.classList.contains("htmx-request") || (field.dataset.asked ?? field.defaultValue) !== field.value;
}

function onKeydown(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const field = event.target.closest?.("[data-pick-field]");
  if (field) {
    const list = listOf(field);
    if (!list) return;
    if (step) {
      if (radios(list).length ? moveRadio(list, step) : moveLink(list, step, field)) event.preventDefault();
    } else if (event.key === "Enter" && isStale(field) && !links(list).length && radios(list).length) {
      // Entered faster than it was answered: what was typed is asked first, and sent when the answer is there.
      event.preventDefault();
      field.dataset.pickSend = "on";
      window.htmx.trigger(field, "input");
    }
    return;
  }
  const link = event.target.closest?.("a[data-pick]");
  if (link && step) {
    const list = link.closest("[data-pick-list]");
    event.preventDefault();
    moveLink(list, step, document.querySelector(`[data-pick-field="${CSS.escape(list.id)}"]`));
  }
}

/** New answers come: the line that the person had marked stays marked, if it is still there. */
let marked = null;

function rememberMark({ detail }) {
  const list = detail.target?.matches?.("[role=radiogroup]") ? detail.target : null;
  marked = list?.dataset.touched === "on" ? (radios(list).find((radio) => radio.checked)?.value ?? null) : null;
}

function restoreMark({ detail }) {
  if (marked === null || !detail.elt?.matches?.("[role=radiogroup]")) return;
  const same = radios(detail.elt).find((radio) => radio.value === marked);
  marked = null;
  if (!same) return;
  same.checked = true;
  detail.elt.dataset.touched = "on";
}

document.addEventListener("keydown", onKeydown);
document.addEventListener("htmx:beforeSwap", rememberMark);
document.addEventListener("htmx:afterSettle", restoreMark);
document.addEventListener("change", ({ target }) => {
  const list = target.matches?.("input[type=radio]") && target.closest("[role=radiogroup]");
  if (list) list.dataset.touched = "on";
});
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.elt.matches?.("[data-pick-field]")) detail.elt.dataset.asked = detail.elt.value;
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  const field = detail.elt;
  if (!field.matches?.("[data-pick-field]") || field.dataset.pickSend !== "on") return;
  delete field.dataset.pickSend;
  if (detail.successful && radios(listOf(field)).length) field.form.requestSubmit();
});
