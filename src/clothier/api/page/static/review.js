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

// After a click, Enter accepts the next photo; the button would keep the focus, and mean another photo.
document.addEventListener("click", (event) => {
  const button = event.target.closest("#desk button");
  if (button && event.detail > 0) setTimeout(() => button.blur()); // when htmx has read which button it was
});

// On a phone, the next photo may be above what is shown.
function showPhoto() {
  const photo = document.querySelector("#desk .photo")?.getBoundingClientRect();
  if (photo && photo.bottom < innerHeight / 2) document.getElementById("said").scrollIntoView();
}

document.addEventListener("htmx:afterSwap", (event) => {
  prefetch();
  if (event.target.id === "desk") showPhoto();
});
if (document.readyState === "complete") prefetch();
else addEventListener("load", prefetch); // after the photo that is shown
