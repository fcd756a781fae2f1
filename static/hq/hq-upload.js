// <hq-upload data-url-base="/…/objects/" data-prefix="claims/2026-q3/" data-done="/…/files/?…">
// Each chosen or dropped file becomes one PUT to data-url-base + the path, each part encoded, with X-CSRFToken.
// A refusal's problem+json `detail` is shown in the file's row. Two files travel at a time. When every file is stored
// the page goes to data-done (or reloads, when that is empty); when one was refused it stays, so that the reason can
// be read. Markup: templates/components/upload.html and upload_rows.html. Events: hq:stored and hq:refused, detail {path, status}.
// With data-uploads="/…/files/uploads" a file travels in parts instead (hq-upload-parts.js), and the page stays: each
// row has its receipt, and every element with data-fresh and an id is fetched anew from data-done. With data-stay the
// page stays as well, so that whoever sent files sees which of them came.

const AT_ONCE = 2;
const UNITS = ["bytes", "KB", "MB", "GB", "TB"];

/** @typedef {{file: File, path: string}} Chosen */

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

/** Every file in what was dropped, with its path below it: folders are walked through. @param {DataTransfer} transfer */
async function dropped(transfer) {
  // Both must be asked for before the first await: afterwards the list is empty.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  /** @type {Chosen[]} */
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

/** @param {any} entry @param {Chosen[]} found */
async function walk(entry, found) {
  if (entry instanceof File) {
    found.push({ file: entry, path: entry.name });
  } else if (entry?.isFile) {
    const file = await new Promise((give, refuse) => entry.file(give, refuse));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
  } else if (entry?.isDirectory) {
    const reader = entry.createReader();
    // A reader gives a hundred at a time, and none at the end.
    for (;;) {
      const some = await new Promise((give, refuse) => reader.readEntries(give, refuse));
      if (!some.length) return;
      for (const inner of some) await walk(inner, found);
    }
  }
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
  /** @type {"waiting" | "sending" | "paused" | "stored" | "refused"} */
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
    this.tell(request.status);
  }

  /** Say that it has ended, and let the next one begin. @param {number} status */
  tell(status) {
    const detail = { path: this.path, status };
    const name = this.state === "stored" ? "hq:stored" : "hq:refused";
    this.owner.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
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
    this.part("[data-rate]").textContent = this.rate();
    this.part("[data-reason]").textContent = why;
    this.part("[data-reason]").hidden = !why;
    this.part("[data-cancel]").hidden = stored || refused;
    this.part("[data-retry]").hidden = !refused;
  }

  /** @returns {string} */
  rate() {
    if (this.state === "stored") return bytes(this.file.size);
    if (this.state === "refused") return "";
    if (this.state === "waiting") return `${bytes(this.file.size)}, waiting`;
    if (this.state === "paused") return `${bytes(this.sent)} of ${bytes(this.file.size)}, paused`;
    if (this.sent >= this.file.size) return "Storing";
    const speed = this.sent / ((performance.now() - this.started) / 1000);
    const words = [`${bytes(this.sent)} of ${bytes(this.file.size)}`];
    if (speed > 0) words.push(`${bytes(speed)} a second`, timeLeft((this.file.size - this.sent) / speed));
    return words.filter(Boolean).join(", ");
  }
}

class HqUpload extends HTMLElement {
  // What hq-upload-parts.js builds on, and what it puts in its place.
  static Transfer = Transfer;
  /** @type {typeof Transfer | null} */
  static InParts = null;
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

  /** @param {Iterable<Chosen>} chosen */
  add(chosen) {
    const rows = /** @type {HTMLElement} */ (this.querySelector("[data-rows]"));
    const template = /** @type {HTMLTemplateElement} */ (this.querySelector("template[data-row]"));
    const Way = (this.dataset.uploads && HqUpload.InParts) || Transfer;
    for (const { file, path } of chosen) {
      const row = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
      rows.append(row);
      this.#transfers.push(new Way(this, file, (this.dataset.prefix ?? "") + path, row));
    }
    this.pump();
  }

  /** Start what may start; when nothing is left, leave for data-done unless something was refused. */
  pump() {
    const sending = this.#count("sending");
    const waiting = this.#transfers.filter((transfer) => transfer.state === "waiting");
    for (const transfer of waiting.slice(0, Math.max(AT_ONCE - sending, 0))) transfer.send();
    this.show();
    const [total, stored] = [this.#transfers.length, this.#count("stored")];
    if (total && stored === total) this.#finish();
    else if (stored && stored + this.#count("refused") === total && this.#stays) this.#refresh();
  }

  show() {
    const total = this.#transfers.length;
    const [stored, refused] = [this.#count("stored"), this.#count("refused")];
    const done = stored + refused;
    const panel = /** @type {HTMLElement} */ (this.querySelector("[data-panel]"));
    panel.hidden = total === 0;
    const whole = /** @type {HTMLProgressElement | null} */ (this.querySelector("[data-whole]"));
    if (whole) {
      whole.max = this.#sum((transfer) => transfer.file.size) || 1;
      whole.value = this.#sum((transfer) => (transfer.state === "stored" ? transfer.file.size : transfer.sent));
      whole.hidden = total < 2 || done === total;
    }
    const title = done < total ? `Uploading ${done + 1} of ${total}` : `${stored} of ${total} stored`;
    this.#say("[data-title]", title);
    this.#say("[data-total]", [`${stored} stored`, refused ? `${refused} refused` : ""].filter(Boolean).join(", "));
  }

  /** Written only when it changed, so that a live region speaks once. @param {string} selector @param {string} text */
  #say(selector, text) {
    const place = this.querySelector(selector);
    if (place && place.textContent !== text) place.textContent = text;
  }

  /** @param {(transfer: Transfer) => number} amount */
  #sum(amount) {
    return this.#transfers.reduce((total, transfer) => total + amount(transfer), 0);
  }

  /** @param {string} state */
  #count(state) {
    return this.#transfers.filter((transfer) => transfer.state === state).length;
  }

  get #stays() {
    return Boolean(this.dataset.uploads) || this.hasAttribute("data-stay");
  }

  #finish() {
    if (this.#stays) {
      this.#refresh();
      return;
    }
    window.removeEventListener("beforeunload", this.#leaving);
    if (this.dataset.done) location.assign(this.dataset.done);
    else location.reload();
  }

  /** Show what is there now, around the receipts. */
  async #refresh() {
    const answer = await fetch(this.dataset.done || location.href, { credentials: "same-origin" }).catch(() => null);
    if (!answer?.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-fresh][id]")) {
      const fresh = page.getElementById(old.id);
      if (!fresh) continue;
      old.replaceWith(document.adoptNode(fresh));
      /** @type {any} */ (window).htmx?.process(fresh); // it has seen only what the page came with
    }
  }

  /** @param {Event} event */
  #chosen = (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.type !== "file" || !input.files?.length) return;
    this.add([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
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
    if (event.dataTransfer) dropped(event.dataTransfer).then((chosen) => this.add(chosen));
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
