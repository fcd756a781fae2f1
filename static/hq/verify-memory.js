// The checkpoints that were seen before, as bin/verify --remember keeps them, and proofs that a log goes on from one.

import { isConsistent } from "./verify-hash.js";
import * as tables from "./verify-kinds.js";
import { hashesOf } from "./verify-log.js";
import { openCheckpoint, whose } from "./verify-signed.js";
import { Refused, Unusable, bytesOf, hex, looselyRead, readJson, shown, spelled, unhex } from "./verify-text.js";

/** @typedef {import("./verify-signed.js").Checkpoint} Checkpoint */
/** @typedef {import("./verify-signed.js").Trust} Trust */

const HASH = /^[0-9a-f]{64}$/;

/** A log that was cut or forked contradicts a checkpoint that was seen. It stays on this page: its text may be kept. */
export class Memory {
  /** @param {{name: string, raw: Uint8Array} | null} file what was kept before */
  constructor(file = null) {
    /** @type {Map<string, Map<number, string>>} by origin: the roots, by size */
    this.seen = new Map();
    /** @type {Checkpoint[]} of the file that is looked at */
    this.fresh = [];
    if (file) this.read(file);
  }

  /** @param {{name: string, raw: Uint8Array}} file */
  read({ name, raw }) {
    try {
      const found = readJson(raw);
      if (found === null || typeof found !== "object" || Array.isArray(found)) throw new TypeError();
      for (const [origin, sizes] of Object.entries(found)) {
        if (!Array.isArray(sizes)) throw new TypeError();
        this.seen.set(origin, new Map(sizes.map(([size, root]) => kept(size, root))));
      }
    } catch (error) {
      if (!(error instanceof Refused || error instanceof TypeError)) throw error;
      throw new Unusable(`${shown(name)} is nothing that was remembered here.`);
    }
  }

  /** @param {string} origin */
  roots(origin) {
    return this.seen.get(origin) ?? new Map();
  }

  /** Compare a checkpoint with those seen before; `reached` are the sizes whose roots it was shown to continue. @param {Checkpoint} checkpoint @param {number[]} reached */
  meet({ origin, size, root }, reached) {
    const seen = this.roots(origin);
    if (seen.has(size) && seen.get(size) !== hex(root)) {
      throw new Refused(`The log was forked: another checkpoint of ${size} entries was seen before.`);
    }
    const largest = Math.max(0, ...seen.keys());
    if (size < largest && !seen.has(size)) {
      throw new Refused(
        `The checkpoint is of ${size} entries, and one of ${largest} was seen before:` +
          " the log was cut, or this is an older file.",
      );
    }
    this.fresh.push({ origin, size, root });
    if (!(0 < largest && largest < size) || reached.includes(largest)) return [];
    return [`  That the log goes on from the ${largest} entries that were seen before. An export over them can.`];
  }

  keep() {
    for (const { origin, size, root } of this.fresh) {
      this.seen.set(origin, new Map([...this.roots(origin), [size, hex(root)]]));
    }
  }

  /** As bin/verify writes it. */
  text() {
    const found = Object.create(null);
    for (const [origin, sizes] of this.seen) found[origin] = [...sizes].sort(([one], [other]) => one - other);
    return spelled(found);
  }
}

/** @param {unknown} size @param {unknown} root @returns {[number, string]} */
function kept(size, root) {
  if (!Number.isSafeInteger(size) || /** @type {number} */ (size) < 0) throw new TypeError();
  if (typeof root !== "string" || !HASH.test(root)) throw new TypeError();
  return [/** @type {number} */ (size), root];
}

/** A later checkpoint, and that its log begins with all of one that was seen before. @param {Uint8Array} raw @param {Trust} trust @returns {Promise<import("./verify-signed.js").Found>} */
export async function checkConsistency(raw, trust) {
  const cut = looselyCut(raw);
  const [old, ...path] = looselyRead(raw.subarray(0, cut)).split("\n");
  if (!/^old [1-9][0-9]{0,15}$/.test(old)) {
    throw new Refused("It is no proof of consistency: its first line has to be old and a number of entries.");
  }
  const said = old.slice(4);
  const hashes = hashesOf(path);
  const { checkpoint, kid, checked, more } = await openCheckpoint(raw.subarray(cut + 2), trust);
  if (!trust.memory) {
    throw new Unusable("A proof of consistency is compared with a checkpoint that was seen before: give --remember.");
  }
  const seen = trust.memory.roots(checkpoint.origin).get(Number(said));
  if (seen === undefined) {
    throw new Refused(`It begins with ${said} entries, and no checkpoint of so many was seen before.`);
  }
  const { size, root } = checkpoint;
  if (Number(said) > size || !isConsistent(Number(said), size, unhex(seen), root, hashes)) {
    throw new Refused(`The log of ${size} entries does not begin with the ${said} that were seen before.`);
  }
  const open = trust.memory.meet(checkpoint, [Number(said)]);
  return {
    kid,
    told: [`Checkpoint of ${shown(checkpoint.origin)}: ${size} entries, root ${hex(root)}`],
    checked: [...checked, `Consistency: the ${size} entries begin with the ${said} that were seen before`],
    limits: [...whose(trust, checkpoint.origin), ...more, ...open, ...tables.NOT_PROVEN],
  };
}

/** Where the empty line begins; the end if there is none. @param {Uint8Array} raw */
function looselyCut(raw) {
  const [feed] = bytesOf("\n");
  let at = raw.indexOf(feed);
  while (at >= 0 && raw[at + 1] !== feed) at = raw.indexOf(feed, at + 1);
  return at < 0 ? raw.length : at;
}
