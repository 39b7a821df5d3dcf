// Sends files as soon as they are chosen, dropped anywhere on the page, or pasted. The form itself is htmx's.

import { sayProblem } from "./app.js";

const form = document.getElementById("drop");
const inputs = [...form.querySelectorAll("input[type=file]")];
const waiting = document.getElementById("waiting");
const maxFiles = Number(form.dataset.maxFiles), maxBytes = Number(form.dataset.maxBytes);
const MIB = 1048576;

function refusal(files) {
  const bytes = files.reduce((sum, one) => sum + one.size, 0);
  if (files.length > maxFiles) return `These are ${files.length} files. Send at most ${maxFiles} at once.`;
  if (bytes > maxBytes) return `This is ${Math.ceil(bytes / MIB)} MiB. At most ${Math.floor(maxBytes / MIB)} MiB can be sent at once.`;
  return "";
}

function send(files) {
  const problem = refusal(files);
  if (problem) {
    form.reset();
    sayProblem(problem);
    return;
  }
  waiting.textContent = files.length === 1 ? `${form.dataset.waiting}…` : `${form.dataset.waiting} ${files.length} photos…`;
  form.requestSubmit();
}

function take(files) {
  if (files.length === 0) return;
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  form.reset();
  inputs[0].files = transfer.files;
  send(files);
}

for (const input of inputs) {
  input.addEventListener("change", () => { if (input.files.length) send([...input.files]); });
}

document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  form.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  form.classList.remove("over");
  take([...event.dataTransfer.files]);
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) event.preventDefault();
  take(files);
});

// A large file takes a while. A screen reader is told every tenth of it.
form.addEventListener("htmx:xhr:progress", (event) => {
  const { loaded, total, lengthComputable } = event.detail;
  if (!lengthComputable || total < MIB || loaded === total) return;
  const text = `Sending: ${10 * Math.floor((10 * loaded) / total)} %`;
  if (waiting.textContent !== text) waiting.textContent = text;
});

form.addEventListener("htmx:afterRequest", () => form.reset());
