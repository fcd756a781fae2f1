// What a file is, and what is said of it, in the words of bin/verify.

import { checkArchive, filesOfArchive } from "./verify-archive.js";
import { checkBundle, checkPdf } from "./verify-agreement.js";
import { checkConsistency } from "./verify-memory.js";
import { checkCheckpoint, checkStatement } from "./verify-signed.js";
import { MAX_BYTES, Refused, Unusable, looselyRead, readJson } from "./verify-text.js";
import { checkEvent, checkExport } from "./verify-trail.js";

/** @typedef {import("./verify-signed.js").Trust} Trust */
/** @typedef {import("./verify-signed.js").Found} Found */
/** @typedef {import("./verify-trail.js").Progress} Progress */
/** @typedef {import("./verify-archive.js").Folder} Folder */

const MOST_WHOLE = 256 * 1024 * 1024;

/** @param {Blob} blob */
const whole = async (blob) => new Uint8Array(await blob.slice(0, MOST_WHOLE + 1).arrayBuffer());

/** Find out what a file is, and check it. @param {Blob | Folder} thing @param {Trust} trust @param {Progress} progress @returns {Promise<Found>} */
async function lookAt(thing, trust, progress) {
  if (!(thing instanceof Blob)) {
    const files = filesOfArchive(thing);
    if (!files) throw new Unusable("It is no folder of the archive: it has no folder audit.");
    return checkArchive(files, trust, progress);
  }
  const blob = thing;
  const raw = new Uint8Array(await blob.slice(0, MAX_BYTES + 1).arrayBuffer());
  const beginning = looselyRead(raw.subarray(0, 10));
  if (beginning.startsWith("%PDF-")) return checkPdf(await whole(blob), trust);
  if (beginning.startsWith("PK\x03\x04")) {
    const isBundle = looselyRead(raw.subarray(30, 43)) === "agreement.pdf";
    return isBundle ? checkBundle(await whole(blob), trust) : checkExport(blob, trust, progress);
  }
  if (beginning.startsWith("old ")) return checkConsistency(raw, trust);
  const text = looselyRead(raw);
  if (!text.startsWith("{") && (text.includes("\n\n\u2014 ") || /^[^ \t-\r]+\/logs\/[^ \t-\r]+\n/.test(text))) {
    return checkCheckpoint(raw, trust);
  }
  if (beginning === '{"detail":') {
    const event = readJson(raw, true);
    if (event?.type === "hq/event-proof") return checkEvent(raw, event, trust);
  }
  return checkStatement(raw, trust);
}

/** The verdict and all that is said of a file, in the words of bin/verify. @param {Blob | Folder} thing @param {Trust} trust @param {Progress} [progress] */
export async function verdictOn(thing, trust, progress = () => {}) {
  if (trust.memory) trust.memory.fresh = [];
  let found;
  try {
    found = await lookAt(thing, trust, progress);
  } catch (error) {
    if (error instanceof Refused) return { verdict: "refused", lines: [`REFUSED. ${error.message}`], checked: [], told: [], limits: [] };
    throw error;
  }
  const { kid, told: said, checked, limits, root } = found;
  const nobody = kid
    ? `The signature holds, but nobody said whose key to expect: ${kid}`
    : "Nothing is wrong with it, but nobody said whose key to expect, so its signature was not looked at.";
  const expected = root ? trust.roots.size : trust.kids;
  const open = root ? `The seal holds, but nobody said whose root to expect: ${root}` : nobody;
  const held = root ? `Sealed below the root that you expected: ${root}` : `Signed with a key that you expected: ${kid}`;
  if (expected) trust.memory?.keep();
  const first = expected ? `HOLDS. ${held}` : open;
  const steps = ["What was checked:", ...checked.map((line) => `  ${line}`)];
  const lines = [first, ...said, ...steps, "What this does not prove:", ...limits];
  return { verdict: expected ? "holds" : "no anchor", lines, checked, told: said, limits };
}
