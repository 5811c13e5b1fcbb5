// A photo or a PDF of a card, dropped anywhere on the page or pasted: it goes where a scan goes.

import { canRead, read, refuse } from "./reader.js";

const MOST_BYTES = 10 * 1024 * 1024;
let depth = 0;

function hasFiles(event) {
  return canRead() && [...(event.dataTransfer?.types ?? [])].includes("Files") && !event.target.closest?.("[data-drop=own]");
}

function showHint(visible) {
  const hint = document.getElementById("drop-hint");
  if (hint) hint.hidden = !visible;
}

/** Send the first file of a list, or say why not. */
export function take(files) {
  const [file, ...others] = files;
  if (!file) return;
  if (!/^(image\/|application\/pdf$)/.test(file.type)) {
    return refuse("Ce fichier n’est ni une image ni un PDF. Rien n’a été envoyé. Déposez une photo ou un PDF de la carte.");
  }
  if (file.size > MOST_BYTES) {
    return refuse("Ce fichier dépasse 10 Mo. Rien n’a été envoyé. Déposez une photo plus légère, ou scannez la carte.");
  }
  if (others.length) refuse("Un fichier à la fois : le premier est lu. Déposez les autres ensuite.");
  read({ file });
}

export function start() {
  if (!canRead()) return;
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
    if (!event.target.matches?.("input[type=file][data-drop-file]")) return;
    take(event.target.files);
    event.target.value = "";
  });
}
