// <hq-place>: places fields on the pages of a PDF, by mouse, by finger and by keyboard. The list of numbers beside the
// pages is the form itself and works without this script; a box on the page is only another way to change its row.
// Positions are set from here, because our policy takes no style attributes.

const HUNDRED = 100;
const STEP = 0.5; // per cent of the page for one press of an arrow key; a tenth of that with Alt
const WIDEST = 900; // pixels of the page as it is drawn, before the screen's own density
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const NUMBERS = ["page", "x", "y", "width", "height"];

/** @param {number} value */
function tidy(value) {
  return String(Math.round(value * HUNDRED) / HUNDRED);
}

class HqPlace extends HTMLElement {
  #page = 1;
  /** @type {any} */
  #file;
  /** @type {Record<string, [string, string]>} */
  #sizes = {};
  /** @type {Map<HTMLElement, HTMLElement>} */
  #boxes = new Map();
  #added = 0;
  /** @type {any} */
  #drawing;

  async connectedCallback() {
    if (!this.querySelector("[data-rows]")) return;
    this.#sizes = JSON.parse(this.dataset.sizes ?? "{}");
    this.#part("[data-page]").textContent = "1";
    try {
      await this.#open();
    } catch {
      return; // the list of numbers does without the pages
    }
    for (const hidden of this.querySelectorAll(".hq-place-view, .hq-place-kinds")) hidden.toggleAttribute("hidden", false);
    this.toggleAttribute("data-drawn", true);
    this.addEventListener("click", this.#clicked);
    this.addEventListener("input", this.#typed);
    this.addEventListener("change", this.#typed);
    this.addEventListener("dragstart", this.#dragged);
    this.#over.addEventListener("dragover", (event) => event.preventDefault());
    this.#over.addEventListener("drop", this.#dropped);
    this.#part("form").addEventListener("submit", this.#submit);
    addEventListener("pageshow", () => this.#seal(false));
    for (const row of this.#rows) this.#box(row);
    const first = this.#rows[0];
    this.#page = Math.min(Math.max(first ? this.#number(first, "page") : 1, 1), this.#file.numPages);
    await this.#draw();
    new ResizeObserver(() => this.#draw()).observe(this.#part("[data-sheet]"));
  }

  /** @param {string} selector @returns {any} */
  #part(selector) {
    return this.querySelector(selector);
  }

  /** @returns {HTMLElement} */
  get #over() {
    return this.#part("[data-over]");
  }

  /** @returns {HTMLElement[]} */
  get #rows() {
    return [...this.#part("[data-rows]").children];
  }

  async #open() {
    const data = /** @type {Record<string, string>} */ (this.dataset);
    const library = await import(new URL(data.pdfjs, location.href).href);
    library.GlobalWorkerOptions.workerSrc = data.worker;
    const parts = new URL(".", new URL(data.parts, location.href)).href;
    this.#file = await library.getDocument({
      url: data.original,
      cMapUrl: `${parts}cmaps/`,
      standardFontDataUrl: `${parts}fonts/`,
      wasmUrl: `${parts}decoders/`,
      useWasm: false,
      enableXfa: false,
      verbosity: 0, // what is odd about a file is not for the console of whoever looks at it
      disableRange: true,
      disableStream: true,
    }).promise;
  }

  /** The page that is shown, as wide as there is room. */
  async #draw() {
    const page = await this.#file.getPage(this.#page);
    const sheet = this.#part("[data-sheet]");
    const plain = page.getViewport({ scale: 1 });
    const wide = Math.min(sheet.clientWidth, WIDEST);
    const [canvas, old] = [document.createElement("canvas"), sheet.querySelector("canvas")];
    const viewport = page.getViewport({ scale: (wide / plain.width) * Math.min(devicePixelRatio, 2) });
    if (!wide || (this.#drawing === `${this.#page} ${wide}`)) return;
    this.#drawing = `${this.#page} ${wide}`;
    [canvas.width, canvas.height] = [Math.floor(viewport.width), Math.floor(viewport.height)];
    sheet.style.aspectRatio = `${plain.width} / ${plain.height}`;
    await page.render({ canvas, viewport }).promise;
    old.replaceWith(canvas);
    this.#part("[data-page]").textContent = String(this.#page);
    for (const button of this.querySelectorAll("[data-turn]")) {
      const next = this.#page + Number(button.getAttribute("data-turn"));
      button.toggleAttribute("disabled", next < 1 || next > this.#file.numPages);
    }
    for (const row of this.#rows) this.#lay(row);
  }

  /** @param {HTMLElement} row @param {string} name @returns {any} */
  #cell(row, name) {
    return row.querySelector(`[name="${name}"]`);
  }

  /** @param {HTMLElement} row @param {string} name */
  #number(row, name) {
    return Number(this.#cell(row, name).value.replace(",", "."));
  }

  /** The box of a row. @param {HTMLElement} row */
  #box(row) {
    const box = document.createElement("button");
    box.type = "button";
    box.className = "hq-box";
    box.append(document.createElement("span"), document.createElement("i"));
    box.addEventListener("pointerdown", (event) => this.#grab(event, row));
    box.addEventListener("keydown", (event) => this.#pressed(event, row));
    box.addEventListener("focus", () => this.#mark(row));
    row.addEventListener("focusin", () => this.#mark(row));
    this.#boxes.set(row, box);
    this.#over.append(box);
    this.#lay(row);
  }

  /** @param {HTMLElement} row */
  #lay(row) {
    const box = /** @type {HTMLElement} */ (this.#boxes.get(row));
    const [page, x, y, width, height] = NUMBERS.map((name) => this.#number(row, name));
    const [kind, signer] = [this.#cell(row, "kind"), this.#cell(row, "signer")].map((each) => each.selectedOptions[0]);
    box.hidden = page !== this.#page || ![x, y, width, height].every(Number.isFinite);
    Object.assign(box.style, { left: `${x}%`, top: `${y}%`, width: `${width}%`, height: `${height}%` });
    const shown = `${kind?.textContent ?? ""}`;
    /** @type {any} */ (box.firstChild).textContent = shown;
    box.setAttribute("aria-label", `${shown} of ${signer?.textContent.trim() ?? "nobody"}, page ${page}`);
    box.dataset.colour = signer?.dataset.colour ?? "";
    row.dataset.colour = box.dataset.colour;
  }

  /** @param {HTMLElement} row */
  #mark(row) {
    for (const [other, box] of this.#boxes) {
      other.toggleAttribute("data-on", other === row);
      box.toggleAttribute("data-on", other === row);
    }
    const page = this.#number(row, "page");
    if (page !== this.#page && page >= 1 && page <= this.#file.numPages) this.#turn(page);
  }

  /** Change a row's numbers, within the page. @param {HTMLElement} row @param {Record<string, number>} wanted */
  #set(row, wanted) {
    const now = Object.fromEntries(NUMBERS.map((name) => [name, this.#number(row, name)]));
    const next = { ...now, ...wanted };
    next.width = Math.min(Math.max(next.width, 1), HUNDRED);
    next.height = Math.min(Math.max(next.height, 0.5), HUNDRED);
    next.x = Math.min(Math.max(next.x, 0), HUNDRED - next.width);
    next.y = Math.min(Math.max(next.y, 0), HUNDRED - next.height);
    for (const name of NUMBERS) this.#cell(row, name).value = tidy(next[name]);
    this.#lay(row);
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} row */
  #pressed = (event, row) => {
    const arrow = /** @type {Record<string, number[]>} */ (ARROWS)[event.key];
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.#remove(row);
      return;
    }
    if (!arrow || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const step = event.altKey ? STEP / 5 : STEP;
    const [first, second] = event.shiftKey ? ["width", "height"] : ["x", "y"];
    const wanted = { [first]: this.#number(row, first) + arrow[0] * step, [second]: this.#number(row, second) + arrow[1] * step };
    this.#set(row, wanted);
    this.#say(NUMBERS.slice(1).map((name) => `${name === "x" ? "left" : name === "y" ? "top" : name} ${this.#cell(row, name).value}`).join(", "));
  };

  /** @param {PointerEvent} event @param {HTMLElement} row */
  #grab = (event, row) => {
    if (event.button) return;
    const box = /** @type {HTMLElement} */ (this.#boxes.get(row));
    const area = this.#over.getBoundingClientRect();
    const begun = Object.fromEntries(NUMBERS.map((name) => [name, this.#number(row, name)]));
    const grows = /** @type {Element} */ (event.target).localName === "i";
    event.preventDefault(); // no text is selected, and nothing scrolls, while a box is moved
    box.focus();
    box.setPointerCapture(event.pointerId);
    const ends = new AbortController();
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      const [right, down] = [
        ((moved.clientX - event.clientX) / area.width) * HUNDRED,
        ((moved.clientY - event.clientY) / area.height) * HUNDRED,
      ];
      if (grows) this.#set(row, { width: Math.min(begun.width + right, HUNDRED - begun.x), height: Math.min(begun.height + down, HUNDRED - begun.y) });
      else this.#set(row, { x: begun.x + right, y: begun.y + down });
    };
    box.addEventListener("pointermove", move, { signal: ends.signal });
    for (const end of ["pointerup", "pointercancel"]) box.addEventListener(end, () => ends.abort(), { signal: ends.signal });
  };

  /** A field of a kind on the page that is shown. @param {string} kind @param {number} [x] @param {number} [y] */
  #add(kind, x, y) {
    const template = /** @type {HTMLTemplateElement} */ (this.#part("template[data-new]"));
    const row = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
    this.#added += 1;
    for (const each of row.querySelectorAll("[id]")) each.id = each.id.replace("new", `new-${this.#added}`);
    const [width, height] = (this.#sizes[kind] ?? ["30", "5"]).map(Number);
    this.#cell(row, "kind").value = kind;
    this.#cell(row, "signer").value = this.#part("#new_signer").value;
    this.#part("[data-rows]").append(row);
    this.#box(row);
    const slid = (this.#added % 8) * 6;
    this.#set(row, { page: this.#page, width, height, x: x === undefined ? 10 : x - width / 2, y: y === undefined ? 20 + slid : y - height / 2 });
    this.#count();
    this.#boxes.get(row)?.focus();
    this.#say(`${kind} added to page ${this.#page}`);
  }

  /** @param {HTMLElement} row */
  #remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    this.#boxes.get(row)?.remove();
    this.#boxes.delete(row);
    row.remove();
    this.#count();
    this.#say("Field removed");
    const box = next && this.#boxes.get(/** @type {HTMLElement} */ (next));
    if (box && !box.hidden) box.focus();
    else this.#part("[data-add]").focus();
  }

  #count() {
    const rows = this.#rows;
    this.#part("[data-count]").textContent = String(rows.length);
    this.#part(".hq-place-none").hidden = rows.length > 0;
    for (const [at, row] of rows.entries()) row.setAttribute("aria-label", `Field ${at + 1}`);
  }

  /** @param {number} page */
  #turn(page) {
    this.#page = Math.min(Math.max(page, 1), this.#file.numPages);
    this.#draw();
  }

  /** @param {string} words */
  #say(words) {
    this.#part("[data-said]").textContent = words;
  }

  /** @param {Event} event */
  #clicked = (event) => {
    const target = /** @type {Element} */ (event.target);
    const [add, turn, gone] = ["[data-add]", "[data-turn]", "[data-remove]"].map((each) => target.closest(each));
    if (add) this.#add(add.getAttribute("data-add") ?? "signature");
    if (turn) this.#turn(this.#page + Number(turn.getAttribute("data-turn")));
    if (gone) {
      event.preventDefault();
      this.#remove(/** @type {HTMLElement} */ (gone.closest(".hq-place-row")));
    }
  };

  /** @param {Event} event */
  #typed = (event) => {
    const row = /** @type {Element} */ (event.target).closest(".hq-place-row");
    if (row) this.#lay(/** @type {HTMLElement} */ (row));
  };

  /** @param {DragEvent} event */
  #dragged = (event) => {
    const kind = /** @type {Element} */ (event.target).getAttribute?.("data-add");
    if (kind) event.dataTransfer?.setData("text/x-hq-field", kind);
  };

  /** @param {DragEvent} event */
  #dropped = (event) => {
    const kind = event.dataTransfer?.getData("text/x-hq-field");
    if (!kind) return;
    event.preventDefault();
    const area = this.#over.getBoundingClientRect();
    this.#add(kind, ((event.clientX - area.left) / area.width) * HUNDRED, ((event.clientY - area.top) / area.height) * HUNDRED);
  };

  /** All rows go as one piece: a form of many fields would have more parts than the server reads. */
  #submit = () => {
    const names = ["signer", "kind", ...NUMBERS, "label", "need"];
    const rows = this.#rows.map((row) => Object.fromEntries(names.map((name) => [name, this.#cell(row, name).value])));
    this.#part('input[name="places"]').value = JSON.stringify(rows);
    this.#seal(true);
  };

  /** @param {boolean} whole */
  #seal(whole) {
    this.#part('input[name="places"]').disabled = !whole;
    for (const row of this.#rows) for (const cell of row.querySelectorAll("input, select")) cell.toggleAttribute("disabled", whole);
  }
}

customElements.define("hq-place", HqPlace);
