// <hq-verify data-worker="/static/…/verify-worker.js" data-jwks="{…}" data-roots="/.well-known/hq-seal-root.pem">: files and
// folders are chosen or dropped, and checked one after the other by the worker, which is there before the first one is, like
// the roots of seals. From then on nothing is asked of the network.

import { chosenFolder, dropped } from "./verify-given.js";
import { sha256 } from "./verify-hash.js";
import { hex, unbase64 } from "./verify-text.js";

/** @typedef {File | import("./verify-archive.js").Folder} Thing */
/** @typedef {{thing: Thing} | {remember: File | boolean}} Wish */
/** @typedef {{verdict: string, lines: string[], told: string[], checked: string[], limits: string[]}} Result */

const ROOT = /^(?:[0-9a-f]{2}:?){31}[0-9a-f]{2}$/i; // a SHA-256, as openssl prints one or without colons

class HqVerify extends HTMLElement {
  connectedCallback() {
    /** @type {Wish[]} */
    this.waiting = [];
    this.busy = true;
    this.files = this.find("#verify-files");
    this.folder = this.find("#verify-folder");
    this.kept = this.find("#verify-kept");
    /** @type {string[]} */
    this.roots = [];
    rootsAt(this.dataset.roots ?? "").then((found) => {
      this.roots = found;
      this.start();
    });
    this.files.addEventListener("change", () => {
      this.take([...this.files.files]);
      this.files.value = "";
    });
    this.folder.addEventListener("change", () => {
      this.take(chosenFolder(this.folder.files));
      this.folder.value = "";
    });
    this.addEventListener("change", () => (this.find("[data-other]").hidden = !this.find("#verify-other").checked));
    this.find("#verify-remember").addEventListener("change", (/** @type {any} */ { target }) => this.ask({ remember: target.checked }));
    this.kept.addEventListener("change", () => {
      for (const file of this.kept.files) this.ask({ remember: file });
    });
    this.addEventListener("submit", (event) => event.preventDefault());
    for (const name of ["dragenter", "dragover"]) {
      this.addEventListener(name, (event) => {
        event.preventDefault();
        this.toggleAttribute("data-over", true);
      });
    }
    for (const name of ["dragleave", "drop"]) this.addEventListener(name, () => this.removeAttribute("data-over"));
    this.addEventListener("drop", (event) => {
      event.preventDefault();
      dropped(/** @type {DragEvent} */ (event).dataTransfer).then(
        (things) => this.take(things),
        (error) => this.say(`What was dropped could not be read: ${error.message}`),
      );
    });
  }

  start() {
    this.worker = new Worker(this.dataset.worker ?? "", { type: "module" });
    this.worker.addEventListener("message", ({ data }) => this.heard(data));
    this.worker.addEventListener("error", () => this.say("This browser cannot run what checks files. Use the program below."));
  }

  /** @param {string} selector @returns {any} */
  find(selector) {
    return this.querySelector(selector);
  }

  /** @param {string} text */
  say(text) {
    this.find("[data-status]").textContent = text;
  }

  /** Whose word is taken, as it stands in the form. */
  said() {
    const lines = (/** @type {string} */ id) => this.find(id).value.split(/\s+/).filter(Boolean);
    const witnesses = lines("#verify-witnesses");
    if (this.find("#verify-ours").checked) return { jwks: JSON.parse(this.dataset.jwks ?? "{}"), roots: this.roots, witnesses };
    const given = lines("#verify-keys");
    return {
      kids: given.filter((/** @type {string} */ one) => !one.includes("+") && !ROOT.test(one)),
      roots: given.filter((/** @type {string} */ one) => ROOT.test(one)).map((/** @type {string} */ one) => one.replaceAll(":", "").toLowerCase()),
      vkeys: given.filter((/** @type {string} */ one) => one.includes("+")),
      witnesses,
    };
  }

  /** @param {Thing[]} things */
  take(things) {
    for (const thing of things) this.ask({ thing });
  }

