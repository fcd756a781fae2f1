// Signatures, keys, notes and statements, as bin/verify checks them. Ed25519 is WebCrypto's.

import { sha256 } from "./verify-hash.js";
import * as tables from "./verify-kinds.js";
import {
  Refused, Unusable, base64url, bytesOf, canonical, hex, looselyRead, readJson, requireCanonical, shown, spelled,
  textOf, unbase64, unbase64url, unhex,
} from "./verify-text.js";

/** @typedef {{origin: string, size: number, root: Uint8Array}} Checkpoint */
/** @typedef {{kids: Set<string> | null, keys: {name: string | null, key: Uint8Array}[], witnesses: {name: string, key: Uint8Array}[], roots: Set<string>, memory: import("./verify-memory.js").Memory | null}} Trust */
/** @typedef {{kid: string | null, told: string[], checked: string[], limits: string[], root?: string}} Found */

const MAX_NOTE = 128 * 1024;
const FIELD = 2n ** 255n - 19n;
const LOW_ORDER = new Set(tables.LOW_ORDER.map(BigInt));
const WRITTEN = new Map(Object.entries(tables.WRITTEN).map(([kind, form]) => [kind, new RegExp(`^(?:${form})$`, "s")]));
// RFC 8032 section 7.1, test 2.
const KNOWN = {
  key: unhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
  signature: unhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ),
};

/** @param {Uint8Array} key @param {Uint8Array} message @param {Uint8Array} signature */
async function accepts(key, message, signature) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}

/** Try a signature that is known to hold, and one that does not: some browsers know no Ed25519. */
export async function canCheckSignatures() {
  try {
    const right = await accepts(KNOWN.key, Uint8Array.of(0x72), KNOWN.signature);
    return right && !(await accepts(KNOWN.key, Uint8Array.of(0x72, 0x72), KNOWN.signature));
  } catch {
    return false; // it says by an error that it does not know the algorithm
  }
}

/** @param {Uint8Array} key @param {Uint8Array} message @param {Uint8Array} signature */
export async function signatureHolds(key, message, signature) {
  if (signature.length !== 64) return false;
  try {
    return await accepts(key, message, signature);
  } catch {
    return false; // some refuse a key that is no point of the curve already when it is read
  }
}

/** @param {string} x */
export const thumbprint = (x) => base64url(sha256(canonical({ crv: "Ed25519", kty: "OKP", x })));

/** @param {Uint8Array | null} key */
export function isSound(key) {
  if (key?.length !== 32) return false;
  let y = 0n;
  for (let at = 31; at >= 0; at -= 1) y = y * 256n + BigInt(at === 31 ? key[at] & 0x7f : key[at]);
  return y < FIELD && !LOW_ORDER.has(y);
}

// ---- statements

/** @param {unknown} value @param {string} kind */
function isA(value, kind) {
  if (typeof value === "boolean") return kind === "true or false";
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && value >= 0 && (kind === "a whole number" || kind === "an integer");
  }
  return typeof value === "string" && (WRITTEN.get(kind)?.test(value) ?? false);
}

/** @param {any} value @param {any} shape @param {string} where */
export function fits(value, shape, where) {
  const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
  if (Array.isArray(shape) && shape.length === 2) {
    if (value !== null) fits(value, shape[0], where);
  } else if (Array.isArray(shape) && Array.isArray(value)) {
    value.forEach((item, number) => fits(item, shape[0], `${where}[${number}]`));
  } else if (typeof shape === "object" && !Array.isArray(shape) && isObject) {
    for (const [name, inner] of Object.entries(shape)) {
      const known = name.replace(/\?+$/, "");
      if (known === name || known in value) fits(value[known], inner, `${where}.${known}`);
    }
  } else if (typeof shape !== "string" || !isA(value, shape)) {
    throw new Refused(`Its field ${where} is not ${typeof shape === "string" ? shape : "of the right type"}.`);
  }
}

