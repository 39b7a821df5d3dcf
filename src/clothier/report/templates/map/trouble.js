// Before everything else, and in old words: a browser that fails on the rest still says so.
(function () {
  function tell(what) {
    var place = document.getElementById("trouble");
    place.textContent = "The map cannot be drawn here: " + what + ". Try a browser of 2023 or later.";
    place.hidden = false;
  }
  addEventListener("error", function (event) { tell(event.message); });
  addEventListener("unhandledrejection", function (event) { tell(event.reason); });
})();
