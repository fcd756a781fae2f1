// Folders of the archive, as bin/verify checks them, in the same order and in the same words: digest by digest, file by file.

import { sha256 } from "./verify-hash.js";
import * as tables from "./verify-kinds.js";
import { Log, after, requireOrigin, within } from "./verify-log.js";
import { readStatement, whose, words } from "./verify-signed.js";
import { Stream, evenly, linesOf, piecesOf, unpacked } from "./verify-stream.js";
import { MAX_BYTES, Refused, byCodeUnit, hex, shown, spelled, unhex } from "./verify-text.js";

/** @typedef {import("./verify-signed.js").Trust} Trust */
/** @typedef {import("./verify-signed.js").Found} Found */
/** @typedef {import("./verify-trail.js").Progress} Progress */
/** @typedef {{name: string, files: {path: string, file: File}[]}} Folder paths begin with the folder's name */
/** @typedef {{size: number, root: string, number: number}} Mark a root that a digest names */

/** By path, from `audit/` on; null if the folder is no archive's. @param {Folder} folder */
export function filesOfArchive({ name, files }) {
  const above = name === "audit" && !files.some(({ path }) => path.startsWith("audit/audit/")) ? 0 : name.length + 1;
  const found = new Map(files.map(({ path, file }) => [path.slice(above), file]));
  return name === "audit" || [...found.keys()].some((path) => path.startsWith("audit/")) ? found : null;
}

/** @param {Map<string, File>} files @param {Trust} trust @param {Progress} progress @returns {Promise<Found>} */
export async function checkArchive(files, trust, progress) {
  const chain = /^(audit\/digests\/[^/]+\/[^/]+)\//;
  const chains = [...new Set([...files.keys()].map((path) => chain.exec(path)?.[1] ?? ""))].filter(Boolean).sort(byCodeUnit);
  if (!chains.length) throw new Refused("It is no archive: it has no digests in audit/digests.");
  /** @type {Found} */
  const all = { kid: null, told: [], checked: [], limits: [] };
  /** @type {Set<string>} */
  const named = new Set();
  for (const folder of chains) {
    const found = await within(folder, () => checkDigests(files, folder, trust, named, progress));
    all.kid = found.kid;
    all.told.push(...found.told);
    all.checked.push(...found.checked);
    all.limits.push(...found.limits);
  }
  const logs = Object.keys(tables.DOCUMENTS);
  const more = [...files.keys()].filter((path) => logs.some((log) => path.startsWith(`audit/${log}/`)) && !named.has(path)).sort(byCodeUnit);
  if (more.length) all.limits.push(`  Anything of ${more.length} files that no digest names, the first: ${shown(more[0])}`);
  all.limits.push(...tables.NOT_PROVEN);
  return all;
}

/** The digests of one log, by number. @param {Map<string, File>} files @param {string} folder */
function numbered(files, folder) {
  const found = new Map();
  for (const path of files.keys()) {
    const parts = path.startsWith(`${folder}/`) ? path.slice(folder.length + 1).split("/") : [];
    if (parts.length !== 4 || !parts[3].endsWith(".json")) continue;
    const stem = parts[3].slice(0, -5);
    const number = /^[0-9]{1,15}$/.test(stem) ? Number(stem) : 0;
    if (!number || found.has(number)) throw new Refused(`${shown(path)} is named like no digest, or like another.`);
    found.set(number, path);
  }
  if (!found.size) throw new Refused("It has no digests.");
  return found;
}

/** @param {Map<string, File>} files @param {string} path */
const small = async (files, path) =>
  new Uint8Array(await /** @type {File} */ (files.get(path)).slice(0, MAX_BYTES + 1).arrayBuffer());

/** One log: from the newest digest, which is checked by its signature, to the oldest; then all entries, onwards. @param {Map<string, File>} files @param {string} folder @param {Trust} trust @param {Set<string>} named @param {Progress} progress @returns {Promise<Found>} */
async function checkDigests(files, folder, trust, named, progress) {
  const digests = numbered(files, folder);
  const numbers = [...digests.keys()].sort((one, other) => one - other);
  const [oldest, newest] = [numbers[0], numbers[numbers.length - 1]];
  /** @type {Mark[]} */
  const marks = [];
  let due = null; // name and SHA-256 of the next to read
  let [kid, statement] = /** @type {[string | null, any]} */ ([null, null]);
  for (let number = newest; number >= oldest; number -= 1) {
    const path = digests.get(number);
    if (!path) throw new Refused(`Digest ${number} is missing.`);
    const raw = await small(files, path);
    if (due && spelled(due) !== spelled({ name: path, sha256: hex(sha256(raw)) })) {
      throw new Refused(`${path} is not the digest that number ${number + 1} names as the one before it.`);
    }
    const said = await within(path, async () => {
      const found = await readStatement(raw, due ? null : trust);
      kid ??= found.kid;
      statement ??= found.statement;
      requireDigest(found.statement, number, folder, statement);
      return found.statement;
    });
    due = said.previous;
    if (said.checkpoint) marks.push({ size: Number(said.checkpoint.size), root: said.checkpoint.root, number });
  }
  const log = await followArchive(files, digests, statement, marks, trust, progress);
  for (const path of log.named) named.add(path);
  return { kid, ...toldOf(log, statement, marks, oldest, newest, trust) };
}

