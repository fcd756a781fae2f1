// SHA-256 (FIPS 180-4) of what is read in pieces, which WebCrypto does not offer, and trees over logs (RFC 6962).
// What it gives is compared with WebCrypto's own before anything is checked by it.

import { Refused, same } from "./verify-text.js";

const K = new Uint32Array(64);
const START = new Uint32Array(8);
// The first bits behind the point of the roots of the first primes.
for (let number = 2, found = 0; found < 64; number += 1) {
  let prime = true;
  for (let by = 2; by * by <= number; by += 1) prime &&= number % by !== 0;
  if (!prime) continue;
  if (found < 8) START[found] = (Math.sqrt(number) % 1) * 2 ** 32;
  K[found] = (Math.cbrt(number) % 1) * 2 ** 32;
  found += 1;
}

const words = new Uint32Array(64);

export class Sha256 {
  constructor() {
    this.state = START.slice();
    this.block = new Uint8Array(64);
    this.length = 0;
  }

  /** @param {Uint8Array} raw */
  update(raw) {
    let at = 0;
    let filled = this.length % 64;
    this.length += raw.length;
    if (filled) {
      const taken = Math.min(64 - filled, raw.length);
      this.block.set(raw.subarray(0, taken), filled);
      filled += taken;
      at = taken;
      if (filled < 64) return this;
      this.compress(this.block, 0);
    }
    for (; at + 64 <= raw.length; at += 64) this.compress(raw, at);
    if (at < raw.length) this.block.set(raw.subarray(at));
    return this;
  }

  digest() {
    const bits = this.length * 8;
    const rest = this.length % 64;
    const tail = new Uint8Array(rest < 56 ? 64 - rest : 128 - rest);
    tail[0] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(tail.length - 4, bits >>> 0);
    this.update(tail);
    const found = new Uint8Array(32);
    const out = new DataView(found.buffer);
    this.state.forEach((word, index) => out.setUint32(index * 4, word));
    return found;
  }

  /** @param {Uint8Array} raw @param {number} from */
  compress(raw, from) {
    for (let i = 0, at = from; i < 16; i += 1, at += 4) {
      words[i] = (raw[at] << 24) | (raw[at + 1] << 16) | (raw[at + 2] << 8) | raw[at + 3];
    }
    for (let i = 16; i < 64; i += 1) {
      const x = words[i - 15];
      const y = words[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      words[i] = (words[i - 16] + s0 + words[i - 7] + s1) | 0;
    }
    const state = this.state;
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + words[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}

/** @param {Uint8Array[]} parts */
export function sha256(...parts) {
  const hash = new Sha256();
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Whether this and WebCrypto's agree on texts of every length up to three blocks. */
export async function agreesWithWebCrypto() {
  const raw = crypto.getRandomValues(new Uint8Array(200));
  for (let length = 0; length <= raw.length; length += 1) {
    const theirs = new Uint8Array(await crypto.subtle.digest("SHA-256", raw.slice(0, length)));
    const cut = length >> 1;
    if (!same(theirs, sha256(raw.subarray(0, cut), raw.subarray(cut, length)))) return false;
  }
  return true;
}

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** @param {Uint8Array} document */
export const leafHash = (document) => sha256(LEAF, document);
/** @param {Uint8Array} left @param {Uint8Array} right */
const nodeHash = (left, right) => sha256(NODE, left, right);
/** The largest power of two that divides it. @param {number} size */
function lowestBit(size) {
  let width = 1;
  while (size % (width * 2) === 0) width *= 2;
  return width;
}

/** The root over any number of entries, in constant memory: the complete subtrees so far, the largest first. */
export class Tree {
  constructor() {
    this.size = 0;
    /** @type {Uint8Array[]} */
    this.peaks = [];
  }

  /** @param {Uint8Array} found @param {number} [width] */
  add(found, width = 1) {
    this.size += width;
    for (let rest = this.size / width; rest % 2 === 0; rest /= 2) {
      found = nodeHash(/** @type {Uint8Array} */ (this.peaks.pop()), found);
    }
    this.peaks.push(found);
  }

  root() {
    return this.peaks.length ? this.peaks.reduceRight((right, left) => nodeHash(left, right)) : sha256();
  }

  /** Put what stands before the first entry. @param {number} size @param {Uint8Array[]} beside */
  begin(size, beside) {
    for (let width = 2 ** 52; width >= 1; width /= 2) {
      if (Math.floor(size / width) % 2) this.add(next(beside), width);
    }
  }

  /** The root, with what stands behind the last entry. @param {number} size @param {Uint8Array[]} beside */
  end(size, beside) {
    while (this.size < size) {
      const width = lowestBit(this.size);
      if (this.size + width <= size) {
        this.add(next(beside), width);
      } else {
        this.size = size;
        this.peaks.push(next(beside));
      }
    }
    return this.root();
  }
}

/** @param {Uint8Array[]} beside */
function next(beside) {
  const found = beside.shift();
  if (!found) throw new Refused("proof.json: It has too few hashes.");
  return found;
}

/** RFC 9162, section 2.1.4.2: whether the older tree is the beginning of the newer one. @param {number} old @param {number} now @param {Uint8Array} oldRoot @param {Uint8Array} newRoot @param {Uint8Array[]} path */
export function isConsistent(old, now, oldRoot, newRoot, path) {
  if (old === now) return !path.length && same(oldRoot, newRoot);
  const steps = lowestBit(old) === old ? [oldRoot, ...path] : path;
  let [place, last] = [old - 1, now - 1];
  const up = () => ([place, last] = [Math.floor(place / 2), Math.floor(last / 2)]);
  while (place % 2) up();
  let before = steps[0] ?? new Uint8Array();
  let after = before;
  for (const step of steps.slice(1)) {
    if (last === 0) return false;
    if (place % 2 || place === last) {
      [before, after] = [nodeHash(step, before), nodeHash(step, after)];
      while (place % 2 === 0 && place) up();
    } else {
      after = nodeHash(after, step);
    }
    up();
  }
  return last === 0 && same(before, oldRoot) && same(after, newRoot);
}

/** RFC 9162, section 2.1.3.2. @param {Uint8Array} document @param {number} index @param {{size: number, root: Uint8Array}} checkpoint @param {Uint8Array[]} path */
export function requireInclusion(document, index, checkpoint, path) {
  let place = index;
  let last = checkpoint.size - 1;
  let found = leafHash(document);
  if (place > last) throw new Refused(`The checkpoint is of ${checkpoint.size} entries, and the event is entry ${index + 1}.`);
  const up = () => ([place, last] = [Math.floor(place / 2), Math.floor(last / 2)]);
  for (const step of path) {
    if (last === 0) throw new Refused("The proof has too many hashes.");
    if (place % 2 || place === last) {
      found = nodeHash(step, found);
      while (place % 2 === 0 && place) up();
    } else {
      found = nodeHash(found, step);
    }
    up();
  }
  if (last || !same(found, checkpoint.root)) {
    throw new Refused("The proof does not lead from the event to the root of the checkpoint.");
  }
}
