// Entries of the trail, proofs of one, and exports, as bin/verify checks them, in the same order and in the same words.

import { Sha256, Tree, leafHash, requireInclusion, sha256 } from "./verify-hash.js";
import * as tables from "./verify-kinds.js";
import { fits, openCheckpoint, opening, readStatement, told, whose, words } from "./verify-signed.js";
import {
  MAX_BYTES, Refused, byCodeUnit, bytesOf, canonical, hex, looselyRead, readJson, requireCanonical, same, shown, spelled,
  textOf, unbase64, unbase64url, unhex,
} from "./verify-text.js";
import { NoZip, contentOf, listed } from "./verify-zip.js";

/** @typedef {import("./verify-signed.js").Trust} Trust */
/** @typedef {import("./verify-signed.js").Found} Found */
/** @typedef {(done: number, total: number) => void} Progress */

const LINK = bytesOf("hq-audit-link-v1\0");
const DETAIL = bytesOf("hq-audit-detail-v1\0");
const GENESIS = "0".repeat(64);
const START = '{"detail":';
const LF = 10;

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

/** One log, followed entry by entry. */
class Log {
  /** @param {any} said @param {number} first */
  constructor(said, first) {
    this.log = said.log;
    this.next = first;
    const form = tables.DOCUMENTS[this.log];
    const pattern = (/** @type {string} */ of, /** @type {string} */ by) =>
      new RegExp(`^(?:${form.replace("(OF)", () => `(${of})`).replace("(BY)", () => `(${by})`)})$`);
    this.document = pattern(literally(said.environment), literally(said.organization.id));
    this.anywhere = pattern(tables.WRITTEN["one word"], tables.WRITTEN["one word"]);
    this.ending = new RegExp(`^(?:${tables.ENDING})$`);
    this.previous = first === 1 ? GENESIS : "";
    this.tree = new Tree();
    this.missing = 0;
    this.began = this.ended = "";
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
    const starts = looselyRead(line.subarray(0, START.length)) === START && line[begin - 1] === 0x2c; // a comma
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
    const detail = line.subarray(START.length, begin - 1);
    const gone = salt === undefined && looselyRead(detail) === "null";
    if (gone) this.missing += 1;
    else this.lookInto(detail, salt ?? "", found[2], `${where}, entry ${due}`);
    try {
      textOf(line);
    } catch {
      throw new Refused(`${where} is not UTF-8.`);
    }
    if (!gone) within(`${where}, its detail`, () => requireCanonical(readJson(detail, true), detail));
    this.tree.add(leafHash(raw));
    this.began ||= found[1];
    this.ended = found[1];
    this.previous = link;
    this.next += 1;
    return { document, detail: gone ? null : looselyRead(detail), hash: link };
  }

