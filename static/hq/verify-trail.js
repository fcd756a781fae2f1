// Proofs of an event, and exports of the trail, as bin/verify checks them, in the same order and in the same words.

import { requireInclusion } from "./verify-hash.js";
import * as tables from "./verify-kinds.js";
import { Log, after, hashesOf, instant, requireOrigin, within } from "./verify-log.js";
import { fits, openCheckpoint, opening, readStatement, told, whose, words } from "./verify-signed.js";
import { Stream, evenly, linesOf } from "./verify-stream.js";
import {
  MAX_BYTES, Refused, byCodeUnit, bytesOf, canonical, hex, readJson, requireCanonical, same, shown, spelled, unbase64url,
} from "./verify-text.js";
import { contentOf, listed } from "./verify-zip.js";

/** @typedef {import("./verify-signed.js").Trust} Trust */
/** @typedef {import("./verify-signed.js").Found} Found */
/** @typedef {(done: number, total: number) => void} Progress */

/** @param {Uint8Array} raw @param {any} event @param {Trust} trust @param {Uint8Array | null} [brought] @returns {Promise<Found>} */
export async function checkEvent(raw, event, trust, brought = null) {
  requireCanonical(event, raw);
  fits(event, tables.EVENT_PROOF, "event");
  const { document, detail } = event;
  if (Object.keys(event).sort().join() !== Object.keys(tables.EVENT_PROOF).sort().join() || event.type !== "hq/event-proof" || event.v !== 1) {
    throw new Refused("It is no proof of an event: it has other members, or another version.");
  }
  const { log = "admin", environment = null, organization = null, index = null } = document;
  fits({ log, environment, organization, index }, tables.EVENT_PLACE, "event.document");
  if (!Object.hasOwn(tables.DOCUMENTS, log) || index < 1) throw new Refused("Its document is none of a log that is known here.");
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
  const open = trust.memory?.meet(checkpoint, []) ?? [];
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
    limits: [...whose(trust, checkpoint.origin), ...more, ...open, ...tables.NOT_PROVEN, after(index)],
  };
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
    new Stream(evenly(contentOf(blob, /** @type {any} */ (members.find((member) => member.name === name)))));
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
  const missing = await followExport({ open, small }, statement, files, checkpoint, trust, progress);
  const reached = (/** @type {number} */ size) => statement.first - 1 <= size && size <= statement.last;
  const seen = trust.memory?.roots(checkpoint.origin).keys() ?? [];
  const unproven = trust.memory?.meet(checkpoint, [...seen].filter(reached)) ?? [];
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
    limits: [...whose(trust, statement.issuer), ...more, ...unproven, ...tables.NOT_PROVEN, after(statement.last)],
  };
}

/** @param {{open: (name: string) => Stream, small: (name: string) => Promise<Uint8Array>}} zip @param {any} said @param {Map<string, any>} files @param {import("./verify-signed.js").Checkpoint} checkpoint @param {Trust} trust @param {Progress} progress */
async function followExport({ open, small }, said, files, checkpoint, trust, progress) {
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
  if (!Object.hasOwn(tables.DOCUMENTS, said.log) || !(first >= 1 && first <= last && last <= checkpoint.size)) {
    throw new Refused("statement.json: Its range is none of a log that is known here.");
  }
  const log = new Log(said, first);
  log.remember(trust.memory, checkpoint.origin);
  const entries = open("events.jsonl");
  const table = files.has("events.csv") ? open("events.csv") : null;
  const columns = tables.COLUMNS[said.log];
  if (table) await expectRow(table, columns, "events.csv has other columns.");
  log.tree.begin(first - 1, beside);
  log.compareRoots();
  let number = 0;
  for await (const line of linesOf(entries.rest(), "events.jsonl")) {
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

/** @param {Stream} table @param {string} columns @param {{document: string, detail: string | null, hash: string}} entry @param {number} index */
async function compare(table, columns, { document, detail, hash }, index) {
  const said = { ...JSON.parse(document), detail, hash };
  const cells = columns.split(",").map((path) => cell(path.split(".").reduce((value, name) => value[name], said)));
  await expectRow(table, cells.join(","), `events.csv does not say of entry ${index} what the entry says.`);
}
