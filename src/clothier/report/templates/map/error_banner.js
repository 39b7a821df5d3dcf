// Runs first, in old syntax: a browser that cannot run the other scripts still shows a message.
(function () {
  function show(reason) {
    var banner = document.getElementById("error");
    banner.textContent = "The map cannot be drawn here: " + reason + ". Use a browser of 2023 or later.";
    banner.hidden = false;
  }
  addEventListener("error", function (event) { show(event.message); });
  addEventListener("unhandledrejection", function (event) { show(event.reason); });
})();