  /** @param {Uint8Array} detail @param {string} salt @param {string} commitment @param {string} where */
  lookInto(detail, salt, commitment, where) {
    if (hex(sha256(DETAIL, unhex(salt), detail)) !== commitment) {
      throw new Refused(`${where}: its detail is not the one that was committed to.`);
    }
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
const hashesOf = (texts) =>
  texts.map((text) => {
    const raw = unbase64(text);
    if (raw?.length !== 32) throw new Refused("A hash of the proof is not the base64 of 32 bytes.");
    return raw;
  });

/** @param {{origin: string}} checkpoint @param {string} environment @param {string} log */
function requireOrigin({ origin }, environment, log) {
  const end = `/logs/${environment}/${log}`;
  if (!origin.endsWith(end) || origin.length === end.length) {
    throw new Refused(`The checkpoint is of another log: ${shown(origin)}`);
  }
}

/** @param {number} index */
const after = (index) => tables.COME_AFTER.replace("{}", String(index));

/** @param {Uint8Array} raw @param {any} event @param {Trust} trust @param {Uint8Array | null} [brought] @returns {Promise<Found>} */
export async function checkEvent(raw, event, trust, brought = null) {
  requireCanonical(event, raw);
  fits(event, tables.EVENT_PROOF, "event");
  const { document, detail } = event;
  if (Object.keys(event).sort().join() !== Object.keys(tables.EVENT_PROOF).sort().join() || event.v !== 1) {
    throw new Refused("It is no proof of an event: it has other members, or another version.");
  }
  const { log = "admin", environment = null, organization = null, index = null } = document;
  fits({ log, environment, organization, index }, tables.EVENT_PLACE, "event.document");
  if (!(log in tables.DOCUMENTS) || index < 1) throw new Refused("Its document is none of a log that is known here.");
  const entry = { detail, document, hash: event.hash, previous: event.previous, salt: event.salt };
  new Log({ log, environment, organization: { id: organization } }, index).take(canonical(entry), "The proof, line 1", index);
  const cut = event.proof.indexOf("\n\n");
  const [version, place, ...path] = (cut < 0 ? event.proof : event.proof.slice(0, cut)).split("\n");
  if (version !== "c2sp.org/tlog-proof@v1" || place !== `index ${index - 1}`) {
    throw new Refused("Its proof is no tlog-proof of this entry.");
  }
  const { checkpoint, kid, checked, more } = await openCheckpoint(bytesOf(cut < 0 ? "" : event.proof.slice(cut + 2)), trust, brought);
  requireOrigin(checkpoint, environment, log);
  requireInclusion(canonical(document), index - 1, checkpoint, hashesOf(path));
  const said = Object.keys(detail ?? {})
    .sort(byCodeUnit)
    .map((name) => `  ${words(name)}: "${words(typeof detail[name] === "string" ? detail[name] : spelled(detail[name]))}"`);
  return {
    kid,
    told: [
      ...told(tables.EVENTS[log], document),
      detail ? "Its detail says:" : "Its detail is not there: its key was destroyed, or it had no salt.",
      ...said,
    ],
    checked: [
      "Document: its one spelling, and its link to the entry before it",
      detail ? "Detail: the one that was committed to" : "Detail: only the commitment to it is there",
      `Place: entry ${index} of ${checkpoint.size} below the root ${hex(checkpoint.root)}`,
      ...checked,
    ],
    limits: [...whose(trust, checkpoint.origin), ...more, ...tables.NOT_PROVEN, after(index)],
  };
}

/** A member that is read once: at its end its size, its SHA-256 and its line feeds are known. */
class Stream {
  /** @param {Blob} blob @param {import("./verify-zip.js").Member} member */
  constructor(blob, member) {
    this.pieces = contentOf(blob, member);
    this.hash = new Sha256();
    this.size = this.feeds = 0;
    this.left = new Uint8Array();
  }

  /** @returns {Promise<Uint8Array | null>} */
  async piece() {
    const { done, value } = await this.pieces.next();
    if (done) return null;
    this.hash.update(value);
    this.size += value.length;
    for (let at = value.indexOf(LF); at >= 0; at = value.indexOf(LF, at + 1)) this.feeds += 1;
    return value;
  }

  /** At most so many bytes, fewer at the end. @param {number} length */
  async take(length) {
    while (this.left.length < length) {
      const piece = await this.piece();
      if (!piece) break;
      this.left = joined(this.left, piece);
    }
    const found = this.left.subarray(0, length);
    this.left = this.left.subarray(length);
    return found;
  }

  /** @param {string} where */
  async *lines(where) {
    let rest = new Uint8Array();
    for (let piece = await this.piece(); piece; piece = await this.piece()) {
      let raw = rest.length ? joined(rest, piece) : piece;
      for (let end = raw.indexOf(LF); end >= 0; end = raw.indexOf(LF)) {
        yield raw.subarray(0, end);
        raw = raw.subarray(end + 1);
      }
      rest = raw;
      if (rest.length > MAX_BYTES) throw new Refused(`${where} has a line of more than 1 MiB.`);
    }
    if (rest.length) throw new Refused(`${where} does not end with a whole line.`);
  }

  /** @param {any} one what was signed of it */
  async require(one) {
    while (await this.piece());
    if (hex(this.hash.digest()) !== one.sha256 || this.size !== Number(one.size)) {
      throw new Refused(`${one.name} is not the file that was signed: its SHA-256 or its size is another.`);
    }
    const lines = one.lines ?? null;
    if (lines !== null && this.feeds !== Number(lines)) {
      throw new Refused(`${one.name} has ${this.feeds} lines, and ${lines} were signed.`);
    }
  }
}

/** @param {Uint8Array} one @param {Uint8Array} other */
function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/** @param {unknown} value */
function cell(value) {
  let text = value === null || value === undefined ? "" : String(value);
  if (/^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[,"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** @param {Stream} table @param {string} text @param {string} otherwise */
async function expectRow(table, text, otherwise) {
  const expected = bytesOf(`${text}\r\n`);
  if (!same(await table.take(expected.length), expected)) throw new Refused(otherwise);
}

/** @param {import("./verify-zip.js").Member[]} members @param {boolean} beside */
function requireForm(members, beside) {
  const names = members.map(({ name }) => name);
  for (const { name, flags, method } of members) {
    if (names.filter((one) => one === name).length > 1) throw new Refused(`It has ${shown(name)} twice.`);
    if (!tables.EXPORT_MEMBERS.includes(name)) throw new Refused(`It has a member that no export has: ${shown(name)}`);
    if (flags & 0x2041 || ![0, 8].includes(method)) {
      throw new Refused(`${name} is encrypted, or packed in a way that is not known here.`);
    }
  }
  for (const name of tables.EXPORT_MEMBERS.slice(0, -1)) {
    if (!names.includes(name)) throw new Refused(`${name} is missing.`);
  }
  if (beside) throw new Refused("It has something before its first member or behind its last.");
}

/** @param {Blob} blob @param {Trust} trust @param {Progress} progress @returns {Promise<Found>} */
export async function checkExport(blob, trust, progress) {
  const { members, beside } = await listed(blob);
  requireForm(members, beside);
  const open = (/** @type {string} */ name) =>
    new Stream(blob, /** @type {any} */ (members.find((member) => member.name === name)));
  const small = async (/** @type {string} */ name) => (await open(name).take(MAX_BYTES + 1)).slice();
  const { statement, kid } = await within("statement.json", async () => {
    const found = await readStatement(await small("statement.json"), trust);
    if (found.statement.type !== "hq/trail-export") {
      throw new Refused("It is no statement of an export of the trail.");
    }
    return found;
  });
  const files = new Map(statement.files.map((/** @type {any} */ one) => [one.name, one]));
  const due = [...files.keys(), "statement.json"].sort().join("\n");
  if (files.size !== statement.files.length || due !== members.map(({ name }) => name).sort().join("\n")) {
    throw new Refused("statement.json: It lists other files than are there.");
  }
  for (const name of ["checkpoint.txt", "proof.json"]) await open(name).require(files.get(name));
  const { checkpoint, checked, more } = await within("checkpoint.txt", async () => {
    const found = await openCheckpoint(await small("checkpoint.txt"), trust, unbase64url(statement.signed_by.x));
    requireOrigin(found.checkpoint, statement.environment, statement.log);
    return found;
  });
  const said = statement.checkpoint;
  if (said.origin !== checkpoint.origin || Number(said.size) !== checkpoint.size || said.root !== hex(checkpoint.root)) {
    throw new Refused("checkpoint.txt is not the checkpoint that the statement names.");
  }
  const missing = await followExport({ open, small }, statement, files, checkpoint, progress);
  const length = statement.last - statement.first + 1;
  return {
    kid,
    told: [opening("Export of the trail", statement), ...told(tables.TRAIL_EXPORT, statement)],
    checked: [
      "Statement: its one spelling, its fields, its signature",
      `Files: ${files.size}, each with the size and the SHA-256 that were signed`,
      `Entries: ${length}, none left out, each linked to the one before it`,
      `Details: ${length - missing}, each the one that was committed to; not there: ${missing}`,
      `Place: the entries lead to the root of the checkpoint of ${checkpoint.size}`,
      ...(files.has("events.csv") ? ["CSV: every row says what its entry says"] : []),
      ...checked,
    ],
    limits: [...whose(trust, statement.issuer), ...more, ...tables.NOT_PROVEN, after(statement.last)],
  };
}

/** @param {{open: (name: string) => Stream, small: (name: string) => Promise<Uint8Array>}} zip @param {any} said @param {Map<string, any>} files @param {import("./verify-signed.js").Checkpoint} checkpoint @param {Progress} progress */
async function followExport({ open, small }, said, files, checkpoint, progress) {
  const { first, last } = said;
  const beside = await within("proof.json", async () => {
    const raw = await small("proof.json");
    const proof = readJson(raw);
    requireCanonical(proof, raw);
    fits(proof, { beside: ["a text"], first: "an integer", last: "an integer", size: "an integer" }, "proof");
    const right = proof.first === first && proof.last === last && proof.size === checkpoint.size;
    if (Object.keys(proof).length !== 4 || !right) {
      throw new Refused("It is the proof of another range or of another checkpoint.");
    }
    return hashesOf(proof.beside);
  });
  if (!(said.log in tables.DOCUMENTS) || !(first >= 1 && first <= last && last <= checkpoint.size)) {
    throw new Refused("statement.json: Its range is none of a log that is known here.");
  }
  const log = new Log(said, first);
  const entries = open("events.jsonl");
  const table = files.has("events.csv") ? open("events.csv") : null;
  const columns = tables.COLUMNS[said.log];
  if (table) await expectRow(table, columns, "events.csv has other columns.");
  log.tree.begin(first - 1, beside);
  let number = 0;
  for await (const line of entries.lines("events.jsonl")) {
    number += 1;
    const entry = log.take(line, `events.jsonl, line ${number}`, last);
    if (table) await compare(table, columns, entry, log.next - 1);
    if (number % 2000 === 0) progress(number, last - first + 1);
  }
  log.close("events.jsonl", last);
  const root = log.tree.end(checkpoint.size, beside);
  await entries.require(files.get("events.jsonl"));
  if (table && (await table.take(1)).length) throw new Refused("events.csv goes on after the last entry.");
  if (table) await table.require(files.get("events.csv"));
  if (beside.length) throw new Refused("proof.json: It has too many hashes.");
  if (!same(root, checkpoint.root)) {
    throw new Refused("The entries do not lead to the root of the checkpoint: they were rewritten, or are of another log.");
  }
  const times = instant(log.began) === instant(said.begins_at) && instant(log.ended) === instant(said.ends_at);
  if (!times || log.missing !== said.shredded) {
    throw new Refused("statement.json: Its times, or its number of details that are not there, are not those of the entries.");
  }
  return log.missing;
}

/** A time, however many zeros its fraction ends in. @param {string} at */
export const instant = (at) => {
  const [whole, rest = ""] = at.slice(0, -1).split(".");
  return `${whole}.${rest.replace(/0+$/, "")}`;
};

/** @param {Stream} table @param {string} columns @param {{document: string, detail: string | null, hash: string}} entry @param {number} index */
async function compare(table, columns, { document, detail, hash }, index) {
  const said = { ...JSON.parse(document), detail, hash };
  const cells = columns.split(",").map((path) => cell(path.split(".").reduce((value, name) => value[name], said)));
  await expectRow(table, cells.join(","), `events.csv does not say of entry ${index} what the entry says.`);
}
