// PDF (ISO 32000-2), as bin/verify reads it: only what leads to the seal and to the file that the document carries along.

import { openSeal } from "./verify-der.js";
import { MAX_DEPTH, Refused, TOO_DEEP, Unusable, hex, readJson, requireCanonical } from "./verify-text.js";

const NO_PDF = "It is no PDF that can be read.";
const MOST_UNPACKED = 64 * 1024 * 1024;
const MOST_OBJECTS = 1_000_000;
export const MOST_EVIDENCE = 48 * 1024 * 1024;

/** A name, such as /Type. */
class Name {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/** Where an object stands, by its number. */
class Ref {
  /** @param {number} number @param {number} generation */
  constructor(number, generation) {
    this.number = number;
    this.generation = generation;
  }
}

/** A string, a character for each byte; where it stands in the file, if it is in hexadecimal. */
class Chars {
  /** @param {string} chars @param {number} [begin] @param {number} [end] */
  constructor(chars, begin = -1, end = -1) {
    this.chars = chars;
    this.begin = begin;
    this.end = end;
  }
}

/** A stream: its dictionary, and its bytes as they stand in the file. */
class Flow {
  /** @param {Map<string, any>} said @param {Uint8Array} raw */
  constructor(said, raw) {
    this.said = said;
    this.raw = raw;
  }
}

/** A character for each byte. @param {Uint8Array} raw */
function charsOf(raw) {
  const pieces = [];
  for (let at = 0; at < raw.length; at += 32768) pieces.push(String.fromCharCode(...raw.subarray(at, at + 32768)));
  return pieces.join("");
}

/** @param {RegExp} form sticky @param {string} text @param {number} at */
function match(form, text, at) {
  form.lastIndex = at;
  return form.exec(text);
}

const GAP = /(?:[\x00\t\n\f\r ]|%[^\r\n]*)*/y;
const WORD = /[^\x00\t\n\f\r ()<>[\]{}/%]*/y;
const POINTER = /([0-9]{1,10})[\x00\t\n\f\r ]+([0-9]{1,5})[\x00\t\n\f\r ]+R(?![^\x00\t\n\f\r ()<>[\]{}/%])/y;
const NUMERAL = /[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)/y;
const OBJECT = /([0-9]{1,10})[\x00\t\n\f\r ]+([0-9]{1,5})[\x00\t\n\f\r ]+obj/y;
const ROWS = /[\t\f ]*([0-9]{1,10}) ([0-9]{1,10})[\t\f ]*(?:\r\n|\n|\r)/y;
const ENTRY = /([0-9]{10}) ([0-9]{5}) ([nf])[\r\n ]{2}/y;
const PIECE = /\\(?:([0-7]{1,3})|(\r\n|[^]))|([()])|([^\\()]+)/y;
const ESCAPED = new Map([["n", "\n"], ["r", "\r"], ["t", "\t"], ["b", "\b"], ["f", "\f"], ["\r\n", ""], ["\r", ""], ["\n", ""]]);
const WORDS = new Map(/** @type {[string, any][]} */ ([["true", true], ["false", false], ["null", null]]));

/** @param {string} text @param {number} at */
const skip = (text, at) => at + (match(GAP, text, at)?.[0].length ?? 0);

/** The value that begins there, and where it ends. @param {string} text @param {number} at @param {number} level @returns {[any, number]} */
function valueAt(text, at, level = 0) {
  at = skip(text, at);
  if (level > MAX_DEPTH) throw new Refused(TOO_DEEP);
  if (text.startsWith("<<", at)) return dictionaryAt(text, at + 2, level);
  if (text[at] === "[") return arrayAt(text, at + 1, level);
  if (text[at] === "/") {
    const word = match(WORD, text, at + 1)?.[0] ?? "";
    return [new Name(word.replace(/#([0-9a-fA-F]{2})/g, (_, two) => String.fromCharCode(parseInt(two, 16)))), at + 1 + word.length];
  }
  if (text[at] === "(") return textAt(text, at + 1);
  if (text[at] === "<") {
    const end = text.indexOf(">", at);
    const digits = text.slice(at + 1, end).replace(/[\x00\t\n\f\r ]/g, "");
    if (end < 0 || !/^[0-9a-fA-F]*$/.test(digits)) throw new Refused(NO_PDF);
    const chars = (digits + "0".repeat(digits.length & 1)).replace(/../g, (two) => String.fromCharCode(parseInt(two, 16)));
    return [new Chars(chars, at, end + 1), end + 1];
  }
  return atomAt(text, at);
}

/** @param {string} text @param {number} at @returns {[any, number]} */
function atomAt(text, at) {
  const pointer = match(POINTER, text, at);
  if (pointer) return [new Ref(Number(pointer[1]), Number(pointer[2])), at + pointer[0].length];
  const numeral = match(NUMERAL, text, at);
  if (numeral) return [Number(numeral[0]), at + numeral[0].length];
  const word = match(WORD, text, at)?.[0] ?? "";
  if (!WORDS.has(word)) throw new Refused(NO_PDF);
  return [WORDS.get(word), at + word.length];
}

/** @param {string} text @param {number} at @param {number} level @returns {[Map<string, any>, number]} */
function dictionaryAt(text, at, level) {
  const found = new Map();
  for (;;) {
    at = skip(text, at);
    if (text.startsWith(">>", at)) return [found, at + 2];
    const [name, behind] = valueAt(text, at, level + 1);
    if (!(name instanceof Name) || found.has(name.text)) throw new Refused(NO_PDF);
    const [value, end] = valueAt(text, behind, level + 1);
    found.set(name.text, value);
    at = end;
  }
}

/** @param {string} text @param {number} at @param {number} level @returns {[any[], number]} */
function arrayAt(text, at, level) {
  const found = [];
  for (;;) {
    at = skip(text, at);
    if (text[at] === "]") return [found, at + 1];
    const [value, end] = valueAt(text, at, level + 1);
    found.push(value);
    at = end;
  }
}

/** A string in brackets, which may have brackets inside (7.3.4.2). @param {string} text @param {number} at @returns {[Chars, number]} */
function textAt(text, at) {
  let found = "";
  let depth = 1;
  for (let piece = match(PIECE, text, at); piece; piece = match(PIECE, text, at)) {
    const [whole, octal, escaped, bracket, plain] = piece;
    at += whole.length;
    depth += bracket === "(" ? 1 : bracket === ")" ? -1 : 0;
    if (!depth) return [new Chars(found), at];
    if (octal) found += String.fromCharCode(parseInt(octal, 8) & 255);
    else if (escaped !== undefined) found += ESCAPED.get(escaped) ?? escaped;
    else found += bracket ?? plain;
  }
  throw new Refused(NO_PDF);
}

/** A text (7.9.2.2). @param {any} value */
function plainText(value) {
  if (!(value instanceof Chars)) return "";
  const raw = Uint8Array.from(value.chars, (c) => c.charCodeAt(0));
  if (value.chars.startsWith("\xfe\xff")) return new TextDecoder("utf-16be", { ignoreBOM: true }).decode(raw.subarray(2));
  if (value.chars.startsWith("\xef\xbb\xbf")) return new TextDecoder("utf-8", { ignoreBOM: true }).decode(raw.subarray(3));
  return value.chars;
}

/** A file, read as far as it is asked for. */
class Pdf {
  /** @param {Uint8Array} raw */
  constructor(raw) {
    this.raw = raw;
    this.text = charsOf(raw);
    this.depth = 0; // how many objects are being read to read another
    /** @type {Map<number, {place: number, index: number, packed: boolean}>} */
    this.places = new Map();
    /** @type {Map<number, {text: string, first: number, heads: number[]}>} */
    this.unpacked = new Map();
    /** @type {Map<string, any>} */
    this.trailer = new Map();
  }

  async open() {
    const last = /startxref\s+([0-9]{1,10})\s+%%EOF\s*$/.exec(this.text.slice(-1024));
    const seen = new Set();
    let at = last ? Number(last[1]) : -1;
    while (at !== undefined && at !== null) {
      if (seen.has(at) || !(at > 0 && at < this.raw.length)) throw new Refused(NO_PDF);
      seen.add(at);
      const trailer = this.text.startsWith("xref", at) ? this.table(at + 4) : await this.tableInStream(at);
      if (!this.trailer.size) this.trailer = trailer;
      at = trailer.get("Prev");
    }
    if (this.trailer.has("Encrypt")) throw new Refused("It is encrypted.");
    return this;
  }

  /** @param {number} number @param {number} place @param {number} index @param {boolean} packed */
  place(number, place, index, packed) {
    if (!this.places.has(number)) this.places.set(number, { place, index, packed });
    if (this.places.size > MOST_OBJECTS) throw new Refused(NO_PDF);
  }

  /** @param {number} at */
  table(at) {
    at = skip(this.text, at);
    for (let row = match(ROWS, this.text, at); row; row = match(ROWS, this.text, at)) {
      at += row[0].length;
      for (let index = 0; index < Number(row[2]); index += 1, at += 20) {
        const entry = match(ENTRY, this.text, at);
        if (!entry) throw new Refused(NO_PDF);
        this.place(Number(row[1]) + index, entry[3] === "n" ? Number(entry[1]) : 0, 0, false);
      }
    }
    at = skip(this.text, at);
    const trailer = this.text.startsWith("trailer", at) ? valueAt(this.text, at + 7)[0] : null;
    if (!(trailer instanceof Map) || trailer.has("XRefStm")) throw new Refused(NO_PDF);
    return trailer;
  }

  /** @param {number} at */
  async tableInStream(at) {
    const found = await this.objectAt(at);
    if (!(found instanceof Flow) || found.said.get("Type")?.text !== "XRef") throw new Refused(NO_PDF);
    const widths = found.said.get("W");
    const raw = await this.decoded(found);
    const runs = found.said.get("Index") ?? [0, found.said.get("Size") ?? 0];
    let begin = 0;
    for (let run = 0; run + 1 < runs.length; run += 2) {
      for (let index = 0; index < runs[run + 1]; index += 1) {
        const fields = [0, 1, 2].map((place) => {
          let value = 0;
          for (let byte = 0; byte < widths[place]; byte += 1) value = value * 256 + raw[begin++];
          return value;
        });
        const kind = widths[0] ? fields[0] : 1;
        if (begin > raw.length || kind > 2) throw new Refused(NO_PDF);
        this.place(runs[run] + index, kind ? fields[1] : 0, fields[2], kind === 2);
      }
    }
    return found.said;
  }

  /** @param {number} at @param {number} [number] @returns {Promise<any>} */
  async objectAt(at, number) {
    const begin = skip(this.text, at);
    const head = match(OBJECT, this.text, begin);
    if (!head || (number !== undefined && number !== Number(head[1]))) throw new Refused(NO_PDF);
    const [said, end] = valueAt(this.text, begin + head[0].length);
    at = skip(this.text, end);
    if (!(said instanceof Map) || !this.text.startsWith("stream", at)) return said;
    at += this.text.startsWith("\r\n", at + 6) ? 8 : 7;
    this.depth += 1;
    if (this.depth > MAX_DEPTH) throw new Refused(TOO_DEEP);
    const length = await this.at(said.get("Length"));
    this.depth -= 1;
    if (!Number.isInteger(length) || !/^\s*endstream/.test(this.text.slice(at + length, at + length + 16))) throw new Refused(NO_PDF);
    return new Flow(said, this.raw.subarray(at, at + length));
  }

  /** What a reference leads to; anything else as it is. @param {any} value @returns {Promise<any>} */
  async at(value) {
    for (let step = 0; step < MAX_DEPTH; step += 1) {
      if (!(value instanceof Ref)) return value ?? null;
      const { place, index, packed } = this.places.get(value.number) ?? { place: 0, index: 0, packed: false };
      if (packed) value = await this.packedObject(place, index, value.number);
      else if (!place) return null;
      else value = await this.objectAt(place, value.number);
    }
    throw new Refused(TOO_DEEP);
  }

  /** @param {number} stream @param {number} index @param {number} number */
  async packedObject(stream, index, number) {
    let found = this.unpacked.get(stream);
    if (!found) {
      if (this.places.get(stream)?.packed) throw new Refused(NO_PDF);
      const flow = await this.at(new Ref(stream, 0));
      if (!(flow instanceof Flow) || flow.said.get("Type")?.text !== "ObjStm") throw new Refused(NO_PDF);
      const text = charsOf(await this.decoded(flow));
      const first = flow.said.get("First");
      found = { text, first, heads: text.slice(0, first).trim().split(/\s+/).map(Number) };
      this.unpacked.set(stream, found);
    }
    if (found.heads[2 * index] !== number) throw new Refused(NO_PDF);
    return valueAt(found.text, found.first + found.heads[2 * index + 1])[0];
  }

  /** The content of a stream, which is packed by Flate or not at all. @param {Flow} flow */
  async decoded({ said, raw }) {
    let kinds = await this.at(said.get("Filter"));
    let parameters = await this.at(said.get("DecodeParms"));
    kinds = kinds instanceof Name ? [kinds] : kinds ?? [];
    if (Array.isArray(parameters)) parameters = parameters.length ? await this.at(parameters[0]) : null;
    if (!kinds.length) return raw;
    if (kinds.length !== 1 || kinds[0].text !== "FlateDecode") {
      throw new Refused("It has a stream that is packed in a way that is not known here.");
    }
    const content = await inflated(raw);
    const predictor = parameters?.get("Predictor") ?? 1;
    return predictor < 10 ? content : unfiltered(content, parameters.get("Columns") ?? 1);
  }

  /** The one file of this name that it carries along. @param {string} name */
  async attached(name) {
    const catalogue = await this.at(this.trailer.get("Root"));
    const names = await this.at((await this.at(catalogue.get("Names")))?.get("EmbeddedFiles"));
    const trees = names ? [names] : [];
    const found = [];
    for (const tree of trees) {
      for (const kid of (await this.at(tree.get("Kids"))) ?? []) trees.push(await this.at(kid));
      for (const [place, item] of ((await this.at(tree.get("Names"))) ?? []).entries()) {
        if (place % 2) found.push(await this.at(item));
      }
      if (trees.length > 1000) throw new Refused(NO_PDF);
    }
    const ours = [];
    for (const item of found) {
      const called = [plainText(await this.at(item.get("F"))), plainText(await this.at(item.get("UF")))];
      if (called.includes(name)) ours.push(item);
    }
    if (ours.length !== 1) {
      throw new Refused(`It carries ${ours.length} files along that are called ${name}, where one was expected.`);
    }
    const content = await this.at((await this.at(ours[0].get("EF"))).get("F"));
    if (!(content instanceof Flow)) throw new Refused(NO_PDF);
    return this.decoded(content);
  }
}

/** @param {Uint8Array} raw */
async function inflated(raw) {
  const reader = new Blob([/** @type {any} */ (raw)]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const pieces = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    size += value.length;
    if (size > MOST_UNPACKED) {
      reader.cancel().catch(() => {}); // what is not read any more may fail
      throw new Refused(NO_PDF);
    }
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Rows of bytes that were written as differences (PNG, 9.2): to the left, or to the row above. @param {Uint8Array} raw @param {number} columns */
function unfiltered(raw, columns) {
  const rows = raw.length / (columns + 1);
  if (!Number.isInteger(rows)) throw new Refused(NO_PDF);
  const found = new Uint8Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    const kind = raw[row * (columns + 1)];
    if (kind > 2) throw new Refused(NO_PDF);
    for (let place = 0; place < columns; place += 1) {
      const at = row * columns + place;
      const before = kind === 1 ? (place ? found[at - 1] : 0) : kind === 2 ? (row ? found[at - columns] : 0) : 0;
      found[at] = raw[row * (columns + 1) + 1 + place] + before;
    }
  }
  return found;
}

/** The first element of bytes that go on behind it: how long it is. @param {Uint8Array} raw */
function firstSize(raw) {
  const size = 4 + raw[2] * 256 + raw[3];
  if (raw[1] !== 0x82) throw new Refused("The room of its seal has no seal in it.");
  if (size < 260 || size > raw.length) throw new Refused("It has something that is not in DER, the one spelling of what is signed.");
  return size;
}

/** The dictionary of the one seal, and the room that it leaves out: nothing else of the file. @param {Pdf} pdf @returns {Promise<{said: Map<string, any>, gap: Chars}>} */
async function sealedWhole(pdf) {
  const catalogue = await pdf.at(pdf.trailer.get("Root"));
  const form = await pdf.at(catalogue.get("AcroForm"));
  const fields = [];
  for (const item of (await pdf.at(form?.get("Fields"))) ?? []) fields.push(await pdf.at(item));
  const value = fields.length === 1 ? fields[0].get("V") : null;
  if (!(value instanceof Ref) || fields[0].get("FT")?.text !== "Sig") {
    throw new Refused("It is not sealed, or has other fields beside the seal.");
  }
  const said = await pdf.at(value);
  const reference = await pdf.at(((await pdf.at(said.get("Reference"))) ?? [new Map()])[0]);
  const rules = await pdf.at(reference.get("TransformParams"));
  const permitted = (await pdf.at(catalogue.get("Perms")))?.get("DocMDP");
  const isSame = permitted instanceof Ref && permitted.number === value.number && permitted.generation === value.generation;
  if (!isSame || rules?.get("P") !== 1) throw new Refused("Its seal does not forbid changes.");
  const gap = said.get("Contents");
  if (said.get("SubFilter")?.text !== "ETSI.CAdES.detached" || !(gap instanceof Chars) || gap.begin < 0) {
    throw new Refused("Its seal is of a kind that is not known here.");
  }
  const range = await pdf.at(said.get("ByteRange"));
  if (!Array.isArray(range) || range.join() !== [0, gap.begin, gap.end, pdf.raw.length - gap.end].join()) {
    throw new Refused("Its seal is not over the whole file: something was added, or left out.");
  }
  return { said, gap };
}

/** @param {Uint8Array} raw */
async function openWhole(raw) {
  const pdf = await new Pdf(raw).open();
  const { said, gap } = await sealedWhole(pdf);
  const room = Uint8Array.from(gap.chars, (c) => c.charCodeAt(0));
  const size = firstSize(room);
  if (pdf.text.slice(gap.begin, gap.end) !== `<${hex(room).toUpperCase()}>` || room.subarray(size).some(Boolean)) {
    throw new Refused("The room of its seal has more in it than the seal.");
  }
  const made = /^D:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(plainText(said.get("M")));
  if (!made) throw new Refused("Its seal does not say when it was made.");
  const [, year, month, day, hour, minute, second] = made;
  const at = `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
  const content = new Uint8Array(raw.length - (gap.end - gap.begin));
  content.set(raw.subarray(0, gap.begin));
  content.set(raw.subarray(gap.end), gap.begin);
  let seal;
  try {
    seal = await openSeal(room.subarray(0, size), content, at);
  } catch (error) {
    throw error instanceof Refused ? new Refused(`its seal: ${error.message}`) : error;
  }
  const evidence = await pdf.attached("evidence.json");
  return { name: plainText(said.get("Name")), reason: plainText(said.get("Reason")), at, seal, raw: evidence };
}

/** @typedef {{name: string, reason: string, at: string, seal: import("./verify-der.js").Seal, evidence: any}} Sealed */

/** Check the seal of a PDF, and that it is over all of it. @param {Uint8Array} raw @returns {Promise<Sealed>} */
export async function openPdf(raw) {
  let found;
  try {
    found = await openWhole(raw);
  } catch (error) {
    throw error instanceof Refused || error instanceof Unusable ? error : new Refused(NO_PDF);
  }
  try {
    const evidence = readJson(found.raw, true, MOST_EVIDENCE);
    requireCanonical(evidence, found.raw);
    return { ...found, evidence };
  } catch (error) {
    throw error instanceof Refused ? new Refused(`evidence.json: ${error.message}`) : error;
  }
}
