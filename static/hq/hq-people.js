// <hq-people>: takes a person by their handle to another place of the list. The buttons beside it do the same without
// a pointer and without this script; where they end up is asked of the server either way, so nobody is named twice.

class HqPeople extends HTMLElement {
  connectedCallback() {
    this.addEventListener("pointerdown", this.#grab);
  }

  /** @returns {HTMLElement[]} */
  get #rows() {
    return [...this.querySelectorAll(".hq-person")];
  }

  /** @param {PointerEvent} event */
  #grab = (event) => {
    const grip = /** @type {Element} */ (event.target).closest("[data-grip]");
    const taken = /** @type {HTMLElement | null} */ (grip?.closest(".hq-person") ?? null);
    if (!grip || !taken || event.button || this.#rows.length < 2) return;
    const [rows, from] = [this.#rows, this.#rows.indexOf(taken)];
    let to = from;
    event.preventDefault(); // no text is selected, and nothing scrolls, while somebody is moved
    grip.setPointerCapture(event.pointerId);
    taken.toggleAttribute("data-taken", true);
    const ends = new AbortController();
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      const above = rows.filter((row) => row !== taken && moved.clientY > middle(row)).length;
      to = above;
      rows.forEach((row, at) => {
        row.toggleAttribute("data-before", to < from && at === to);
        row.toggleAttribute("data-after", to > from && at === to);
      });
    };
    /** @param {boolean} kept */
    const end = (kept) => {
      ends.abort();
      for (const row of rows) for (const mark of ["data-taken", "data-before", "data-after"]) row.removeAttribute(mark);
      if (kept && to !== from) this.#move(from, to);
    };
    const { signal } = ends;
    grip.addEventListener("pointermove", /** @type {EventListener} */ (move), { signal });
    grip.addEventListener("pointerup", () => end(true), { signal });
    grip.addEventListener("pointercancel", () => end(false), { signal });
    addEventListener("keydown", (pressed) => pressed.key === "Escape" && end(false), { signal });
  };

  /** @param {number} from @param {number} to */
  #move(from, to) {
    const button = /** @type {HTMLButtonElement} */ (this.querySelector("[data-move]"));
    button.value = `move:${from}:${to}`;
    button.click();
  }
}

/** @param {HTMLElement} row */
function middle(row) {
  const { top, height } = row.getBoundingClientRect();
  return top + height / 2;
}

customElements.define("hq-people", HqPeople);
