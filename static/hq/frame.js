// The portal's frame: menus, dialogs, toasts, theme, shortcuts. Everything listens on document, so that parts
// swapped in by htmx work without being set up again.

const root = document.documentElement;

/** @param {string} key @param {string} [value] @returns {string | null} */
function remembered(key, value) {
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Close every open menu except the one given. @param {Element | null} keep */
function closeMenus(keep) {
  for (const menu of document.querySelectorAll("details.hq-menu[open], details.hq-switch[open]")) {
    if (menu !== keep) menu.removeAttribute("open");
  }
}

/** @param {string} choice "system", "light" or "dark" */
function setTheme(choice) {
  remembered("hq-theme", choice);
  if (choice === "system") {
    delete root.dataset.theme;
    delete root.dataset.bsTheme;
  } else {
    root.dataset.theme = choice;
    root.dataset.bsTheme = choice;
  }
  showTheme();
}

function showTheme() {
  const choice = remembered("hq-theme") ?? root.dataset.theme ?? "system";
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("data-theme-choice") === choice));
  }
}

/** @param {string} id */
function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) {
    closeMenus(null);
    dialog.showModal();
  }
}

/** A menu that would leave the window at its right edge opens to the other side. @param {Element} menu */
function keepInside(menu) {
  const panel = menu.querySelector(".hq-menu-panel");
  if (!panel || menu.classList.contains("hq-switch")) return;
  menu.classList.remove("is-flipped");
  const box = panel.getBoundingClientRect();
  if (box.right > document.documentElement.clientWidth || box.left < 0) menu.classList.add("is-flipped");
}

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (menu instanceof HTMLDetailsElement && menu.open && menu.matches(".hq-menu, .hq-switch")) {
    closeMenus(menu);
    keepInside(menu);
  }
}, true);

document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  closeMenus(target.closest("details.hq-menu, details.hq-switch"));
  const opener = target.closest("[data-open]");
  if (opener) openDialog(opener.getAttribute("data-open") ?? "");
  if (target.closest("[data-dismiss]")) target.closest("dialog")?.close();
  if (target.closest("[data-close]")) target.closest(".hq-toast")?.remove();
  if (target instanceof HTMLDialogElement && target.matches("[data-light]")) target.close();
  const theme = target.closest("[data-theme-choice]")?.getAttribute("data-theme-choice");
  if (theme) setTheme(theme);
});

document.addEventListener("change", (event) => {
  const box = /** @type {HTMLInputElement} */ (event.target);
  if (box.matches("[data-keys-on]")) remembered("hq-keys", box.checked ? "on" : "off");
});

/** Single keys never act while somebody is typing, and can be turned off (WCAG 2.1.4). @param {KeyboardEvent} event */
function isTyping(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  return event.ctrlKey || event.metaKey || event.altKey || target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = document.querySelector("details.hq-menu[open], details.hq-switch[open]");
    closeMenus(null);
    if (menu?.contains(document.activeElement)) /** @type {HTMLElement} */ (menu.querySelector("summary"))?.focus();
    return;
  }
  if (isTyping(event) || remembered("hq-keys") === "off") return;
  if (event.key === "/") {
    const field = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-shortcut='/']"));
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  } else if (event.key === "?") {
    openDialog("hq-keys");
  }
});

// A side bar left open as a menu would stay in the top layer when the window grows.
matchMedia("(width >= 992px)").addEventListener("change", (query) => {
  const side = document.getElementById("hq-side");
  if (query.matches && side?.matches(":popover-open")) side.hidePopover();
});

// A sign-up form learns the zone from the browser, so that nobody has to be asked.
for (const input of document.querySelectorAll("input[data-time-zone]")) {
  /** @type {HTMLInputElement} */ (input).value = Intl.DateTimeFormat().resolvedOptions().timeZone;
}

showTheme();
for (const box of document.querySelectorAll("[data-keys-on]")) {
  /** @type {HTMLInputElement} */ (box).checked = remembered("hq-keys") !== "off";
}
/** @type {HTMLElement | null} */ (document.querySelector("[data-focus]"))?.focus();
