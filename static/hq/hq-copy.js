// <hq-copy data-value="..."><button>...</button></hq-copy>: copies the value and says so for two seconds.
// Parts marked .hq-copy-idle and .hq-copy-done are swapped by CSS on [data-copied].

class HqCopy extends HTMLElement {
  /** @type {number | undefined} */
  #timer;

  connectedCallback() {
    this.addEventListener("click", this.#copy);
  }

  #copy = async () => {
    const value = this.dataset.value ?? "";
    try {
      await navigator.clipboard.writeText(value);
    } catch {
      if (!this.#copyBySelection(value)) return this.#say("Not copied. Select the text and copy it by hand.");
    }
    this.toggleAttribute("data-copied", true);
    this.#say("Copied");
    this.dispatchEvent(new CustomEvent("hq:copied", { bubbles: true }));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.removeAttribute("data-copied"), 2000);
  };

  /** The clipboard API is refused over plain HTTP; the older way still works there. @param {string} value */
  #copyBySelection(value) {
    const area = document.createElement("textarea");
    area.value = value;
    area.className = "visually-hidden";
    this.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  /** @param {string} text */
  #say(text) {
    let live = this.querySelector("[role=status]");
    if (!live) {
      live = document.createElement("span");
      live.setAttribute("role", "status");
      live.className = "visually-hidden";
      this.append(live);
    }
    live.textContent = text;
  }
}

customElements.define("hq-copy", HqCopy);
