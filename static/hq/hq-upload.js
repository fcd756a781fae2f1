// <hq-upload data-url-base="/…/objects/" data-prefix="claims/2026-q3/" data-done="/…/files/?…">
// Each chosen or dropped file becomes one PUT to data-url-base + the path, each part encoded, with X-CSRFToken.
// A refusal's problem+json `detail` is shown in the file's row. Two files travel at a time. When every file is stored
// the page goes to data-done (or reloads, when that is empty); when one was refused it stays, so that the reason can
// be read. Markup: templates/components/upload.html. Events: hq:stored and hq:refused, detail {path, status}.

const AT_ONCE = 2;
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

/** @param {number} seconds */
function timeLeft(seconds) {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s left`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min left` : `${Math.round(seconds / 3600)} h left`;
}

/** @param {string} path */
function encoded(path) {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** What the server said, or what its silence means. @param {XMLHttpRequest} request */
function reason(request) {
  try {
    const problem = JSON.parse(request.responseText);
    if (problem.detail || problem.title) return String(problem.detail ?? problem.title);
  } catch {
    // not a problem document: the status has to do
  }
  if (request.status === 0) return "The connection broke. Nothing of this file was kept.";
  if (request.status === 413) return "The file is larger than this organization allows. Nothing of it was kept.";
  return `The server answered ${request.status}. Nothing of this file was kept.`;
}

/** One file on its way, and the row that shows it. */
class Transfer {
  /** @type {"waiting" | "sending" | "stored" | "refused"} */
  state = "waiting";
  sent = 0;
  started = 0;
  /** @type {XMLHttpRequest | null} */
  request = null;

  /** @param {HqUpload} owner @param {File} file @param {string} path @param {HTMLElement} row */
  constructor(owner, file, path, row) {
    this.owner = owner;
    this.file = file;
    this.path = path;
    this.row = row;
    this.part("[data-name]").textContent = path;
    this.part("[data-cancel]").addEventListener("click", () => this.cancel());
    this.part("[data-retry]").addEventListener("click", () => this.retry());
    this.show();
  }

  /** @param {string} selector @returns {any} */
  part(selector) {
    return this.row.querySelector(selector);
  }

  send() {
    const request = new XMLHttpRequest();
    this.request = request;
    this.state = "sending";
    this.started = performance.now();
    request.upload.addEventListener("progress", (event) => this.#moved(event.loaded));
    request.addEventListener("loadend", () => this.#ended(request));
    request.open("PUT", this.owner.dataset.urlBase + encoded(this.path));
    request.setRequestHeader("X-CSRFToken", this.owner.token);
    request.setRequestHeader("Accept", "application/problem+json, application/json");
    request.setRequestHeader("Content-Type", this.file.type || "application/octet-stream");
    request.send(this.file);
    this.show();
  }

  cancel() {
    const request = this.request;
    this.owner.forget(this);
    this.row.remove();
    request?.abort();
  }

  retry() {
    this.state = "waiting";
    this.sent = 0;
    this.show();
    this.owner.pump();
  }

  /** @param {number} sent */
  #moved(sent) {
    this.sent = sent;
    this.show();
    this.owner.show();
  }

  /** @param {XMLHttpRequest} request */
  #ended(request) {
    if (this.request !== request || !this.owner.knows(this)) return;
    const stored = request.status >= 200 && request.status < 300;
    this.state = stored ? "stored" : "refused";
    this.sent = stored ? this.file.size : 0;
    this.show(stored ? "" : reason(request));
    const detail = { path: this.path, status: request.status };
    this.owner.dispatchEvent(new CustomEvent(stored ? "hq:stored" : "hq:refused", { bubbles: true, detail }));
    this.owner.pump();
  }

  /** @param {string} [why] */
  show(why = "") {
    const refused = this.state === "refused";
    const stored = this.state === "stored";
    for (const icon of this.row.querySelectorAll("[data-icon]")) {
      const wanted = refused ? "refused" : stored ? "stored" : "waiting";
      /** @type {HTMLElement} */ (icon).hidden = icon.getAttribute("data-icon") !== wanted;
    }
    const bar = this.part("progress");
    bar.max = this.file.size || 1;
    bar.value = stored ? bar.max : this.sent;
    bar.hidden = refused || stored;
    bar.setAttribute("aria-label", this.path);
    this.part("[data-name]").textContent = refused ? `${this.path} was not uploaded` : this.path;
    this.part("[data-rate]").textContent = this.#rate();
    this.part("[data-reason]").textContent = why;
    this.part("[data-reason]").hidden = !why;
    this.part("[data-cancel]").hidden = stored || refused;
    this.part("[data-retry]").hidden = !refused;
  }

  #rate() {
    if (this.state === "stored") return bytes(this.file.size);
    if (this.state === "refused") return "";
    if (this.state === "waiting") return `${bytes(this.file.size)}, waiting`;
    if (this.sent >= this.file.size) return "Storing";
    const speed = this.sent / ((performance.now() - this.started) / 1000);
    const words = [`${bytes(this.sent)} of ${bytes(this.file.size)}`];
    if (speed > 0) words.push(`${bytes(speed)} a second`, timeLeft((this.file.size - this.sent) / speed));
    return words.filter(Boolean).join(", ");
  }
}

