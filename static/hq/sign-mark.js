// <hq-sign-mark>: the three ways to sign. Without this script a name is typed or a picture uploaded; it adds the pad,
// and shows what will stand in the document. Lines are kept as whole thousandths of the pad, the form that is signed.

const THOUSAND = 1000;

class HqSignMark extends HTMLElement {
  /** @type {number[][][]} */
  #lines = [];
  #drawing = false;

  connectedCallback() {
    this.setAttribute("data-ready", "");
    this.#pad.addEventListener("pointerdown", this.#begin);
    this.#pad.addEventListener("pointermove", this.#move);
    for (const name of ["pointerup", "pointercancel"]) this.#pad.addEventListener(name, this.#end);
    this.#find("[data-undo]").addEventListener("click", () => this.#keep(this.#lines.slice(0, -1)));
    this.#find("[data-clear]").addEventListener("click", () => this.#keep([]));
    this.addEventListener("input", this.#show);
    this.addEventListener("change", this.#picture);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    this.#keep(this.#strokes.value ? JSON.parse(this.#strokes.value) : []);
    this.#show();
  }

  /** @param {string} selector @returns {any} */
  #find(selector) {
    return this.querySelector(selector);
  }

  /** @returns {HTMLCanvasElement} */
  get #pad() {
    return this.#find("[data-pad]");
  }

  /** @returns {HTMLInputElement} */
  get #strokes() {
    return this.#find("[data-strokes]");
  }

  /** @param {PointerEvent} event */
  #point(event) {
    const box = this.#pad.getBoundingClientRect();
    const part = (/** @type {number} */ at, /** @type {number} */ of) =>
      Math.min(THOUSAND, Math.max(0, Math.round((at / of) * THOUSAND)));
    return [part(event.clientX - box.left, box.width), part(event.clientY - box.top, box.height)];
  }

  /** @param {PointerEvent} event */
  #begin = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#pad.setPointerCapture(event.pointerId);
    this.#drawing = true;
    this.#lines.push([this.#point(event)]);
    this.#draw();
  };

  /** @param {PointerEvent} event */
  #move = (event) => {
    if (!this.#drawing) return;
    const line = this.#lines[this.#lines.length - 1];
    const [x, y] = this.#point(event);
    const [lastX, lastY] = line[line.length - 1];
    if (Math.abs(x - lastX) + Math.abs(y - lastY) < 4) return;
    line.push([x, y]);
    this.#draw();
  };

  #end = () => {
    if (!this.#drawing) return;
    this.#drawing = false;
    this.#keep(this.#lines);
  };

  /** @param {number[][][]} lines */
  #keep(lines) {
    this.#lines = lines;
    this.#strokes.value = lines.length ? JSON.stringify(lines) : "";
    this.#draw();
  }

  #draw() {
    const pad = this.#pad;
    const context = /** @type {CanvasRenderingContext2D} */ (pad.getContext("2d"));
    context.clearRect(0, 0, pad.width, pad.height);
    context.strokeStyle = context.fillStyle = getComputedStyle(pad).color;
    context.lineWidth = 5;
    context.lineCap = context.lineJoin = "round";
    for (const line of this.#lines) {
      const points = line.map(([x, y]) => [(x / THOUSAND) * pad.width, (y / THOUSAND) * pad.height]);
      context.beginPath();
      context.moveTo(points[0][0], points[0][1]);
      for (const [x, y] of points) context.lineTo(x, y);
      context.stroke();
    }
  }

  /** What is typed, as it will stand in the document. */
  #show = () => {
    this.#find("[data-typed]").value = this.#find("[name=text]").value;
  };

  #picture = async () => {
    const preview = /** @type {HTMLCanvasElement} */ (this.#find("[data-preview]"));
    const file = this.#find("[name=image]").files[0];
    const shown = file ? await createImageBitmap(file).catch(() => null) : null;
    preview.hidden = !shown;
    if (!shown) return;
    const scale = Math.min(preview.width / shown.width, preview.height / shown.height);
    const context = /** @type {CanvasRenderingContext2D} */ (preview.getContext("2d"));
    context.clearRect(0, 0, preview.width, preview.height);
    context.drawImage(shown, 0, 0, shown.width * scale, shown.height * scale);
  };
}

customElements.define("hq-sign-mark", HqSignMark);
