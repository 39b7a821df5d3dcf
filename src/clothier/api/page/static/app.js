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

// A message stays until the person does something, or until what the page asks by itself succeeds again.
let failed = null; // the element whose request the message is about
const clear = () => document.getElementById("problem")?.replaceChildren();

document.addEventListener("htmx:beforeRequest", (event) => { if (event.detail.requestConfig.verb !== "get") clear(); });
document.addEventListener("htmx:responseError", (event) => { failed = event.detail.requestConfig.elt; });
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful && detail.requestConfig.elt === failed) clear();
});

export function sayProblem(text) {
  if (document.getElementById("problem").textContent === text) return; // it would be read aloud again
  const message = document.createElement("p");
  message.className = "problem";
  message.textContent = text;
  document.getElementById("problem").replaceChildren(message);
}

for (const [name, what] of [["sendError", "cannot be reached"], ["timeout", "does not answer"]]) {
  document.addEventListener(`htmx:${name}`, (event) => {
    failed = event.detail.requestConfig.elt;
    const isForm = event.detail.requestConfig.verb !== "get";
    sayProblem(`The server ${what}.${isForm ? " Try again when it is back: nothing is done twice." : ""}`);
  });
}
