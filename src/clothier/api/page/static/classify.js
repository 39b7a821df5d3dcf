// Sends photos as soon as they are chosen, dropped anywhere on the page, or pasted. The form itself is htmx's.

const form = document.getElementById("drop");
const inputs = [...form.querySelectorAll("input[type=file]")];

function send(n) {
  document.getElementById("waiting").textContent = n === 1 ? "Classifying…" : `Classifying ${n} photos…`;
  form.requestSubmit();
}

function take(files) {
  if (files.length === 0) return;
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  form.reset();
  inputs[0].files = transfer.files;
  send(files.length);
}

for (const input of inputs) {
  input.addEventListener("change", () => { if (input.files.length) send(input.files.length); });
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

form.addEventListener("htmx:afterRequest", () => form.reset());