class HqUpload extends HTMLElement {
  /** @type {Transfer[]} */
  #transfers = [];

  connectedCallback() {
    this.addEventListener("change", this.#chosen);
    this.addEventListener("dragover", this.#over);
    this.addEventListener("dragleave", this.#left);
    this.addEventListener("drop", this.#dropped);
    window.addEventListener("beforeunload", this.#leaving);
  }

  disconnectedCallback() {
    window.removeEventListener("beforeunload", this.#leaving);
  }

  get token() {
    const form = /** @type {HTMLInputElement | null} */ (this.querySelector("input[name=csrfmiddlewaretoken]"));
    return form?.value ?? document.querySelector("meta[name=csrf-token]")?.getAttribute("content") ?? "";
  }

  /** @param {Transfer} transfer */
  knows(transfer) {
    return this.#transfers.includes(transfer);
  }

  /** @param {Transfer} transfer */
  forget(transfer) {
    this.#transfers = this.#transfers.filter((other) => other !== transfer);
    this.pump();
  }

  /** @param {Iterable<File>} files */
  add(files) {
    const rows = /** @type {HTMLElement} */ (this.querySelector("[data-rows]"));
    const template = /** @type {HTMLTemplateElement} */ (this.querySelector("template[data-row]"));
    for (const file of files) {
      const row = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
      rows.append(row);
      const path = (this.dataset.prefix ?? "") + (file.webkitRelativePath || file.name);
      this.#transfers.push(new Transfer(this, file, path, row));
    }
    this.pump();
  }

  /** Start what may start; when nothing is left, leave for data-done unless something was refused. */
  pump() {
    const sending = this.#count("sending");
    const waiting = this.#transfers.filter((transfer) => transfer.state === "waiting");
    for (const transfer of waiting.slice(0, Math.max(AT_ONCE - sending, 0))) transfer.send();
    this.show();
    if (this.#transfers.length && this.#count("stored") === this.#transfers.length) this.#finish();
  }

  show() {
    const total = this.#transfers.length;
    const [stored, refused] = [this.#count("stored"), this.#count("refused")];
    const done = stored + refused;
    const panel = /** @type {HTMLElement} */ (this.querySelector("[data-panel]"));
    panel.hidden = total === 0;
    const title = done < total ? `Uploading ${done + 1} of ${total}` : `${stored} of ${total} stored`;
    this.#say("[data-title]", title);
    this.#say("[data-total]", [`${stored} stored`, refused ? `${refused} refused` : ""].filter(Boolean).join(", "));
  }

  /** Written only when it changed, so that a live region speaks once. @param {string} selector @param {string} text */
  #say(selector, text) {
    const place = this.querySelector(selector);
    if (place && place.textContent !== text) place.textContent = text;
  }

  /** @param {string} state */
  #count(state) {
    return this.#transfers.filter((transfer) => transfer.state === state).length;
  }

  #finish() {
    window.removeEventListener("beforeunload", this.#leaving);
    if (this.dataset.done) location.assign(this.dataset.done);
    else location.reload();
  }

  /** @param {Event} event */
  #chosen = (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.type !== "file" || !input.files?.length) return;
    this.add([...input.files]);
    input.value = "";
  };

  /** @param {DragEvent} event */
  #over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.toggleAttribute("data-over", true);
  };

  #left = () => this.removeAttribute("data-over");

  /** @param {DragEvent} event */
  #dropped = (event) => {
    event.preventDefault();
    this.removeAttribute("data-over");
    this.add([...(event.dataTransfer?.files ?? [])]);
  };

  /** @param {BeforeUnloadEvent} event */
  #leaving = (event) => {
    if (this.#count("sending") + this.#count("waiting") > 0) event.preventDefault();
  };
}

// <button type="button" data-pick="upload-files"> anywhere on the page opens the file picker.
document.addEventListener("click", (event) => {
  const picker = /** @type {Element} */ (event.target).closest("[data-pick]");
  if (picker) document.getElementById(picker.getAttribute("data-pick") ?? "")?.click();
});

customElements.define("hq-upload", HqUpload);