/** The same value, as it is put into sentences. @param {any} value @returns {any} */
export function words(value) {
  if (Array.isArray(value)) return value.map(words);
  if (value !== null && typeof value === "object") {
    const kept = Object.entries(value).filter(([, inner]) => !Array.isArray(inner));
    return Object.fromEntries(kept.map(([name, inner]) => [name, words(inner)]));
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value === null ? "none" : shown(String(value).replaceAll("\\", "\\\\").replaceAll('"', '\\"'));
}

/** Fill in a sentence; undefined if it needs what is not there. @param {string} form @param {any} item */
function filled(form, item) {
  let whole = true;
  const text = form.replace(/\{(\w*)((?:\[\w+\])*)\}/g, (_, name, rest) => {
    let value = name ? item?.[name] : item;
    for (const [, inner] of rest.matchAll(/\[(\w+)\]/g)) value = value?.[inner];
    whole &&= value !== undefined;
    return String(value);
  });
  return whole ? text : undefined;
}

/** @param {any[][]} sentences @param {any} statement */
export function told(sentences, statement) {
  const lines = [];
  for (const [title, path, form] of sentences) {
    let items = [statement];
    for (const name of path ? path.split(".") : []) {
      items = items.map((item) => item[name]).filter((one) => one !== null && one !== undefined).flat();
    }
    const said = items.map((item) => filled(form, words(item))).filter((line) => line !== undefined);
    if (title && said.length) lines.push(title);
    for (const line of said.slice(0, tables.SHOWN)) lines.push(title ? `  ${line}` : line);
    if (said.length > tables.SHOWN) lines.push(`${title ? "  " : ""}and ${said.length - tables.SHOWN} more, in the file`);
  }
  return lines;
}

/** @param {any} jws @param {any} statement */
async function openJws(jws, statement) {
  fits(statement, { signed_by: { x: "a text" } }, "statement");
  const x = statement.signed_by.x;
  const key = unbase64url(x);
  const kid = thumbprint(x);
  if (!key || !isSound(key)) throw new Refused("The key that it names is none under which a signature proves anything.");
  const described = { alg: "EdDSA", crv: "Ed25519", kid, kty: "OKP", use: "sig", x };
  if (spelled(statement.signed_by) !== spelled(described)) throw new Refused("The key that it names is described wrongly.");
  const parts = typeof jws === "string" ? jws.split(".") : [];
  if (parts.length !== 3) throw new Refused("Its signature is no compact JWS.");
  const header = canonical({ alg: "EdDSA", kid, typ: tables.TYP });
  if (parts[0] !== base64url(header)) {
    const said = looselyRead((unbase64url(parts[0]) ?? new Uint8Array()).slice(0, 300));
    throw new Refused(`The header of its signature is ${shown(said)} and has to be ${textOf(header)}.`);
  }
  if (parts[1] !== base64url(canonical(statement))) {
    throw new Refused("The statement that can be read is not the one that was signed.");
  }
  const signature = unbase64url(parts[2]);
  if (signature?.length !== 64) throw new Refused("Its signature does not have the 64 bytes of Ed25519.");
  if (!(await signatureHolds(key, bytesOf(`${parts[0]}.${parts[1]}`), signature))) {
    throw new Refused("The signature does not hold: the statement was changed, or another key signed it.");
  }
  return kid;
}

/** @param {Uint8Array} raw @param {Trust | null} trust null: it may be anybody's @returns {Promise<{statement: any, kid: string}>} */
export async function readStatement(raw, trust) {
  const document = readJson(raw);
  const isObject = document !== null && typeof document === "object" && !Array.isArray(document);
  if (!isObject || Object.keys(document).sort().join("\n") !== "jws\nstatement") {
    throw new Refused("It is no statement: its members are not jws and statement.");
  }
  requireCanonical(document, raw);
  const statement = document.statement;
  fits(statement, { v: "a whole number", type: "a text" }, "statement");
  const kind = typeof statement.v === "number" ? tables.KINDS[`${statement.type} ${statement.v}`] : undefined;
  if (!kind) throw new Refused(`Its type is unknown here: ${shown(statement.type)}, version ${shown(statement.v)}.`);
  const kid = await openJws(document.jws, statement);
  if (trust?.kids && !trust.kids.has(kid)) {
    throw new Refused(`It was signed with the key ${kid}, which is not one that you expected.`);
  }
  fits(statement, { ...tables.COMMON, ...kind[1] }, "statement");
  return { statement, kid };
}

/** @param {string} title @param {any} statement */
export const opening = (title, statement) =>
  `${title} ${words(statement.id)}, issued at ${words(statement.issued_at)} by ${words(statement.issuer)}. It says:`;

/** @param {Trust} trust @param {string} issuer */
export const whose = (trust, issuer) => (trust.kids ? [] : [tables.WHOSE_KEY.replace("{}", () => shown(issuer))]);

/** @param {Uint8Array} raw @param {Trust} trust @returns {Promise<Found>} */
export async function checkStatement(raw, trust) {
  const { statement, kid } = await readStatement(raw, trust);
  const [title, , sentences] = tables.KINDS[`${statement.type} ${statement.v}`];
  return {
    kid,
    told: [opening(title, statement), ...told(sentences, statement)],
    checked: ["Text: its one spelling", "Signature: of all that it says", "Fields: those of its type"],
    limits: [
      ...whose(trust, statement.issuer),
      "  That what it says is true. Proven is that the holder of this key says it, and that not a byte was changed.",
      "  The times. They are by the signer's clock.",
    ],
  };
}

// ---- notes

/** @param {string} name @param {number} kind @param {Uint8Array} key */
const keyId = (name, kind, key) => sha256(bytesOf(`${name}\n`), Uint8Array.of(kind), key).slice(0, 4);

/** What stands in `name+id+base64(kind | key)`. @param {string} text @param {number} kind */
export function verifierKey(text, kind) {
  const [name, id, ...rest] = text.split("+");
  const raw = unbase64(rest.join("+")) ?? new Uint8Array();
  const key = raw.slice(1);
  if (!name || raw[0] !== kind || !isSound(key) || id !== hex(keyId(name, kind, key))) {
    throw new Unusable(`${shown(text)} is no key of a ${kind === 1 ? "log" : "witness"}.`);
  }
  return { name, key };
}

/** @param {Uint8Array} raw */
function readNote(raw) {
  if (raw.length > MAX_NOTE) throw new Refused("It has more than 128 KiB.");
  const whole = textOf(raw);
  const cut = whole.lastIndexOf("\n\n");
  const signed = whole.slice(cut + 2);
  if (cut < 0 || !signed.endsWith("\n") || /[\x00-\x09\x0b-\x1f]/.test(whole)) {
    throw new Refused("It is no signed note: a text, an empty line, and signatures, each line ended.");
  }
  const lines = whole.slice(0, cut).split("\n");
  const root = lines.length > 2 ? unbase64(lines[2]) : null;
  const size = /^(?:0|[1-9][0-9]{0,15})$/.test(lines[1] ?? "") ? Number(lines[1]) : NaN;
  if (root?.length !== 32 || lines.includes("") || !(size < 2 ** 53)) {
    throw new Refused("It is no checkpoint: an origin, a size below 2^53 and a root, a line each.");
  }
  const signatures = signed.slice(0, -1).split("\n").map((line) => {
    const parts = /^\u2014 ([^\p{White_Space}+]+) ([A-Za-z0-9+/]+={0,2})$/u.exec(line);
    const blob = parts && unbase64(parts[2]);
    if (!blob || blob.length < 5) {
      throw new Refused("A line of its signatures is none: a dash, a name, and base64 in its one spelling.");
    }
    return { name: parts[1], id: hex(blob.subarray(0, 4)), rest: blob.subarray(4) };
  });
  return { checkpoint: { origin: lines[0], size, root }, text: `${whole.slice(0, cut)}\n`, signatures };
}

/** @param {Uint8Array} key @param {Uint8Array} message @param {Uint8Array} signature @param {string} what */
async function requireSignature(key, message, signature, what) {
  if (!(await signatureHolds(key, message, signature))) {
    throw new Refused(`${what} does not hold: the text was changed, or another key signed it.`);
  }
}

/** Read a checkpoint and check who signed it. @param {Uint8Array} raw @param {Trust} trust @param {Uint8Array | null} [brought] */
export async function openCheckpoint(raw, trust, brought = null) {
  const { checkpoint, text, signatures } = readNote(raw);
  const { origin } = checkpoint;
  const known = trust.keys.filter(({ name }) => name === null || name === origin).map(({ key }) => key);
  const keys = !trust.keys.length && brought ? [brought] : known;
  if (trust.kids && !trust.keys.length && !keys.length) {
    throw new Unusable("A thumbprint is no key, and a checkpoint does not bring its own: give --jwks or --vkey.");
  }
  const checked = [];
  let kid = null;
  let counted = 0;
  for (const key of keys) {
    const id = hex(keyId(origin, 1, key));
    const lines = signatures.filter((one) => one.name === origin && one.id === id);
    for (const line of eachOnce(lines)) {
      await requireSignature(key, bytesOf(text), line.rest, "The signature of the checkpoint");
      kid = thumbprint(base64url(key));
    }
    counted += lines.length;
  }
  if (kid === null && (keys.length || trust.keys.length)) {
    throw new Refused("The checkpoint was not signed with a key that you expected.");
  }
  if (kid) checked.push(`Checkpoint: signed by ${shown(origin)}`);
  for (const { name, key } of trust.witnesses) {
    const id = hex(keyId(name, 4, key));
    const lines = signatures.filter((one) => one.name === name && one.id === id);
    if (!lines.length) throw new Refused(`The witness ${shown(name)} did not sign the checkpoint.`);
    counted += lines.length;
    for (const line of eachOnce(lines)) {
      const seconds = line.rest.length < 8 ? 0n : new DataView(line.rest.slice(0, 8).buffer).getBigUint64(0);
      const said = bytesOf(`cosignature/v1\ntime ${seconds}\n${text}`);
      await requireSignature(key, said, line.rest.subarray(8), `The signature of the witness ${shown(name)}`);
      checked.push(`Witness ${shown(name)} saw it at ${moment(Number(seconds))}`);
    }
  }
  const more = signatures.length - counted;
  return { checkpoint, kid, checked, more: more ? [`  What ${more} further signatures of the checkpoint say.`] : [] };
}

/** A line that stands there twice says no more. @param {{rest: Uint8Array}[]} lines */
const eachOnce = (lines) => [...new Map(lines.map((line) => [hex(line.rest), line])).values()];

/** @param {number} seconds */
const moment = (seconds) =>
  seconds < 2 ** 37 ? `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z` : "a time that is none";

/** @param {Uint8Array} raw @param {Trust} trust @returns {Promise<Found>} */
export async function checkCheckpoint(raw, trust) {
  const { checkpoint, kid, checked, more } = await openCheckpoint(raw, trust);
  const open = trust.memory?.meet(checkpoint, []) ?? [];
  const line = `Checkpoint of ${shown(checkpoint.origin)}: ${checkpoint.size} entries, root ${hex(checkpoint.root)}`;
  return { kid, told: [line], checked, limits: [...whose(trust, checkpoint.origin), ...more, ...open, ...tables.NOT_PROVEN.slice(1)] };
}

/** Whose word is taken: a JWKS, thumbprints, keys of logs, roots of seals; nothing at all is anyone's. @param {{jwks?: any, kids?: string[], vkeys?: string[], witnesses?: string[], roots?: string[]}} said @param {Trust["memory"]} [memory] @returns {Trust} */
export function trustIn({ jwks, kids = [], vkeys = [], witnesses = [], roots = [] }, memory = null) {
  /** @type {Trust["keys"]} */
  const keys = vkeys.map((text) => verifierKey(text, 1));
  for (const { crv, x } of jwks?.keys ?? []) {
    const key = crv === "Ed25519" ? unbase64url(x) : null;
    if (key && isSound(key)) keys.push({ name: null, key });
  }
  for (const kid of kids) {
    if (unbase64url(kid)?.length !== 32) throw new Unusable("A thumbprint has 43 characters of base64url.");
  }
  const expected = new Set([...kids, ...keys.map(({ key }) => thumbprint(base64url(key)))]);
  return { kids: expected.size ? expected : null, keys, witnesses: witnesses.map((text) => verifierKey(text, 4)), roots: new Set(roots), memory };
}
