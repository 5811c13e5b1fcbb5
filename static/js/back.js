// The page of an interruption looks for the service, and brings back where one was once it is there again.

const EVERY_MS = 5000;

const text = document.querySelector("[data-back-text]");
const button = document.querySelector("[data-back]");

async function isBack() {
  try {
    return (await fetch(document.body.dataset.readyUrl, { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

async function look() {
  if (!(await isBack())) return setTimeout(look, EVERY_MS);
  // A page that was only read comes by itself; a form is taken up again by who typed it, once, on purpose.
  if (document.body.hasAttribute("data-read")) return location.reload();
  text.textContent = "Le service est revenu. Votre saisie vous attend.";
  button.hidden = false;
  button.firstElementChild.focus();
}

button.firstElementChild.addEventListener("click", () => history.back());
setTimeout(look, EVERY_MS);
