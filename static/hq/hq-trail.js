// <hq-trail> around the explorer's table and the place beside it. From 1200 px on, an event opens there instead of as
// a page of its own; j and k, or the arrows, go along the list, Escape closes. Without this every link leads to the
// event's page. A list of requests has no place beside it: there the keys go along, and Enter opens.

const WIDE = matchMedia("(width >= 1200px)");

class HqTrail extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#clicked);
    document.addEventListener("keydown", this.#pressed);
    if (this.#index && !WIDE.matches) this.#shut();
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#pressed);
  }

  /** @returns {HTMLElement | null} */
  get #beside() {
    return this.querySelector("[data-event]");
  }

  /** @returns {HTMLTableRowElement[]} */
  get #rows() {
    return [...this.querySelectorAll("tr[data-index]")].filter((row) => row instanceof HTMLTableRowElement);
  }

  /** The index of the event that is open, or "". */
  get #index() {
    return this.querySelector("tr.is-selected")?.getAttribute("data-index") ?? "";
  }

  /** @param {MouseEvent} event */
  #clicked = (event) => {
    const target = /** @type {Element} */ (event.target);
    if (target.closest("[data-shut]")) return this.#shut(true);
    const step = target.closest("[data-step]");
    if (step) return this.#step(Number(step.getAttribute("data-step")));
    const row = target.closest("tr[data-index]");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!row || !plain || !WIDE.matches || !this.#beside || (target.closest("a") && !target.closest("a.hq-action"))) return;
    event.preventDefault();
    this.#open(row);
  };

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
    if (document.querySelector("dialog[open], details.hq-menu[open]")) return;
    if (event.key === "Escape" && this.#index) return this.#shut(true);
    const keysOff = localStorage.getItem("hq-keys") === "off";
    const along = this.contains(target) && { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const step = along || (!keysOff && { j: 1, k: -1 }[event.key]);
    if (!step || (along && this.#beside?.contains(target))) return;
    event.preventDefault();
    this.#step(step);
  };

  /** @param {number} by */
  #step(by) {
    const rows = this.#rows;
    const at = rows.findIndex((row) => row.classList.contains("is-selected") || row.contains(document.activeElement));
    const row = rows[at === -1 ? 0 : at + by];
    if (!row) return;
    /** @type {HTMLElement | null} */ (row.querySelector("a.hq-action"))?.focus();
    row.scrollIntoView({ block: "nearest" });
    if (WIDE.matches && this.#beside) this.#open(row);
  }

  /** @param {Element} row */
  async #open(row) {
    const link = /** @type {HTMLAnchorElement} */ (row.querySelector("a.hq-action"));
    this.#select(row);
    const answer = await fetch(`${link.href}?part=1`, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return location.assign(link.href);
    if (row.getAttribute("data-index") !== this.#index) return; // another one was chosen meanwhile
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    this.#beside?.replaceChildren(...page.body.childNodes);
    this.classList.add("has-event");
    this.#remember(this.#index);
  }

  /** @param {Element | null} row */
  #select(row) {
    for (const each of this.#rows) each.classList.toggle("is-selected", each === row);
  }

  /** @param {boolean} [back] whether the focus goes back to the list */
  #shut(back = false) {
    const row = this.querySelector("tr.is-selected");
    this.#select(null);
    this.classList.remove("has-event");
    this.#beside?.replaceChildren();
    this.#remember("");
    if (back) /** @type {HTMLElement | null} */ (row?.querySelector("a.hq-action"))?.focus();
  }

  /** @param {string} index */
  #remember(index) {
    const here = new URL(location.href);
    if (index) here.searchParams.set("event", index);
    else here.searchParams.delete("event");
    history.replaceState(null, "", here);
  }
}

customElements.define("hq-trail", HqTrail);
