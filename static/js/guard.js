// A form is sent once. After an answer, an error or a way back, it can be sent again.

const RELEASE_MS = 15000;

function busy(form, on) {
  form.toggleAttribute("data-sent", on);
  for (const button of form.querySelectorAll("button[type=submit], button:not([type])")) {
    if (on) button.setAttribute("aria-busy", "true");
    else button.removeAttribute("aria-busy");
  }
}

/** Reading twice harms nobody. Read on attributes: a field named « method » hides the property. */
function changesThings(form) {
  const method = form.getAttribute("method")?.toLowerCase();
  return method === "post" || ["hx-post", "hx-put", "hx-patch", "hx-delete"].some((name) => form.hasAttribute(name));
}

function onSubmit(event) {
  const form = event.target;
  if (!changesThings(form) || form.hasAttribute("data-no-guard")) return;
  if (form.hasAttribute("data-sent")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  // Marked busy, not disabled: a disabled button neither sends its value nor keeps the focus.
  busy(form, true);
  // Nobody sent it after all (a validation, a question answered no): free again. A download leaves the page in place.
  setTimeout(() => {
    if (event.defaultPrevented && !form.matches(".htmx-request")) busy(form, false);
  });
  setTimeout(busy, RELEASE_MS, form, false);
}

export function start() {
  document.addEventListener("submit", onSubmit, true);
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    const form = detail.elt?.closest?.("form");
    if (form) busy(form, false);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) busy(form, false);
  });
}
