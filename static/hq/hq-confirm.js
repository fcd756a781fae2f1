// <hq-confirm data-name="alder-peak"><form>…<input name="confirm">…<button type="submit"></form></hq-confirm>
// The button wakes up when the typed text equals the name. The server checks the same, so nothing rests on this.

class HqConfirm extends HTMLElement {
  connectedCallback() {
    this.addEventListener("input", this.#check);
    this.addEventListener("submit", this.#hold);
    this.#check();
  }

  get #input() {
    return /** @type {HTMLInputElement | null} */ (this.querySelector("input[type=text]"));
  }

  get #ready() {
    const input = this.#input;
    return !input || !this.dataset.name || input.value.trim() === this.dataset.name;
  }

  #check = () => {
    if (this.#input?.disabled) return;
    // aria-disabled, not disabled: the button keeps its place in the tab order and can say why.
    this.querySelector("button[type=submit]")?.setAttribute("aria-disabled", String(!this.#ready));
  };

  /** @param {Event} event */
  #hold = (event) => {
    if (this.#ready) return;
    event.preventDefault();
    this.#input?.focus();
  };
}

customElements.define("hq-confirm", HqConfirm);
