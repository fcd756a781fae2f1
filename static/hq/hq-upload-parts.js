// Files of <hq-upload data-uploads="/…/files/uploads"> travel in parts, straight to the store, and are resumed.
// The page must load hq-upload.js before this. Begun anew, after a lost connection, a pause or a reload, the server
// finds the open upload of the same path and size, and only parts that are not there travel. Up to 256 MiB the SHA-256
// is computed here, announced, and compared with the receipt; a larger file is known again by when it was changed.

const HqUpload = /** @type {any} */ (customElements.get("hq-upload"));
const HASHED = 256 * 1024 * 1024;
const LANES = 2; // parts of one file at a time
const AHEAD = 8; // addresses asked for at once
const PATIENCE = 3; // tries of a part whose address is refused
const SOON = 1500;
const LATER = 15_000;

/** The connection broke, or the server is busy: worth another try. */
class Lost extends Error {
  /** @param {number} [wait] milliseconds */
  constructor(wait) {
    super("The connection broke. What arrived is kept, and it goes on by itself.");
    this.wait = wait;
  }
}

/** What the server said. */
class Refusal extends Error {
  /** @param {number} status @param {any} problem */
  constructor(status, problem) {
    super(String(problem?.detail ?? problem?.title ?? `The server answered ${status}. Nothing of this file was kept.`));
    this.status = status;
    this.code = String(problem?.type ?? "").split("/").pop();
  }
}

/** @param {number} status @param {string | null} after */
function busy(status, after) {
  return [429, 502, 503, 504].includes(status) ? new Lost(Number(after || 2) * 1000) : null;
}

