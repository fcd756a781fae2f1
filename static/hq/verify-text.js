// The text of what is verified: strict JSON in the form of RFC 8785, base64, and what may be shown. As in bin/verify.

export const MAX_BYTES = 1024 * 1024;
export const MAX_DEPTH = 32;
export const TOO_DEEP = `It is nested more than ${MAX_DEPTH} deep.`;

/** What is wrong with a file, in a sentence. */
export class Refused extends Error {}

/** Why nothing can be checked, in a sentence. */
export class Unusable extends Error {}

const encoder = new TextEncoder();
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** @param {string} text */
export const bytesOf = (text) => encoder.encode(text);
/** @param {Uint8Array} raw */
export const looselyRead = (raw) => lenient.decode(raw);

/** Where UTF-8 ends to be UTF-8, as Python says it. @param {Uint8Array} raw */
function firstWrongByte(raw) {
  for (let at = 0; at < raw.length; ) {
    const lead = raw[at];
    const length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
    const piece = raw.subarray(at, at + length);
    try {
      if (!length || piece.length < length) return at;
      strict.decode(piece);
    } catch {
      return at;
    }
    at += length;
  }
  return raw.length;
}

/** @param {Uint8Array} raw */
export function textOf(raw) {
  try {
    return strict.decode(raw);
  } catch {
    throw new Refused(`It is not UTF-8, from byte ${firstWrongByte(raw)} on.`);
  }
}

/** A text from the file, with nothing in it that could move, colour or reorder what stands on the screen. @param {unknown} text */
export function shown(text) {
  return String(text).replace(/[\p{C}\p{Z}]/gu, (c) => (c === " " ? c : `\\u{${c.codePointAt(0)?.toString(16)}}`));
}

/** Parses bytes in which nothing is ambiguous. */
class Reader {
  /** @param {string} text @param {boolean} fractions */
  constructor(text, fractions) {
    this.text = text;
    this.fractions = fractions;
    this.at = 0;
  }

  /** @param {string} why @returns {never} */
  fail(why) {
    throw new Refused(`It is not JSON: ${why}, at character ${this.at}.`);
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  whole() {
    this.space();
    const value = this.value();
    this.space();
    if (this.at < this.text.length) this.fail("Extra data");
    return value;
  }

  /** @returns {any} */
  value() {
    const first = this.text[this.at];
    if (first === "{") return this.object();
    if (first === "[") return this.list();
    if (first === '"') return this.string();
    for (const [word, value] of /** @type {[string, any][]} */ ([["true", true], ["false", false], ["null", null]])) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }

  number() {
    const constant = /NaN|-?Infinity/y;
    const form = /(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
    constant.lastIndex = form.lastIndex = this.at;
    const found = constant.exec(this.text) ?? form.exec(this.text) ?? this.fail("Expecting value");
    this.at += found[0].length;
    const noInteger = new Refused(`It has a number that is no integer: ${shown(found[0].slice(0, 40))}.`);
    if (!found[1]) throw noInteger;
    const value = Number(found[0]);
    if (found[2] || found[3]) {
      if (!this.fractions || !Number.isFinite(value)) throw noInteger;
      return value;
    }
    if (Math.abs(value) >= 2 ** 53 || found[0].length > 17) throw new Refused("It has a number beyond 2^53.");
    return value;
  }

  string() {
    const end = /(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    end.lastIndex = this.at + 1;
    const found = end.exec(this.text) ?? this.fail("Unterminated string");
    this.at += 1 + found[0].length;
    return JSON.parse(`"${found[0]}`);
  }

  object() {
    const found = Object.create(null);
    let twice = "";
    let again = false;
    this.at += 1;
    this.space();
    if (this.text[this.at] === "}") {
      this.at += 1;
      return found;
    }
    for (;;) {
      if (this.text[this.at] !== '"') this.fail("Expecting property name enclosed in double quotes");
      const name = this.string();
      this.space();
      if (this.text[this.at] !== ":") this.fail("Expecting ':' delimiter");
      this.at += 1;
      this.space();
      const value = this.value();
      if (!again && name in found) [again, twice] = [true, name];
      found[name] = value;
      this.space();
      const next = this.text[this.at];
      if (next !== "," && next !== "}") this.fail("Expecting ',' delimiter");
      this.at += 1;
      if (next === "}") break;
      this.space();
    }
    if (again) throw new Refused(`It has the name ${shown(twice)} twice in one place.`);
    return found;
  }

  list() {
    const found = [];
    this.at += 1;
    this.space();
    if (this.text[this.at] === "]") {
      this.at += 1;
      return found;
    }
    for (;;) {
      found.push(this.value());
      this.space();
      const next = this.text[this.at];
      if (next !== "," && next !== "]") this.fail("Expecting ',' delimiter");
      this.at += 1;
      if (next === "]") return found;
      this.space();
    }
  }
}

/** @param {Uint8Array} raw @param {boolean} [fractions] @param {number} [most] @returns {any} */
export function readJson(raw, fractions = false, most = MAX_BYTES) {
  if (raw.length > most) throw new Refused(`It has more than ${most / MAX_BYTES} MiB.`);
  try {
    return new Reader(textOf(raw), fractions).whole();
  } catch (error) {
    if (error instanceof RangeError) throw new Refused(TOO_DEEP);
    throw error;
  }
}

/** @param {any} value @param {number} level @returns {string} */
function written(value, level) {
  if (typeof value === "string" && /[\ud800-\udfff]/u.test(value)) {
    throw new Refused("It has half a surrogate pair, which is no text.");
  }
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (level === MAX_DEPTH) throw new Refused(TOO_DEEP);
  if (Array.isArray(value)) return `[${value.map((item) => written(item, level + 1)).join(",")}]`;
  const names = Object.keys(value).sort(byCodeUnit);
  return `{${names.map((name) => `${written(name, 0)}:${written(value[name], level + 1)}`).join(",")}}`;
}

/** What RFC 8785 asks for, and what `<` does. @param {string} one @param {string} other */
export const byCodeUnit = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/** The one spelling of a value. @param {unknown} value */
export const spelled = (value) => written(value, 0);
/** @param {unknown} value */
export const canonical = (value) => bytesOf(spelled(value));

/** @param {unknown} value @param {Uint8Array} raw */
export function requireCanonical(value, raw) {
  const expected = canonical(value);
  let same = 0;
  while (same < raw.length && same < expected.length && raw[same] === expected[same]) same += 1;
  if (same < raw.length || same < expected.length) {
    throw new Refused(`It is not in canonical form (RFC 8785), from byte ${same} on.`);
  }
}

/** @param {Uint8Array} raw */
export const hex = (raw) => Array.from(raw, (byte) => byte.toString(16).padStart(2, "0")).join("");
/** @param {string} text */
export const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** @param {Uint8Array} raw */
export const base64 = (raw) => btoa(Array.from(raw, (byte) => String.fromCharCode(byte)).join(""));

/** The bytes of base64 in its one spelling, or null. @param {string} text */
export function unbase64(text) {
  try {
    const raw = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return base64(raw) === text ? raw : null;
  } catch {
    return null;
  }
}

/** @param {Uint8Array} raw */
export const base64url = (raw) => base64(raw).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** The bytes of base64url in its one spelling, or null. @param {unknown} text */
export function unbase64url(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  return unbase64(text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat(-text.length & 3));
}

/** @param {Uint8Array} one @param {Uint8Array} other */
export const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);
