// Runs before the first paint, so the page never flashes in the wrong theme. Classic script on purpose.
(() => {
  "use strict";
  const root = document.documentElement;
  root.setAttribute("data-js", "");
  let choice = null;
  try {
    choice = localStorage.getItem("hq-theme");
  } catch {
    choice = null; // storage may be refused; the system's theme stands
  }
  if (choice === "light" || choice === "dark") {
    root.dataset.theme = choice;
    root.dataset.bsTheme = choice;
  } else if (choice === "system") {
    delete root.dataset.theme;
    delete root.dataset.bsTheme;
  }
})();