  /** @param {Wish} wish */
  ask(wish) {
    this.waiting?.push(wish);
    this.next();
  }

  next() {
    const wish = this.busy ? undefined : this.waiting?.shift();
    if (!wish) return;
    this.busy = true;
    this.wish = wish;
    if ("remember" in wish) {
      this.worker?.postMessage(wish);
      return;
    }
    this.say(`Checking ${wish.thing.name}…`);
    this.worker?.postMessage({ thing: wish.thing, said: this.said() });
  }

  /** @param {any} data */
  heard({ ready, lacking, done, total, result, unusable, seen }) {
    const bar = this.find("[data-progress]");
    if (ready) {
      this.busy = Boolean(lacking);
      this.files.disabled = this.folder.disabled = this.busy;
      this.say(lacking ? `${lacking} Use the program below.` : "");
    } else if (total) {
      bar.hidden = false;
      bar.max = total;
      bar.value = done;
    } else {
      bar.hidden = true;
      this.busy = false;
      this.say(unusable ?? "");
      this.remembers(seen);
      if (this.wish && "thing" in this.wish) this.tell(this.wish.thing.name, result, unusable);
    }
    this.next();
  }

  /** @param {string} name @param {Result | undefined} result @param {string | undefined} unusable */
  tell(name, result, unusable) {
    if (result) this.show(name, result);
    else this.say(`${name}: nothing could be checked. ${unusable}`);
  }

  /** What was seen may be taken along; nothing of it stays when the page goes. @param {{text: string, count: number} | null} seen */
  remembers(seen) {
    this.find("#verify-remember").checked = Boolean(seen);
    this.find("[data-remembering]").hidden = !seen;
    if (!seen) this.kept.value = "";
    this.kept.disabled = Boolean(seen?.count); // another would take the place of what is remembered already
    const link = this.find("[data-seen]");
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([seen?.text ?? ""], { type: "application/json" }));
    link.hidden = !seen?.count;
    this.find("[data-count]").textContent = `${seen?.count ?? 0} checkpoint${seen?.count === 1 ? "" : "s"} remembered`;
  }

  /** @param {string} name @param {Result} result */
  show(name, { verdict, lines, told, checked, limits }) {
    const section = this.find("template[data-result]").content.cloneNode(true).firstElementChild;
    const state = verdict === "no anchor" ? "open" : verdict;
    const passed = verdict !== "refused";
    section.classList.add({ holds: "is-proven", refused: "is-failed", open: "is-open" }[state]);
    section.setAttribute("aria-label", name);
    section.querySelector(`[data-icon="${state}"]`).hidden = false;
    section.querySelector("[data-name]").textContent = name;
    section.querySelector("[data-verdict]").textContent = lines[0];
    section.querySelector("[data-told]").append(...told.map(item));
    section.querySelector("[data-steps]").append(...checked.map((line) => this.step(line)));
    section.querySelector("[data-limits]").append(...limits.map(item));
    section.querySelector("[data-passed]").hidden = !passed;
    this.find("[data-results]").prepend(section);
    this.say(`${name}: ${{ holds: "it holds", refused: "refused", open: "nobody said whose key to expect" }[state]}.`);
  }

  /** @param {string} line */
  step(line) {
    const found = this.find("template[data-step]").content.cloneNode(true).firstElementChild;
    found.querySelector("[data-line]").textContent = line;
    return found;
  }
}

/** The SHA-256 of each certificate of a root at an address; none if they cannot be had, and then nobody said any. @param {string} url */
async function rootsAt(url) {
  const answer = await fetch(url).catch(() => null);
  const text = answer?.ok ? await answer.text() : "";
  const bodies = [...text.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g)];
  return bodies.map(([, body]) => hex(sha256(unbase64(body.replace(/\s/g, "")) ?? new Uint8Array())));
}

/** @param {string} line */
function item(line) {
  const found = document.createElement("li");
  found.textContent = line.trim();
  found.classList.toggle("is-inner", line.startsWith("  "));
  return found;
}

customElements.define("hq-verify", HqVerify);
