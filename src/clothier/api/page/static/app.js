// What every page needs and htmx does not do: copying a command, and saying what is wrong.

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.parentElement.querySelector("code").textContent;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Press Ctrl+C";
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
  }
  setTimeout(() => { button.textContent = label; }, 1500);
});

// A message about the last request is out of date when the next one begins.
document.addEventListener("htmx:beforeRequest", () => document.getElementById("problem")?.replaceChildren());

export function sayProblem(text) {
  const message = document.createElement("p");
  message.className = "problem";
  message.textContent = text;
  document.getElementById("problem").replaceChildren(message);
}

document.addEventListener("htmx:sendError", () => sayProblem("The server cannot be reached. Is it still running?"));
