// <hq-sign-pages>: the pages of a PDF with their text, drawn as they come into view, and over them what is filled in
// where. Positions are set from here, because our policy takes no style attributes. Without this script there is a link.
// pdf.js runs without eval and without WebAssembly, which the policy refuses; its worker is a file of ours.

const STEPS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const MILLION = 1_000_000;
const NEAR = "600px";
const PIXELS_MOST = 16_000_000;

/** @typedef {{id: string, page: number, x: number, y: number, width: number, height: number, kind: string,
 *   label: string, whose: string, mine: boolean, value: string}} Place */

class HqSignPages extends HTMLElement {
  #zoom = STEPS.indexOf(1);
  /** @type {any} */
  #library;
  /** @type {any} */
  #file;
  /** @type {Place[]} */
  #places = [];
  /** @type {IntersectionObserver | undefined} */
  #eye;
  #at = -1;

  async connectedCallback() {
    const block = document.getElementById(/** @type {string} */ (this.dataset.places));
    this.#places = JSON.parse(block?.textContent ?? "[]");
    this.#find("[data-plain]").hidden = true;
    try {
      await this.#open();
    } catch {
      this.#pages.hidden = this.#find("[data-bar]").hidden = true;
      this.#find("[data-plain]").hidden = false;
      const fault = this.#find("[data-fault]");
      fault.textContent = "The pages could not be shown here. Open the document by the link, and read it there.";
      fault.hidden = false;
      return;
    }
    this.#find("[data-bar]").classList.remove("is-waiting");
    for (const button of this.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => this.#zoomBy(Number(/** @type {HTMLElement} */ (button).dataset.zoom)));
    }
    this.querySelector("[data-next]")?.addEventListener("click", this.#next);
    document.addEventListener("input", () => this.#mirror());
    new ResizeObserver(() => this.#lay()).observe(this.#pages);
    this.#pages.addEventListener("scroll", () => this.#tell(), { passive: true });
  }

  /** @param {string} selector @returns {any} */
  #find(selector) {
    return this.querySelector(selector);
  }

  /** @returns {HTMLElement} */
  get #pages() {
    return this.#find("[data-pages]");
  }

  async #open() {
    const data = /** @type {Record<string, string>} */ (this.dataset);
    this.#library = await import(data.library);
    this.#library.GlobalWorkerOptions.workerSrc = data.worker;
    const parts = new URL(".", new URL(data.parts, location.href)).href; // the names inside are pdf.js's own
    this.#file = await this.#library.getDocument({
      url: data.source,
      cMapUrl: `${parts}cmaps/`,
      standardFontDataUrl: `${parts}fonts/`,
      wasmUrl: `${parts}decoders/`,
      useWasm: false,
      useSystemFonts: true,
      enableXfa: false,
      verbosity: 0, // a font that this machine lacks is no news to whoever reads
      disableRange: true,
      disableStream: true,
      stopAtErrors: false,
    }).promise;
    this.#eye = new IntersectionObserver((seen) => this.#seen(seen), { root: this.#pages, rootMargin: NEAR });
    const first = await this.#file.getPage(1);
    for (let number = 1; number <= this.#file.numPages; number += 1) this.#pages.append(this.#sheet(number, first));
    this.#lay();
    this.#tell();
  }

  /** An empty page, of the first one's form until it is drawn. @param {number} number @param {any} like */
  #sheet(number, like) {
    const sheet = document.createElement("section");
    sheet.className = "hq-sign-page";
    sheet.setAttribute("aria-label", `Page ${number} of ${this.#file.numPages}`);
    sheet.dataset.number = String(number);
    const { width, height } = like.getViewport({ scale: 1 });
    sheet.dataset.width = String(width);
    sheet.dataset.height = String(height);
    for (const place of this.#places.filter((one) => one.page === number)) sheet.append(this.#mark(place));
    this.#eye?.observe(sheet);
    return sheet;
  }

  /** What lies over a page: one's own leads to where it is filled in. @param {Place} place */
  #mark(place) {
    const field = place.mine ? document.getElementById(place.id) : null;
    const mark = document.createElement(field ? "button" : "span");
    mark.className = place.mine ? "hq-sign-over is-mine" : "hq-sign-over";
    mark.dataset.place = place.id;
    if (field) {
      mark.setAttribute("type", "button");
      mark.addEventListener("click", () => this.#fill(place));
    }
    mark.style.setProperty("--left", String(place.x / MILLION));
    mark.style.setProperty("--top", String(place.y / MILLION));
    mark.style.setProperty("--wide", String(place.width / MILLION));
    mark.style.setProperty("--high", String(place.height / MILLION));
    mark.textContent = this.#words(place);
    return mark;
  }

  /** @param {Place} place */
  #words(place) {
    const box = /** @type {HTMLInputElement | null} */ (document.getElementById(place.id));
    const value = place.mine && box && "value" in box ? (box.type === "checkbox" ? (box.checked ? "✓" : "") : box.value) : "";
    if (value) return value;
    if (!place.mine) return place.value ? (place.kind === "checkbox" ? "✓" : place.value) : `${place.label}: ${place.whose}`;
    return place.label;
  }

  #mirror() {
    for (const place of this.#places.filter((one) => one.mine)) {
      const mark = this.#find(`[data-place="${place.id}"]`);
      if (mark) mark.textContent = this.#words(place);
    }
  }

  /** Go to where a field is filled in. @param {Place} place */
  #fill(place) {
    const field = /** @type {HTMLElement} */ (document.getElementById(place.id));
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    field.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
    field.focus({ preventScroll: true });
  }

  /** The next place of one's own: its page comes into view, and the place is in focus. */
  #next = () => {
    const own = this.#places.filter((one) => one.mine);
    if (!own.length) return;
    this.#at = (this.#at + 1) % own.length;
    const mark = this.#find(`[data-place="${own[this.#at].id}"]`);
    const box = mark.getBoundingClientRect();
    const frame = this.#pages.getBoundingClientRect();
    this.#pages.scrollBy(box.left - frame.left - 16, box.top - frame.top - frame.height / 3);
    mark.scrollIntoView({ block: "nearest", inline: "nearest" }); // the frame itself may be outside of a small window
    mark.focus({ preventScroll: true });
  };

  /** @param {number} by */
  #zoomBy(by) {
    this.#zoom = Math.min(STEPS.length - 1, Math.max(0, this.#zoom + by));
    this.#find("[data-zoomed]").value = `${Math.round(STEPS[this.#zoom] * 100)} %`;
    this.#lay();
  }

  /** As wide as there is room at 100 %; what is drawn already is drawn anew where it is seen. */
  #lay() {
    const room = this.#pages.clientWidth - 16;
    for (const sheet of /** @type {NodeListOf<HTMLElement>} */ (this.#pages.querySelectorAll(".hq-sign-page"))) {
      const width = Math.floor(room * STEPS[this.#zoom]);
      const height = (width * Number(sheet.dataset.height)) / Number(sheet.dataset.width);
      if (sheet.dataset.drawn === String(width)) continue;
      sheet.style.width = `${width}px`;
      sheet.style.height = `${height}px`;
      delete sheet.dataset.drawn;
      this.#eye?.unobserve(sheet);
      this.#eye?.observe(sheet);
    }
  }

  /** @param {IntersectionObserverEntry[]} seen */
  #seen(seen) {
    for (const one of seen) {
      const sheet = /** @type {HTMLElement} */ (one.target);
      if (one.isIntersecting && !sheet.dataset.drawn) this.#draw(sheet);
    }
  }

  /** @param {HTMLElement} sheet */
  async #draw(sheet) {
    const wanted = String(Math.floor(sheet.clientWidth));
    sheet.dataset.drawn = wanted;
    const page = await this.#file.getPage(Number(sheet.dataset.number));
    const plain = page.getViewport({ scale: 1 });
    sheet.dataset.width = String(plain.width);
    sheet.dataset.height = String(plain.height);
    sheet.style.height = `${(sheet.clientWidth * plain.height) / plain.width}px`;
    const scale = sheet.clientWidth / plain.width;
    const viewport = page.getViewport({ scale });
    const fine = Math.min(window.devicePixelRatio || 1, Math.sqrt(PIXELS_MOST / (viewport.width * viewport.height)));
    const canvas = document.createElement("canvas");
    canvas.width = Math.floor(viewport.width * fine);
    canvas.height = Math.floor(viewport.height * fine);
    canvas.setAttribute("aria-hidden", "true"); // its text stands in the layer over it
    await page.render({ canvas, viewport, transform: fine === 1 ? undefined : [fine, 0, 0, fine, 0, 0] }).promise;
    const text = document.createElement("div");
    text.className = "hq-sign-words-of-page";
    text.style.setProperty("--total-scale-factor", String(scale));
    const source = page.streamTextContent({ includeMarkedContent: true });
    await new this.#library.TextLayer({ textContentSource: source, container: text, viewport }).render();
    if (sheet.dataset.drawn !== wanted) return; // it was zoomed meanwhile
    sheet.querySelectorAll("canvas, .hq-sign-words-of-page").forEach((old) => old.remove());
    sheet.prepend(canvas, text);
    page.cleanup();
  }

  /** Where one is. */
  #tell() {
    const top = this.#pages.getBoundingClientRect().top + this.#pages.clientHeight / 3;
    const sheets = /** @type {HTMLElement[]} */ ([...this.#pages.querySelectorAll(".hq-sign-page")]);
    const now = sheets.filter((sheet) => sheet.getBoundingClientRect().top <= top).pop() ?? sheets[0];
    this.#find("[data-where]").textContent = `Page ${now.dataset.number} of ${this.#file.numPages}`;
  }
}

customElements.define("hq-sign-pages", HqSignPages);
