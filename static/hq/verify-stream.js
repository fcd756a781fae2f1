// What is read in pieces: files and members of any size, line by line, packed or not.

import { Sha256 } from "./verify-hash.js";
import { MAX_BYTES, Refused, hex } from "./verify-text.js";

const LF = 10;
const PIECE = 256 * 1024;

/** What is read once: at its end its size, its SHA-256 and its line feeds are known. */
export class Stream {
  /** @param {AsyncGenerator<Uint8Array>} pieces */
  constructor(pieces) {
    this.pieces = pieces;
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

  /** What is left of it. */
  async *rest() {
    for (let piece = await this.piece(); piece; piece = await this.piece()) yield piece;
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

/** The same in pieces of one size, none of which is given out before it is known that the next can be read, as bin/verify has it. @param {AsyncIterable<Uint8Array>} pieces */
export async function* evenly(pieces) {
  let held = new Uint8Array();
  for await (const piece of pieces) {
    held = held.length ? joined(held, piece) : piece;
    for (; held.length > PIECE; held = held.subarray(PIECE)) yield held.subarray(0, PIECE);
  }
  if (held.length) yield held;
}

/** @param {AsyncIterable<Uint8Array>} pieces @param {string} where */
export async function* linesOf(pieces, where) {
  let rest = new Uint8Array();
  for await (const piece of pieces) {
    let raw = rest.length ? joined(rest, piece) : piece;
    for (let end = raw.indexOf(LF); end >= 0; end = raw.indexOf(LF)) {
      if (end > MAX_BYTES) throw new Refused(`${where} has a line of more than 1 MiB.`);
      yield raw.subarray(0, end);
      raw = raw.subarray(end + 1);
    }
    rest = raw;
    if (rest.length > MAX_BYTES) throw new Refused(`${where} has a line of more than 1 MiB.`);
  }
  if (rest.length) throw new Refused(`${where} does not end with a whole line.`);
}

/** A whole file, piece by piece. @param {Blob} blob */
export async function* piecesOf(blob) {
  const reader = blob.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** A gzip, unpacked as far as it is read. @param {Stream} packed @param {string} where */
export async function* unpacked(packed, where) {
  const first = await packed.piece();
  if (!first) return; // nothing at all is no entries, as bin/verify has it
  const source = new ReadableStream({
    start: (controller) => controller.enqueue(first),
    async pull(controller) {
      const piece = await packed.piece();
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
  });
  const reader = source.pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new Refused(`${where} is no gzip that can be read to its end.`);
      });
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // what is not read any more may fail
  }
}
