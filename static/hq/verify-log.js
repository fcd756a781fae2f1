// One log, entry by entry, as bin/verify follows it, and what is common to all that is made of entries.

import { Tree, leafHash, sha256 } from "./verify-hash.js";
import * as tables from "./verify-kinds.js";
import { Refused, bytesOf, hex, looselyRead, readJson, requireCanonical, shown, textOf, unbase64, unhex } from "./verify-text.js";
import { NoZip } from "./verify-zip.js";

const LINK = bytesOf("hq-audit-link-v1\0");
const DETAIL = bytesOf("hq-audit-detail-v1\0");
const GENESIS = "0".repeat(64);
const START = '{"detail":';
const COMMA = 0x2c;

/** @param {string} text */
const literally = (text) => text.replace(/[^A-Za-z0-9_]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Where a text stands last in bytes. @param {Uint8Array} raw @param {Uint8Array} what */
function lastIndexOf(raw, what) {
  for (let at = raw.length - what.length; at >= 0; at -= 1) {
    let length = 0;
    while (length < what.length && raw[at + length] === what[length]) length += 1;
    if (length === what.length) return at;
  }
  return -1;
}

const DOCUMENT = bytesOf('"document":{"');
const HASH = bytesOf(',"hash":"');

/** One log, followed entry by entry: lines of an export are open, those of the archive are sealed. */
export class Log {
  /** @param {any} said @param {number} first @param {"open" | "sealed"} [kind] */
  constructor(said, first, kind = "open") {
    this.log = said.log;
    this.next = first;
    this.kind = kind;
    this.whole = first === 1;
    const form = tables.DOCUMENTS[this.log];
    const pattern = (/** @type {string} */ of, /** @type {string} */ by) =>
      new RegExp(`^(?:${form.replace("(OF)", () => `(${of})`).replace("(BY)", () => `(${by})`)})$`);
    this.document = pattern(literally(said.environment), literally(said.organization.id));
    this.anywhere = pattern(tables.WRITTEN["one word"], tables.WRITTEN["one word"]);
    this.ending = new RegExp(`^(?:${tables.ENDINGS[kind]})$`);
    this.previous = first === 1 ? GENESIS : "";
    this.tree = new Tree();
    this.missing = 0;
    this.began = this.ended = "";
    /** @type {Map<number, {root: string, meaning: string}[]>} by size, what is due there and what it means if it is not */
    this.marks = new Map();
  }

  /** Put a root where it is due. @param {number} size @param {string} root @param {string} meaning */
  expect(size, root, meaning) {
    this.marks.set(size, [...(this.marks.get(size) ?? []), { root, meaning }]);
  }

  /** Put the roots that were seen before where they are due. @param {import("./verify-memory.js").Memory | null} memory @param {string} origin */
  remember(memory, origin) {
    for (const [size, root] of memory?.roots(origin) ?? []) {
      this.expect(size, root, `The log was rewritten: its first ${size} entries are not those that were seen before.`);
    }
  }

  /** Compare what is due at the size that it has. */
  compareRoots() {
    for (const { root, meaning } of this.marks.get(this.tree.size) ?? []) {
      if (hex(this.tree.root()) !== root) throw new Refused(meaning);
    }
  }

  /** Take one line as the entry that is due; gives what a row of the table needs. @param {Uint8Array} line @param {string} where @param {number} last */
  take(line, where, last) {
    const begin = lastIndexOf(line, DOCUMENT);
    const end = lastIndexOf(line, HASH);
    const raw = line.subarray(begin + 11, end < 0 ? line.length : end);
    const document = looselyRead(raw);
    const found = this.document.exec(document);
    const ending = end < 0 ? null : this.ending.exec(looselyRead(line.subarray(end)));
    const due = this.next;
    const starts = this.startsAt(line, begin);
    if (!found || !ending || !starts || Number(found[4]) !== due || due > last) {
      throw new Refused(where + this.reason(line, raw, found && ending && starts ? found[4] : null, last));
    }
    const [, link, before, salt] = ending;
    if (this.previous && before !== this.previous) {
      throw new Refused(`${where}, entry ${due}: it is not linked to the entry before it.`);
    }
    if (hex(sha256(LINK, unhex(before), sha256(raw))) !== link) {
      throw new Refused(`${where}, entry ${due}: it was changed; its hash is another.`);
    }
    const detail = this.kind === "open" ? this.detailOf(line.subarray(START.length, begin - 1), salt, found[2], `${where}, entry ${due}`) : null;
    try {
      textOf(line);
    } catch {
      throw new Refused(`${where} is not UTF-8.`);
    }
    if (detail) within(`${where}, its detail`, () => requireCanonical(readJson(detail, true), detail));
    this.tree.add(leafHash(raw));
    this.compareRoots();
    this.began ||= found[1];
    this.ended = found[1];
    this.previous = link;
    this.next += 1;
    return { document, detail: detail && looselyRead(detail), hash: link };
  }

  /** Whether a line begins as its kind does, with its document at a place. @param {Uint8Array} line @param {number} begin */
  startsAt(line, begin) {
    if (this.kind === "sealed") return begin === 1 && line[0] === 0x7b;
    return looselyRead(line.subarray(0, START.length)) === START && line[begin - 1] === COMMA;
  }

  /** The detail that was committed to, or null where there is none any more. @param {Uint8Array} detail @param {string | undefined} salt @param {string} commitment @param {string} where */
  detailOf(detail, salt, commitment, where) {
    if (salt === undefined && looselyRead(detail) === "null") {
      this.missing += 1;
      return null;
    }
    if (hex(sha256(DETAIL, unhex(salt ?? ""), detail)) !== commitment) {
      throw new Refused(`${where}: its detail is not the one that was committed to.`);
    }
    return detail;
  }

  /** Why a line is not the entry that is due. @param {Uint8Array} line @param {Uint8Array} raw @param {string | null} index @param {number} last */
  reason(line, raw, index, last) {
    if (index !== null) {
      const expected = this.next <= last ? `${this.next} comes next` : `${last} was to be the last`;
      return ` is entry ${Number(index)}, and ${expected}: one is missing, added or moved.`;
    }
    try {
      requireCanonical(readJson(line, true), line);
    } catch (error) {
      if (error instanceof Refused) return `: ${error.message}`;
      throw error;
    }
    return this.anywhere.test(looselyRead(raw))
      ? ": It is an entry of another environment or organization."
      : `: It is no entry of the log ${this.log}.`;
  }

  /** @param {string} where @param {number} last */
  close(where, last) {
    if (this.next <= last) {
      throw new Refused(`${where} ends with entry ${this.next - 1}, and ${last} was to be the last: its tail was cut.`);
    }
  }
}

/** Say in which part of a file a thing is wrong. @template T @param {string} where @param {() => T} act @returns {T} */
export function within(where, act) {
  const named = (/** @type {unknown} */ error) => {
    throw error instanceof Refused && !(error instanceof NoZip) ? new Refused(`${where}: ${error.message}`) : error;
  };
  try {
    const found = act();
    return found instanceof Promise ? /** @type {any} */ (found.catch(named)) : found;
  } catch (error) {
    return named(error);
  }
}

/** @param {string[]} texts */
export const hashesOf = (texts) =>
  texts.map((text) => {
    const raw = unbase64(text);
    if (raw?.length !== 32) throw new Refused("A hash of the proof is not the base64 of 32 bytes.");
    return raw;
  });

/** @param {{origin: string}} checkpoint @param {string} environment @param {string} log */
export function requireOrigin({ origin }, environment, log) {
  const end = `/logs/${environment}/${log}`;
  if (!origin.endsWith(end) || origin.length === end.length) {
    throw new Refused(`The checkpoint is of another log: ${shown(origin)}`);
  }
}

/** @param {number} index */
export const after = (index) => tables.COME_AFTER.replace("{}", String(index));

/** A time, however many zeros its fraction ends in. @param {string} at */
export const instant = (at) => {
  const [whole, rest = ""] = at.slice(0, -1).split(".");
  return `${whole}.${rest.replace(/0+$/, "")}`;
};
