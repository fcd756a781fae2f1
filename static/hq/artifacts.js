// <hq-deploy data-url="/o/…/deploy" data-done="/o/…"> … <input type="file" webkitdirectory> … </hq-deploy>
// A chosen or dropped folder becomes one tar, put together as a Blob of the files themselves: nothing is read before it
// is sent, and nothing is held in memory. A single .tar or .tgz goes as it is. Markup: templates/artifacts/_deploy.html.

const BLOCK = 512;
const text = new TextEncoder();

/** @param {Uint8Array} block @param {number} at @param {number} length @param {number} value */
function octal(block, at, length, value) {
  block.set(text.encode(value.toString(8).padStart(length - 1, "0")), at);
}

/** A header of POSIX's ustar. @param {string} name @param {number} size @param {string} kind */
function header(name, size, kind) {
  const block = new Uint8Array(BLOCK);
  block.set(text.encode(name).subarray(0, 100), 0);
  octal(block, 100, 8, 0o644);
  octal(block, 108, 8, 0);
  octal(block, 116, 8, 0);
  octal(block, 124, 12, size);
  octal(block, 136, 12, 0);
  block.fill(32, 148, 156);
  block.set(text.encode(kind), 156);
  block.set(text.encode("ustar\0" + "00"), 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(text.encode(sum.toString(8).padStart(6, "0") + "\0 "), 148);
  return block;
}

/** @param {number} size */
function padding(size) {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** A pax record counts its own length. @param {string} path */
function record(path) {
  const rest = text.encode(` path=${path}\n`).length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return text.encode(`${length} path=${path}\n`);
}

/** @param {{ path: string, file: File }[]} files */
export function tarOf(files) {
  /** @type {BlobPart[]} */
  const parts = [];
  for (const { path, file } of files) {
    const name = record(path);
    parts.push(header("PaxHeader", name.length, "x"), name, padding(name.length));
    parts.push(header("file", file.size, "0"), file, padding(file.size));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return new Blob(parts, { type: "application/x-tar" });
}

/** Every file below what was dropped. @param {FileSystemEntry} entry @param {string} above
 * @returns {Promise<{ path: string, file: File }[]>} */
async function below(entry, above) {
  const path = above + entry.name;
  if (entry.isFile) {
    const found = /** @type {FileSystemFileEntry} */ (entry);
    return [{ path, file: await new Promise((done, failed) => found.file(done, failed)) }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const all = [];
  for (;;) {
    // A reader gives a hundred at a time.
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return all;
    for (const one of some) all.push(...(await below(one, `${path}/`)));
  }
}

/** The folder itself is no part of an address. @param {{ path: string, file: File }[]} files */
function withoutTop(files) {
  const top = files[0]?.path.split("/")[0] ?? "";
  const shared = top && files.every(({ path }) => path.startsWith(`${top}/`));
  return shared ? files.map(({ path, file }) => ({ path: path.slice(top.length + 1), file })) : files;
}

/** @param {XMLHttpRequest} request */
function reason(request) {
  try {
    const problem = JSON.parse(request.responseText);
    if (problem.detail || problem.title) return String(problem.detail ?? problem.title);
  } catch {
    // not a problem document: the status has to do
  }
  if (request.status === 0) return "The connection broke. Nothing was published.";
  return `The server answered ${request.status}. Nothing was published.`;
}

class HqDeploy extends HTMLElement {
  /** @type {XMLHttpRequest | null} */
  #request = null;

  connectedCallback() {
    this.addEventListener("change", this.#chosen);
    this.addEventListener("dragover", this.#over);
    this.addEventListener("dragleave", this.#left);
    this.addEventListener("drop", this.#dropped);
    this.addEventListener("click", this.#clicked);
    window.addEventListener("beforeunload", this.#leaving);
  }

  disconnectedCallback() {
    window.removeEventListener("beforeunload", this.#leaving);
  }

  /** @param {string} selector @returns {any} */
  part(selector) {
    return this.querySelector(selector);
  }

  /** @param {{ path: string, file: File }[]} files */
  deploy(files) {
    if (!files.length || this.#request) return;
    const [first] = files;
    const packed = files.length === 1 && /\.(tar|tgz|tar\.gz)$/i.test(first.file.name);
    const body = packed ? first.file : tarOf(withoutTop(files));
    const request = new XMLHttpRequest();
    this.#request = request;
    this.#say(packed ? `Sending ${first.file.name}` : `Sending ${files.length} file${files.length === 1 ? "" : "s"}`);
    this.part("[data-panel]").hidden = false;
    this.part("[data-reason]").hidden = true;
    request.upload.addEventListener("progress", (event) => this.#moved(event.loaded, body.size));
    request.addEventListener("loadend", () => this.#ended(request));
    request.open("POST", this.dataset.url ?? "");
    request.setRequestHeader("X-CSRFToken", this.part("input[name=csrfmiddlewaretoken]").value);
    request.setRequestHeader("Accept", "application/problem+json, application/json");
    request.setRequestHeader("Content-Type", packed ? "application/octet-stream" : "application/x-tar");
    request.send(body);
  }

  /** @param {number} sent @param {number} size */
  #moved(sent, size) {
    const bar = this.part("progress");
    bar.max = size || 1;
    bar.value = sent;
    bar.hidden = false;
    if (sent >= size) this.#say("Checking and sealing");
  }

  /** @param {XMLHttpRequest} request */
  #ended(request) {
    this.#request = null;
    this.part("progress").hidden = true;
    if (request.status === 201) {
      location.assign(this.dataset.done ?? "");
      return;
    }
    this.#say("Nothing was published");
    this.part("[data-reason]").textContent = reason(request);
    this.part("[data-reason]").hidden = false;
  }

  /** @param {string} words */
  #say(words) {
    this.part("[data-title]").textContent = words;
  }

  /** @param {Event} event */
  #chosen = (event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (input.type !== "file" || !input.files?.length) return;
    const files = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
    input.value = "";
    this.deploy(files);
  };

  /** @param {DragEvent} event */
  #over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.toggleAttribute("data-over", true);
  };

  #left = () => this.removeAttribute("data-over");

  /** @param {DragEvent} event */
  #dropped = async (event) => {
    event.preventDefault();
    this.removeAttribute("data-over");
    // All of them at once: after the first pause the browser has forgotten what was dropped.
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry());
    const files = [];
    try {
      for (const entry of entries) if (entry) files.push(...(await below(entry, "")));
    } catch {
      this.part("[data-panel]").hidden = false;
      this.#say("A file could not be read. Nothing was published");
      return;
    }
    this.deploy(files);
  };

  /** @param {Event} event */
  #clicked = (event) => {
    const picker = /** @type {Element} */ (event.target).closest("[data-pick-input]");
    if (picker) this.part(picker.getAttribute("data-pick-input") ?? "").click();
  };

  /** @param {BeforeUnloadEvent} event */
  #leaving = (event) => {
    if (this.#request) event.preventDefault();
  };
}

customElements.define("hq-deploy", HqDeploy);
