// Says on the button how many photos are chosen, and chooses all or none.

const boxes = [...document.querySelectorAll("input[name=item]")];
const count = document.querySelector("[data-count]");

function say() {
  const n = boxes.filter((one) => one.checked).length;
  count.textContent = `Accept ${n}`;
  count.hidden = false;
  document.querySelector("[data-words]").hidden = true;
  count.closest("button").disabled = n === 0;
}

for (const button of document.querySelectorAll("[data-all]")) {
  button.addEventListener("click", () => {
    for (const box of boxes) box.checked = button.dataset.all === "on";
    say();
  });
}
if (count) {
  document.addEventListener("change", say);
  say();
}
