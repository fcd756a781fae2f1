// <hq-select> around a table and its selection bar. Rows carry input.hq-check-row (data-bytes optional), the head
// carries input.hq-check-all, the bar carries data-selection, data-count, data-size, data-clear.

const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

/** @param {number} amount */
function bytes(amount) {
  let unit = 0;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  const places = unit < 2 || amount >= 99.95 ? 0 : unit === 2 || amount >= 9.995 ? 1 : 2;
  return `${Number(amount.toFixed(places))} ${UNITS[unit]}`;
}

class HqSelect extends HTMLElement {
  /** @type {HTMLInputElement | null} */
  #last = null;

  connectedCallback() {
    this.addEventListener("change", this.#changed);
    this.addEventListener("click", this.#clicked);
    this.addEventListener("htmx:afterSwap", () => this.#show());
    this.#show();
  }

  /** @returns {HTMLInputElement[]} */
  get rows() {
    return [...this.querySelectorAll("input.hq-check-row")];
  }

  /** @param {Event} event */
  #changed = (event) => {
    const box = /** @type {HTMLInputElement} */ (event.target);
    if (box.matches(".hq-check-all")) for (const row of this.rows) row.checked = box.checked;
    this.#show();
  };

  /** Shift extends from the last box. @param {MouseEvent} event */
  #clicked = (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target.closest("[data-clear]")) return this.clear();
    if (!(target instanceof HTMLInputElement) || !target.matches(".hq-check-row")) return;
    if (event.shiftKey && this.#last) this.#extend(target);
    this.#last = target;
  };

  /** @param {HTMLInputElement} to */
  #extend(to) {
    const rows = this.rows;
    const ends = [rows.indexOf(/** @type {HTMLInputElement} */ (this.#last)), rows.indexOf(to)].sort((a, b) => a - b);
    for (const row of rows.slice(Math.max(ends[0], 0), ends[1] + 1)) row.checked = to.checked;
    this.#show();
  }

  clear() {
    for (const row of this.rows) row.checked = false;
    this.#show();
    /** @type {HTMLElement | null} */ (this.querySelector(".hq-check-all"))?.focus();
  }

  #show() {
    const rows = this.rows;
    const chosen = rows.filter((row) => row.checked);
    const bar = /** @type {HTMLElement | null} */ (this.querySelector("[data-selection]"));
    const all = /** @type {HTMLInputElement | null} */ (this.querySelector(".hq-check-all"));
    if (all) {
      all.checked = rows.length > 0 && chosen.length === rows.length;
      all.indeterminate = chosen.length > 0 && chosen.length < rows.length;
    }
    if (!bar) return;
    bar.hidden = chosen.length === 0;
    const total = chosen.reduce((sum, row) => sum + Number(row.dataset.bytes ?? 0), 0);
    /** @type {Element} */ (bar.querySelector("[data-count]")).textContent = String(chosen.length);
    /** @type {Element} */ (bar.querySelector("[data-size]")).textContent = total ? bytes(total) : "";
  }
}

customElements.define("hq-select", HqSelect);
