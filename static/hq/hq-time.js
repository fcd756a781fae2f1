// <hq-time><time datetime="...">22 Nov 2026, 14:31</time></hq-time>: the same moment in the viewer's own zone.
// Only for pages whose reader HQ does not know (share recipients); everywhere else the server writes the person's zone.
// data-countdown adds the time left and keeps it current, silently: a screen reader is not told every minute.

/** @param {Date} at */
function words(at) {
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }).format(at);
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" }).format(at);
  const same = new Date().toDateString() === at.toDateString();
  return same ? `${clock} today, ${day}` : `${clock} on ${day}`;
}

/** @param {Date} at */
function zoneName(at) {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(at);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}

/** @param {number} seconds */
function left(seconds) {
  if (seconds <= 0) return "Over.";
  const [unit, name] = seconds < 60 ? [1, "second"] : seconds < 5400 ? [60, "minute"] : seconds < 172800 ? [3600, "hour"] : [86400, "day"];
  const count = Math.floor(seconds / unit);
  return `${count} ${name}${count === 1 ? "" : "s"} left.`;
}

class HqTime extends HTMLElement {
  /** @type {number | undefined} */
  #timer;

  connectedCallback() {
    this.#show();
    if (this.hasAttribute("data-countdown")) this.#timer = setInterval(() => this.#show(), 10_000);
  }

  disconnectedCallback() {
    clearInterval(this.#timer);
  }

  #show() {
    const time = this.querySelector("time");
    const at = new Date(time?.dateTime ?? "");
    if (!time || Number.isNaN(at.getTime())) return;
    time.textContent = words(at);
    const after = this.querySelector("[data-after]");
    if (!after) return;
    const zone = `Your time, ${zoneName(at)}.`;
    after.textContent = this.hasAttribute("data-countdown") ? `${left((at.getTime() - Date.now()) / 1000)} ${zone}` : zone;
  }
}

customElements.define("hq-time", HqTime);