/** @param {File} file */
async function hashOf(file) {
  if (!globalThis.crypto?.subtle || file.size > HASHED) return "";
  const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What this browser remembers of uploads of large files: when each was changed. */
const memory = {
  /** @param {string} id */
  get(id) {
    try {
      return localStorage.getItem(`hq-upload ${id}`);
    } catch {
      return null;
    }
  },
  /** @param {string} id @param {string | null} value */
  set(id, value) {
    try {
      if (value === null) localStorage.removeItem(`hq-upload ${id}`);
      else localStorage.setItem(`hq-upload ${id}`, value);
    } catch {
      // nothing is remembered, so the file is known again by path and size alone
    }
  },
};

class InParts extends HqUpload.Transfer {
  #run = 0; // raised by whoever ends what is under way: pausing, cancelling
  #step = "";
  #sha256 = "";
  /** @type {any} */
  #upload = null;
  /** @type {Set<number>} */
  #arrived = new Set();
  /** @type {Map<number, number>} */
  #moving = new Map();
  /** @type {Set<XMLHttpRequest>} */
  #requests = new Set();
  /** @type {Map<number, any>} */
  #addresses = new Map();

  /** @param {any} owner @param {File} file @param {string} path @param {HTMLElement} row */
  constructor(owner, file, path, row) {
    super(owner, file, path, row);
    this.part("[data-pause]").addEventListener("click", () => this.#pauseOrGoOn());
    this.show();
  }

  send() {
    this.state = "sending";
    this.started = performance.now();
    const run = ++this.#run;
    this.#travel(run).then(
      (receipt) => run === this.#run && this.#stored(receipt),
      (error) => run === this.#run && this.#refused(error),
    );
    this.show();
  }

  cancel() {
    this.#stop();
    if (this.#upload) {
      this.#ask("give-up", {}).catch(() => {}); // what is not given up ends by itself after a day
      memory.set(this.#upload.id, null);
    }
    super.cancel();
  }

  #stop() {
    this.#run += 1;
    for (const request of this.#requests) request.abort();
    this.#requests.clear();
    this.#moving.clear();
  }

  #pauseOrGoOn() {
    if (this.state === "paused") {
      this.retry();
      return;
    }
    this.#stop();
    this.state = "paused";
    this.show();
    this.owner.pump();
  }

  /** The whole way of a file; what it was stored as. @param {number} run @returns {Promise<any>} */
  async #travel(run) {
    this.#step = "Reading";
    this.#sha256 ||= await hashOf(this.file);
    await this.#patiently(run, () => this.#begin());
    for (;;) {
      this.#step = "";
      await this.#sendParts(run);
      this.#step = "Storing";
      this.show();
      try {
        return await this.#complete(run);
      } catch (error) {
        // Of what was sent something did not arrive: look again, send it.
        if (!(error instanceof Refusal) || error.code !== "parts-missing") throw error;
        await this.#patiently(run, () => this.#look());
      }
    }
  }

  async #begin() {
    const asked = {
      path: this.path,
      size: this.file.size,
      content_type: this.file.type || "application/octet-stream",
      ...(this.#sha256 && { sha256: this.#sha256 }),
    };
    let found = await this.#ask("", asked);
    const changed = String(this.file.lastModified);
    const before = memory.get(found.id);
    if (!this.#sha256 && before !== null && before !== changed) found = await this.#ask("", { ...asked, fresh: true });
    if (!this.#sha256) memory.set(found.id, changed);
    this.#take(found);
  }

  async #look() {
    this.#take(await this.#ask("state", {}));
  }

  /** @param {any} upload */
  #take(upload) {
    this.#upload = upload;
    this.#arrived = new Set(upload.received);
    this.#moved();
  }

  /** @param {number} run */
  async #sendParts(run) {
    const waiting = [];
    for (let part = 1; part <= this.#upload.parts; part += 1) if (!this.#arrived.has(part)) waiting.push(part);
    const lane = async () => {
      for (let part = waiting.shift(); part !== undefined && run === this.#run; part = waiting.shift()) {
        await this.#sendPart(run, part, waiting);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }

  /** @param {number} run @param {number} part @param {number[]} next */
  async #sendPart(run, part, next) {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#patiently(run, async () => this.#put(part, await this.#address(part, next)));
        break;
      } catch (error) {
        this.#addresses.delete(part);
        // An address that is too old, or that S3 takes no more, is asked for again.
        if (!(error instanceof Refusal) || error.status !== 403 || tries === PATIENCE) throw error;
      }
    }
    this.#arrived.add(part);
    this.#moved();
  }

  /** @param {number} part @param {number[]} next */
  async #address(part, next) {
    const known = this.#addresses.get(part);
    if (known && Date.parse(known.expires_at) - Date.now() > 60_000) return known;
    const parts = [part, ...next.filter((other) => !this.#addresses.has(other)).slice(0, AHEAD - 1)];
    for (const address of (await this.#ask("parts", { parts })).items) this.#addresses.set(address.part, address);
    return this.#addresses.get(part);
  }

  /** @param {number} part @param {any} address @returns {Promise<void>} */
  #put(part, address) {
    const start = (part - 1) * this.#upload.part_size;
    const request = new XMLHttpRequest();
    this.#requests.add(request);
    return new Promise((done, refuse) => {
      request.upload.addEventListener("progress", (event) => {
        this.#moving.set(part, event.loaded);
        this.#moved();
      });
      request.addEventListener("loadend", () => {
        this.#requests.delete(request);
        this.#moving.delete(part);
        const { status } = request;
        if (status >= 200 && status < 300) return done();
        if (status === 0) return refuse(new Lost());
        refuse(busy(status, request.getResponseHeader("Retry-After")) ?? new Refusal(status, parsed(request.responseText)));
      });
      request.open(address.method, address.url);
      for (const [name, value] of Object.entries(address.headers)) request.setRequestHeader(name, value);
      request.send(this.file.slice(start, start + address.size));
    });
  }

  /** @param {number} run */
  async #complete(run) {
    let found = await this.#patiently(run, () => this.#ask("complete", {}));
    while (found.state === "assembling") {
      await new Promise((go) => setTimeout(go, SOON));
      found = await this.#patiently(run, () => this.#ask("state", {}));
    }
    if (!found.receipt) throw new Refusal(409, found.refusal);
    return found.receipt;
  }

  /** Try again while the connection is away. @param {number} run @param {() => Promise<any>} work */
  async #patiently(run, work) {
    for (let wait = SOON; ; wait = Math.min(wait * 2, LATER)) {
      try {
        const found = await work();
        this.show();
        return found;
      } catch (error) {
        if (!(error instanceof Lost) || run !== this.#run) throw error;
        this.show(error.message);
        await back(error.wait ?? wait);
        if (run !== this.#run) throw error;
      }
    }
  }

  /** @param {string} step @param {any} body */
  async #ask(step, body) {
    const address = `${this.owner.dataset.uploads}${step && `/${step}`}`;
    const headers = {
      "Content-Type": "application/json",
      Accept: "application/problem+json, application/json",
      "X-CSRFToken": this.owner.token,
    };
    const about = step ? { id: this.#upload.id, ...body } : body;
    const options = { method: "POST", headers, body: JSON.stringify(about), keepalive: step === "give-up" };
    const answer = await fetch(address, options).catch(() => {
      throw new Lost();
    });
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    throw busy(answer.status, answer.headers.get("Retry-After")) ?? new Refusal(answer.status, parsed(await answer.text()));
  }

  /** @param {any} receipt */
  #stored(receipt) {
    memory.set(this.#upload.id, null);
    if (this.#sha256 && receipt.sha256 !== this.#sha256) {
      this.#refused(new Error("What is stored is not what this browser read. Upload the file again."));
      return;
    }
    this.state = "stored";
    this.sent = this.file.size;
    this.show();
    this.#showReceipt(receipt);
    this.tell(201);
  }

  /** @param {any} error */
  #refused(error) {
    this.#stop();
    this.state = "refused";
    this.sent = 0;
    this.show(error.message);
    this.tell(error.status ?? 0);
  }

  /** @param {any} receipt */
  #showReceipt(receipt) {
    const place = this.part("[data-receipt]");
    const say = (/** @type {string} */ name, /** @type {string} */ text) => {
      place.querySelector(name).textContent = text;
    };
    say("[data-version]", `Version ${receipt.version}`);
    say("[data-entry]", `entry ${receipt.event_position} of the trail`);
    say("[data-sha256]", receipt.sha256);
    place.querySelector("hq-copy").dataset.value = [
      `path: ${receipt.path}`,
      `version: ${receipt.version}`,
      `size: ${receipt.size} bytes`,
      `sha-256: ${receipt.sha256}`,
      `stored at: ${receipt.stored_at}`,
      `trail: entry ${receipt.event_position}, ${receipt.event_id}`,
    ].join("\n");
    place.hidden = false;
  }

  #moved() {
    let sent = 0;
    for (const part of this.#arrived) sent += this.#sizeOf(part);
    for (const loaded of this.#moving.values()) sent += loaded;
    this.sent = Math.min(sent, this.file.size);
    this.show();
    this.owner.show();
  }

  /** @param {number} part */
  #sizeOf(part) {
    return Math.min(this.#upload.part_size, this.file.size - (part - 1) * this.#upload.part_size);
  }

  /** @param {string} [why] */
  show(why = "") {
    super.show(why);
    const pause = this.part("[data-pause]");
    pause.hidden = this.state !== "sending" && this.state !== "paused";
    pause.textContent = this.state === "paused" ? "Go on" : "Pause";
  }

  rate() {
    return this.state === "sending" && this.#step ? this.#step : super.rate();
  }
}

/** @param {string} text */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Until the connection is back, or that long. @param {number} wait */
function back(wait) {
  return new Promise((go) => {
    setTimeout(go, wait);
    window.addEventListener("online", go, { once: true });
  });
}

HqUpload.InParts = InParts;
