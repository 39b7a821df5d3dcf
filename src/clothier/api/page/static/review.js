// The keys of the review desk, and photos that are loaded before they are wanted.

const upcoming = [];

function prefetch() {
  const addresses = document.querySelector("[data-prefetch]")?.dataset.prefetch.trim().split(/\s+/) ?? [];
  upcoming.length = 0;
  for (const address of addresses) {
    const photo = new Image();
    photo.src = address;
    upcoming.push(photo);
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const inside = event.target.closest("input:not([type=hidden]), select, textarea, dialog");
  const acts = event.target.closest("button, a, summary"); // Enter does what has the focus
  if (inside || (acts && event.key === "Enter")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const button = [...document.querySelectorAll("#desk [data-key]")].find((one) => one.dataset.key.split(" ").includes(key));
  if (!button || button.disabled || document.querySelector("#desk .htmx-request, #desk.htmx-request")) return;
  event.preventDefault();
  button.click();
});

document.addEventListener("htmx:afterSwap", prefetch);
if (document.readyState === "complete") prefetch();
else addEventListener("load", prefetch); // after the photo that is shown