/** It is one of the archive's digests, of the log whose folder it is in. @param {any} said @param {number} number @param {string} folder @param {any} newest */
function requireDigest(said, number, folder, newest) {
  if (said.type !== "hq/trail-digest" || said.number !== number || (said.previous === null) !== (number === 1)) {
    throw new Refused("It is no digest of this number.");
  }
  if (!folder.endsWith(`/${said.environment}/${said.log}`) || !Object.hasOwn(tables.DOCUMENTS, said.log)) {
    throw new Refused("It is the digest of another log.");
  }
  if (said.organization.id !== newest.organization.id) throw new Refused("It is the digest of another organization.");
  if (said.checkpoint && Number(said.checkpoint.size) >= 2 ** 53) throw new Refused("It names a checkpoint of a size that no log has.");
}

/** What is said of one log in which nothing is wrong. @param {Followed} log @param {any} statement @param {Mark[]} marks @param {number} oldest @param {number} newest @param {Trust} trust */
function toldOf(log, statement, marks, oldest, newest, trust) {
  const last = log.next - 1;
  const said = statement.checkpoint;
  const limits = whose(trust, statement.issuer);
  if (said) {
    const checkpoint = { origin: said.origin, size: Number(said.size), root: unhex(said.root) };
    requireOrigin(checkpoint, statement.environment, statement.log);
    const reached = [...(trust.memory?.roots(said.origin).keys() ?? [])].filter((size) => log.whole && size <= last);
    limits.push(...(trust.memory?.meet(checkpoint, reached) ?? []));
  }
  if (oldest > 1) limits.push(`  What came before digest ${oldest}: the folder begins there.`);
  const beyond = marks.filter(({ size }) => !log.whole || size > last).length;
  if (beyond) limits.push(`  The root in ${beyond} of the digests: not all entries below it are here.`);
  return {
    told: [
      `Archive of the log ${words(statement.log)}:`,
      `  environment ${words(statement.environment)}, organization ${words(statement.organization.id)}`,
      `  digests ${oldest} to ${newest}, entries ${last - log.tree.size + 1} to ${last}, in ${log.named.size} files`,
    ],
    checked: [
      `Digests: ${newest - oldest + 1}, the newest by its signature, each other by the one after it`,
      `Entries: ${log.tree.size}, none left out, each linked to the one before it`,
      `Checkpoints: ${marks.length - beyond}, to whose roots the entries lead`,
    ],
    limits: [...limits, after(last)],
  };
}

/** A log whose lines stand in files. */
class Followed extends Log {
  /** @param {any} said @param {number} first */
  constructor(said, first) {
    super(said, first, "sealed");
    /** @type {Set<string>} */
    this.named = new Set();
  }
}

/** Every line of every file that the digests list, in order. @param {Map<string, File>} files @param {Map<number, string>} digests @param {any} newest @param {Mark[]} marks @param {Trust} trust @param {Progress} progress */
async function followArchive(files, digests, newest, marks, trust, progress) {
  let log = /** @type {Followed | null} */ (null);
  const beginning = `audit/${newest.log}/${newest.environment}/`;
  const until = newest.files.at(-1)?.last ?? 0;
  for (const number of [...digests.keys()].sort((one, other) => one - other)) {
    const { statement } = await readStatement(await small(files, digests.get(number) ?? ""), null);
    for (const listed of statement.files) {
      const { name } = listed;
      log ??= begun(newest, listed.first, marks, trust);
      const isNamed = name.startsWith(beginning) && /^\d{4}\/\d\d\/\d\d\/\d+-\d+\.jsonl\.gz$/.test(name.slice(beginning.length));
      if (!isNamed || log.named.has(name) || listed.first !== log.next) {
        throw new Refused(`Digest ${number} lists ${shown(name)}, which is not the file that comes next.`);
      }
      const file = files.get(name);
      if (!file) throw new Refused(`${name}, which digest ${number} lists, is missing.`);
      await followFile(log, file, listed);
      log.named.add(name);
      progress(log.next - 1, Math.max(until, log.next - 1));
    }
  }
  if (!log) throw new Refused("Its digests list no file.");
  return log;
}

/** @param {any} newest @param {number} first @param {Mark[]} marks @param {Trust} trust */
function begun(newest, first, marks, trust) {
  const log = new Followed(newest, first);
  if (!log.whole) return log; // roots are those of all entries
  log.remember(trust.memory, newest.checkpoint?.origin ?? "");
  for (const { size, root, number } of marks) log.expect(size, root, `The entries do not lead to the root in digest ${number}.`);
  return log;
}

/** @param {Followed} log @param {File} file @param {any} listed */
async function followFile(log, file, listed) {
  const packed = new Stream(piecesOf(file));
  let number = 0;
  for await (const line of linesOf(evenly(unpacked(packed, listed.name)), listed.name)) {
    number += 1;
    log.take(line, `${listed.name}, line ${number}`, listed.last);
  }
  log.close(listed.name, listed.last);
  await packed.require({ name: listed.name, sha256: listed.sha256, size: listed.size });
}
