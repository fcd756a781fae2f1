// <hq-presets data-field="scopes"> around links with data-scopes and the boxes: a link ticks its boxes and no others.
// Without script the link loads the page again with the same boxes ticked.

class HqPresets extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.#choose);
    this.addEventListener("change", () => this.#show());
    this.#show();
  }

  /** @returns {HTMLInputElement[]} */
  get boxes() {
    return [...this.querySelectorAll(`input[name="${this.dataset.field}"]`)];
  }

  /** @returns {HTMLAnchorElement[]} */
  get links() {
    return [...this.querySelectorAll("a[data-scopes]")];
  }

  /** @param {MouseEvent} event */
  #choose = (event) => {
    const link = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest("a[data-scopes]"));
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const wanted = this.#scopes(link);
    for (const box of this.boxes) box.checked = wanted.has(box.value);
    this.#show();
  };

  /** @param {HTMLElement} link */
  #scopes(link) {
    return new Set((link.dataset.scopes ?? "").split(" ").filter(Boolean));
  }

  /** The link whose boxes are the ticked ones is the current one. */
  #show() {
    const ticked = this.boxes.filter((box) => box.checked).map((box) => box.value);
    for (const link of this.links) {
      const wanted = this.#scopes(link);
      const same = ticked.length > 0 && ticked.length === wanted.size && ticked.every((value) => wanted.has(value));
      if (same) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
}

customElements.define("hq-presets", HqPresets);
