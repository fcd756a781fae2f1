// <hq-live src="http://…/live/<organization>/<environment>" after="120"><button hidden><span></span></button></hq-live>
//
// Says how many events came since the page was made, and loads them when it is asked to. A page uses it so:
//
//   {% live newest_index %}      which draws the element, loads this file, and lets the page listen to that origin
//
// `newest_index` is the index of the newest event that the page shows (0: none). The button reloads the page; a page that
// can do better listens for `hq:live` on the element, calls preventDefault() on the click's `hq:live-load`, and asks htmx.
//   hq:live       detail {type, data}: `trail` {index, tag, …}, `requests` {length}, `account` {tag}, `missed` {from, to}
//   hq:live-load  the person asked for what is new; cancelable
// Elsewhere on the page, [data-live-since] is told how many events came since the chain was looked at.
//
// Without this script, and while nobody answers, nothing is shown and nothing is lost: the page is whole as it is. Where
// the page is told nothing more, or not now, the element says why.

const FIRST = 1_000;
const LONGEST = 60_000;
const NO_MORE = new Map([
  [401, "Your session is over: nothing new is shown here."],
  [403, "You may no longer see what is new here."],
  [404, "You may no longer see what is new here."],
]);
const STALE = 60_000; // the server says something every 20 seconds; after so long of nothing the connection is dead

class HqLive extends HTMLElement {
  /** @type {AbortController | undefined} */
  #reading;
  /** @type {number | undefined} */
  #timer;
  #last = "";
  #pause = FIRST;
  #count = 0;
  #changed = ""; // what the page shows is not what this person may see now, and stays so until it is loaded again

  connectedCallback() {
    this.#last = this.getAttribute("after") ?? "";
    document.addEventListener("visibilitychange", this.#look);
    addEventListener("pagehide", this.#close);
    addEventListener("pageshow", this.#look);
    this.addEventListener("click", this.#load);
    this.#look();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#look);
    removeEventListener("pagehide", this.#close);
    removeEventListener("pageshow", this.#look);
    this.#close();
  }

  /** A page that nobody sees holds no connection. */
  #look = () => {
    if (document.visibilityState === "hidden") this.#close();
    else if (!this.#reading) this.#open();
  };

  #close = () => {
    clearTimeout(this.#timer);
    this.#reading?.abort();
    this.#reading = undefined;
  };

  async #open() {
    clearTimeout(this.#timer);
    const reading = new AbortController();
    this.#reading = reading;
    let wait = 0;
    try {
      const source = new URL(this.getAttribute("src") ?? "", location.href);
      source.searchParams.set("after", this.#last);
      const answer = await fetch(source, { credentials: "include", cache: "no-store", signal: reading.signal });
      if (answer.ok && answer.body) await this.#read(answer.body, reading);
      else wait = Number(answer.headers.get("Retry-After") ?? 0) * 1000;
      const over = NO_MORE.get(answer.status);
      if (over) return this.#say(over, "Reload"); // asking again would change nothing
      if (answer.headers.get("Content-Type") === "application/problem+json") this.#say((await answer.json()).detail);
    } catch {
      // Nobody answers, or the connection broke off: the same as an end.
    }
    if (this.#reading === reading) this.#again(wait);
  }

  /** Later each time, and not all pages at once. @param {number} wait */
  #again(wait) {
    this.#reading = undefined;
    const pause = Math.max(wait, this.#pause) * (0.8 + Math.random() * 0.4);
    this.#pause = Math.min(this.#pause * 2, LONGEST);
    this.#timer = setTimeout(this.#look, pause);
  }

  /** @param {ReadableStream<Uint8Array>} body @param {AbortController} reading */
  async #read(body, reading) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const dead = setTimeout(() => reading.abort(), STALE);
      const { done, value } = await reader.read().finally(() => clearTimeout(dead));
      if (done) return;
      this.#pause = FIRST;
      const events = (rest + value).split("\n\n");
      rest = events.pop() ?? "";
      for (const event of events) this.#hear(event);
    }
  }

  /** @param {string} raw */
  #hear(raw) {
    const fields = new Map(raw.split("\n").map((line) => /** @type {[string, string]} */ (line.split(/: (.*)/s, 2))));
    const type = fields.get("event");
    if (fields.get("id")) this.#last = fields.get("id") ?? "";
    const data = JSON.parse(fields.get("data") ?? "{}");
    if (type === "hello") this.#say("");
    if (type === "end" && data.reason === "changed") this.#changed = data.said;
    if (!type || type === "hello" || type === "end") return;
    if (type === "trail") this.#count += 1;
    if (type === "missed") this.#count += data.to - data.from + 1;
    this.dispatchEvent(new CustomEvent("hq:live", { bubbles: true, detail: { type, data } }));
    this.#show();
  }

  #show() {
    const button = this.querySelector("button");
    if (!button || !this.#count) return;
    const text = `${this.#count.toLocaleString("en-GB")} new event${this.#count === 1 ? "" : "s"}`;
    const words = button.querySelector("span");
    if (words) words.textContent = text;
    button.hidden = false;
    for (const place of document.querySelectorAll("[data-live-since]")) {
      place.textContent = `, ${this.#count.toLocaleString("en-GB")} since`;
    }
  }

  /** @param {string} text "" takes back what was said @param {string} [verb] of a link that loads the page again */
  #say(text, verb = "") {
    this.querySelector("p")?.remove();
    const said = this.#changed || text;
    if (!said) return;
    const line = document.createElement("p");
    line.className = "hq-small hq-ink-2";
    line.append(said);
    if (verb || this.#changed) {
      const link = document.createElement("a");
      link.href = location.href;
      link.textContent = verb || "Reload";
      line.append(" ", link);
    }
    this.append(line);
  }

  /** @param {Event} event */
  #load = (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("button")) return;
    const wanted = new CustomEvent("hq:live-load", { bubbles: true, cancelable: true });
    if (this.dispatchEvent(wanted)) location.reload();
  };
}

customElements.define("hq-live", HqLive);
