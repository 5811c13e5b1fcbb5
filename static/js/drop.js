// A photo or a PDF of a card, dropped anywhere on the page or pasted: it goes where a scan goes. On a page that has a form of
// its own for files (`form[data-takes-files]`), it goes there; choosing one in that form sends it too.

import { canRead, read, refuse } from "./reader.js";

const MOST_BYTES = 10 * 1024 * 1024;
let depth = 0;

function ownInput() {
  return document.querySelector("form[data-takes-files] input[type=file]");
}

function takesFiles() {
  return canRead() || ownInput() !== null;
}

function hasFiles(event) {
  return takesFiles() && [...(event.dataTransfer?.types ?? [])].includes("Files") && !event.target.closest?.("[data-drop=own]");
}

function showHint(visible) {
  const hint = document.getElementById("drop-hint");
  if (!hint) return;
  hint.hidden = !visible;
  if (visible) hint.textContent = `Déposez la photo ou le PDF ${ownInput() ? "du courrier" : "de la carte"}`;
}

/** Nothing is sent, and the reason said; a form of the page is as before. */
function decline(sentence) {
  const own = ownInput();
  if (own) own.value = "";
  refuse(sentence);
}

/** Send the first file of a list, or say why not. */
export function take(files) {
  const [file, ...others] = files;
  if (!file) return;
  if (!/^(image\/|application\/pdf$)/.test(file.type)) {
    return decline("Ce fichier n’est ni une image ni un PDF. Rien n’a été envoyé. Déposez une photo ou un PDF.");
  }
  if (file.size > MOST_BYTES) {
    return decline("Ce fichier dépasse 10 Mo. Rien n’a été envoyé. Déposez un fichier plus léger.");
  }
  if (others.length) refuse("Un fichier à la fois : le premier est lu. Déposez les autres ensuite.");
  const own = ownInput();
  if (!own) return read({ file });
  const list = new DataTransfer();
  list.items.add(file);
  own.files = list.files;
  own.form.requestSubmit();
}

export function start() {
  if (!takesFiles()) return;
  document.addEventListener("dragenter", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth += 1;
    showHint(true);
  });
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("dragleave", (event) => {
    if (!hasFiles(event)) return;
    depth = Math.max(0, depth - 1);
    if (depth === 0) showHint(false);
  });
  document.addEventListener("drop", (event) => {
    depth = 0;
    showHint(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (!files?.length || event.target.closest?.("[data-drop=own]")) return;
    event.preventDefault();
    take(files);
  });
  // The same through a button: `<input type=file data-drop-file>` is for whoever has no mouse to drag with.
  document.addEventListener("change", (event) => {
    if (event.target === ownInput() && event.target.files.length) return take(event.target.files);
    if (!event.target.matches?.("input[type=file][data-drop-file]")) return;
    take(event.target.files);
    event.target.value = "";
  });
}
