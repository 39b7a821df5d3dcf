// Says on the button how many photos are chosen, chooses all or none, and keeps the choice for who comes back or loads
// the page again.

const boxes = [...document.querySelectorAll("input[name=item]")];
const count = document.querySelector("[data-count]");

function say() {
  const n = boxes.filter((one) => one.checked).length;
  count.textContent = `Accept ${n}`;
  count.hidden = false;
  document.querySelector("[data-words]").hidden = true;
  count.closest("button").disabled = n === 0;
}

function keep() {
  history.replaceState({ off: boxes.filter((one) => !one.checked).map((one) => one.value) }, "");
}

for (const box of boxes) {
  if (history.state?.off?.includes(box.value)) box.checked = false;
}
for (const button of document.querySelectorAll("[data-all]")) {
  button.addEventListener("click", () => {
    for (const box of boxes) box.checked = button.dataset.all === "on";
    say();
    keep();
  });
}
if (count) {
  document.addEventListener("change", () => { say(); keep(); });
  say();
}
