// The members of a ZIP, read from a Blob in pieces. What stands in the central directory counts, and has to be true.

import { Refused, looselyRead } from "./verify-text.js";

/** It is the whole that cannot be read, whichever member it was noticed at. */
export class NoZip extends Refused {
  constructor() {
    super("It is no ZIP that can be read to its end.");
  }
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_DIRECTORY = 1024 * 1024;

/** @typedef {{name: string, flags: number, method: number, crc: number, packed: number, size: number, offset: number}} Member */

const CRC = new Uint32Array(256).map((_, number) => {
  let found = number;
  for (let bit = 0; bit < 8; bit += 1) found = found & 1 ? (found >>> 1) ^ 0xedb88320 : found >>> 1;
  return found;
});

/** @param {Uint8Array} raw */
export function crcOf(raw) {
  let crc = -1;
  for (let at = 0; at < raw.length; at += 1) crc = CRC[(crc ^ raw[at]) & 255] ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/** @param {Blob} blob @param {number} from @param {number} to */
async function view(blob, from, to) {
  if (from < 0 || to > blob.size || from > to) throw new NoZip();
  return new DataView(await blob.slice(from, to).arrayBuffer());
}

/** Where the directory is, and whether anything stands beside the ZIP. @param {Blob} blob */
async function directory(blob) {
  const tail = await view(blob, Math.max(0, blob.size - 65558), blob.size);
  let at = tail.byteLength - 22;
  if (at < 0) throw new NoZip();
  const plain = tail.getUint32(at, true) === END && !tail.getUint16(at + 20, true);
  for (at = plain ? at : tail.byteLength - 4; at >= 0 && tail.getUint32(at, true) !== END; ) at -= 1;
  if (at < 0 || at + 22 > tail.byteLength) throw new NoZip();
  let count = tail.getUint16(at + 10, true);
  let size = tail.getUint32(at + 12, true);
  let offset = tail.getUint32(at + 16, true);
  let end = blob.size - tail.byteLength + at;
  if (at >= 20 && tail.getUint32(at - 20, true) === LOCATOR_64) {
    const where = Number(tail.getBigUint64(at - 12, true));
    const large = await view(blob, where, where + 56);
    const right = where + 56 === end - 20 && tail.getUint32(at - 16, true) === 0 && tail.getUint32(at - 4, true) <= 1;
    if (!right || large.getUint32(0, true) !== END_64) throw new NoZip();
    count = Number(large.getBigUint64(32, true));
    size = Number(large.getBigUint64(40, true));
    offset = Number(large.getBigUint64(48, true));
    end = where;
  }
  if (size > MAX_DIRECTORY) throw new NoZip();
  const beside = end - size - offset;
  return { count, size, begin: end - size, beside: beside !== 0 || !plain };
}

/** @param {Blob} blob @returns {Promise<{members: Member[], beside: boolean}>} */
export async function listed(blob) {
  const { count, size, begin, beside } = await directory(blob);
  const raw = await view(blob, begin, begin + size);
  /** @type {Member[]} */
  const members = [];
  for (let at = 0; at < raw.byteLength; ) {
    if (at + 46 > raw.byteLength || raw.getUint32(at, true) !== ENTRY) throw new NoZip();
    const [named, extra, comment] = [28, 30, 32].map((offset) => raw.getUint16(at + offset, true));
    const end = at + 46 + named + extra + comment;
    if (end > raw.byteLength) throw new NoZip();
    if (raw.getUint8(at + 6) > 63) throw new NoZip(); // a version that zipfile knows nothing of
    const member = {
      name: looselyRead(new Uint8Array(raw.buffer, at + 46, named)),
      flags: raw.getUint16(at + 8, true),
      method: raw.getUint16(at + 10, true),
      crc: raw.getUint32(at + 16, true),
      packed: raw.getUint32(at + 20, true),
      size: raw.getUint32(at + 24, true),
      offset: raw.getUint32(at + 42, true),
    };
    if (/[^\x00-\x7f]/.test(member.name)) throw new NoZip();
    readLarge(member, new DataView(raw.buffer, at + 46 + named, extra));
    members.push(member);
    at = end;
  }
  if (members.length !== count) throw new NoZip();
  return { members, beside: beside || !members.some(({ offset }) => offset === 0) };
}

/** The 64-bit fields of a member. @param {Member} member @param {DataView} extra */
function readLarge(member, extra) {
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (at + 4 + extra.getUint16(at + 2, true) > extra.byteLength) throw new NoZip();
    if (extra.getUint16(at, true) !== 1) continue;
    let from = at + 4;
    for (const field of /** @type {("size" | "packed" | "offset")[]} */ (["size", "packed", "offset"])) {
      if (member[field] !== 0xffffffff) continue;
      if (from + 8 > extra.byteLength) throw new NoZip();
      member[field] = Number(extra.getBigUint64(from, true));
      from += 8;
    }
  }
}

/** The content of a member, piece by piece. @param {Blob} blob @param {Member} member */
export async function* contentOf(blob, member) {
  if (member.flags & 0x20) throw new NoZip(); // patched data
  const head = await view(blob, member.offset, member.offset + 30);
  const begin = member.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const name = await view(blob, member.offset + 30, member.offset + 30 + head.getUint16(26, true));
  if (head.getUint32(0, true) !== LOCAL || looselyRead(new Uint8Array(name.buffer)) !== member.name) throw new NoZip();
  if (begin + member.packed > blob.size) throw new NoZip();
  const packed = blob.slice(begin, begin + member.packed).stream();
  const reader = (member.method ? packed.pipeThrough(new DecompressionStream("deflate-raw")) : packed).getReader();
  let [size, crc] = [0, -1];
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new NoZip();
      });
      if (done) break;
      size += value.length;
      if (size > member.size) throw new NoZip();
      for (let at = 0; at < value.length; at += 1) crc = CRC[(crc ^ value[at]) & 255] ^ (crc >>> 8);
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {}); // what is not read any more may fail
  }
  if (size !== member.size || (crc ^ -1) >>> 0 !== member.crc) throw new NoZip();
}
