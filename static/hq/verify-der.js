// DER, certificates, and what is signed with them (X.690, RFC 5280, RFC 5652, RFC 3161), as bin/verify checks them, in the
// same order and in the same words. ECDSA and RSA are WebCrypto's.

import { sha256 } from "./verify-hash.js";
import { Refused, bytesOf, hex, looselyRead, same, shown, unhex } from "./verify-text.js";

/** @typedef {{tag: number, body: Uint8Array, raw: Uint8Array}} Node */
/** @typedef {{raw: Uint8Array, tbs: Uint8Array, serial: Uint8Array, issuer: Uint8Array, beginsAt: string, endsAt: string, subject: Uint8Array, spki: Uint8Array, extensions: Map<string, Uint8Array>, algorithm: Uint8Array, signature: Uint8Array}} Certificate */
/** @typedef {{content: Uint8Array, signer: Certificate, certificates: Certificate[], signature: Uint8Array, beside: Uint8Array}} Signed */
/** @typedef {{name: string, organization: string, root: string, stampedAt: string, stampedBy: string}} Seal */

const [SEQUENCE, SET, INTEGER, OID, OCTETS, BITS] = [0x30, 0x31, 0x02, 0x06, 0x04, 0x03];
const NO_DER = "It has something that is not in DER, the one spelling of what is signed.";

/** The elements that bytes are made of, with nothing between or behind them. @param {Uint8Array} raw @returns {Node[]} */
export function nodes(raw) {
  const found = [];
  for (let at = 0; at < raw.length; ) {
    let begin = at + 2;
    let size = begin <= raw.length ? raw[at + 1] : 0x80;
    if (size & 0x80) {
      const width = size & 0x7f;
      begin += width;
      size = 0;
      if (width && begin <= raw.length) for (const byte of raw.subarray(at + 2, begin)) size = size * 256 + byte;
      if (size < 0x80 || size < 256 ** (width - 1)) throw new Refused(NO_DER);
    }
    if (begin + size > raw.length || (raw[at] & 0x1f) === 0x1f) throw new Refused(NO_DER);
    found.push({ tag: raw[at], body: raw.subarray(begin, begin + size), raw: raw.subarray(at, begin + size) });
    at = begin + size;
  }
  return found;
}

/** The elements, which have to have these tags. @param {Uint8Array} raw @param {number[]} tags */
function parts(raw, tags) {
  const found = nodes(raw);
  if (found.map(({ tag }) => tag).join() !== tags.join()) {
    throw new Refused("It has other elements than a signature or a certificate has.");
  }
  return found;
}

/** @param {Uint8Array} raw @param {number} tag */
const one = (raw, tag) => parts(raw, [tag])[0];

/** The bytes of a positive number, without zeros before it. @param {Uint8Array} body */
function number(body) {
  const padded = body[0] === 0 && body.length > 1;
  if (!body.length || body[0] & 0x80 || (padded && !(body[1] & 0x80))) throw new Refused(NO_DER);
  return body[0] === 0 ? body.subarray(1) : body;
}

/** @param {Uint8Array} body */
function oid(body) {
  const found = [];
  let value = 0;
  for (const byte of body) {
    value = value * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    found.push(value);
    value = 0;
  }
  if (!found.length) return "";
  const first = Math.min(Math.floor(found[0] / 40), 2);
  return [first, found[0] - 40 * first, ...found.slice(1)].join(".");
}

/** @param {Uint8Array} body */
function bits(body) {
  if (body[0] !== 0) throw new Refused(NO_DER);
  return body.subarray(1);
}

const CURVES = new Map([
  ["1.2.840.10045.3.1.7", { name: "P-256", width: 32, order: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551" }],
  ["1.3.132.0.34", { name: "P-384", width: 48, order: `${"f".repeat(48)}c7634d81f4372ddf581a0db248b0a77aecec196accc52973` }],
]);
const HASHES = new Map([
  ["2.16.840.1.101.3.4.2.1", "SHA-256"], ["2.16.840.1.101.3.4.2.2", "SHA-384"], ["2.16.840.1.101.3.4.2.3", "SHA-512"],
]);
const SIGNED_BY = new Map([
  ["1.2.840.10045.4.3.2", "SHA-256"], ["1.2.840.10045.4.3.3", "SHA-384"], ["1.2.840.10045.4.3.4", "SHA-512"],
  ["1.2.840.113549.1.1.11", "SHA-256"], ["1.2.840.113549.1.1.12", "SHA-384"], ["1.2.840.113549.1.1.13", "SHA-512"],
]);
const [RSA, EC_KEY, EC] = ["1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.2.840.10045"];

/** @param {string} name @param {Uint8Array} raw */
const digestOf = async (name, raw) => new Uint8Array(await crypto.subtle.digest(name, /** @type {any} */ (raw)));

/** An ECDSA signature in DER. @param {Uint8Array} key a point @param {Uint8Array} message @param {Uint8Array} signature @param {string} curve its name's object identifier @param {string} hash */
export async function ecdsaHolds(key, message, signature, curve = "1.2.840.10045.3.1.7", hash = "SHA-256") {
  const numbers = parts(one(signature, SEQUENCE).body, [INTEGER, INTEGER]).map(({ body }) => number(body));
  const known = CURVES.get(curve);
  if (!known || key[0] !== 4) return false;
  const { name, width, order } = known;
  const flat = new Uint8Array(2 * width);
  for (const [place, value] of numbers.entries()) {
    if (!value.length || value.length > width || hex(value).padStart(2 * width, "0") >= order) return false;
    flat.set(value, (place + 1) * width - value.length);
  }
  try {
    const imported = await crypto.subtle.importKey("raw", /** @type {any} */ (key), { name: "ECDSA", namedCurve: name }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "ECDSA", hash }, imported, flat, /** @type {any} */ (message));
  } catch {
    return false; // a point that is not on the curve is refused already when it is read
  }
}

/** @param {Uint8Array} spki @param {Uint8Array} key @param {Uint8Array} message @param {Uint8Array} signature @param {string} hash */
async function rsaHolds(spki, key, message, signature, hash) {
  const [n, e] = parts(one(key, SEQUENCE).body, [INTEGER, INTEGER]).map(({ body }) => number(body));
  const length = n.length && 8 * n.length - Math.clz32(n[0]) + 24;
  if (signature.length !== n.length || length < 2048 || length > 8192 || (e.length <= 1 && !(e[0] >= 3))) return false;
  try {
    const how = { name: "RSASSA-PKCS1-v1_5", hash };
    const imported = await crypto.subtle.importKey("spki", /** @type {any} */ (spki), how, false, ["verify"]);
    return await crypto.subtle.verify(how, imported, /** @type {any} */ (signature), /** @type {any} */ (message));
  } catch {
    return false; // a key that is none
  }
}

/** @param {Uint8Array} raw */
function kindOf(raw) {
  const [kind, ...more] = nodes(one(raw, SEQUENCE).body);
  const plain = more.length === 0 || (more.length === 1 && hex(more[0].raw) === "0500");
  if (kind?.tag !== OID || !plain) throw new Refused("It names an algorithm that is not known here.");
  return oid(kind.body);
}

/** @param {Uint8Array} raw */
function hashOf(raw) {
  const found = HASHES.get(kindOf(raw));
  if (!found) throw new Refused("It names a digest that is not known here.");
  return found;
}

/** Whether the key signed the message. @param {Uint8Array} spki @param {Uint8Array} algorithm @param {string} hashed @param {Uint8Array} message @param {Uint8Array} signature */
async function holdsUnder(spki, algorithm, hashed, message, signature) {
  const kind = kindOf(algorithm);
  const hash = kind === RSA ? hashed : SIGNED_BY.get(kind);
  const [about, key] = parts(one(spki, SEQUENCE).body, [SEQUENCE, BITS]);
  const [of, ...parameters] = nodes(about.body);
  if (!hash) throw new Refused("It is signed by an algorithm that is not known here.");
  if (oid(of.body) === EC_KEY && parameters.length && kind.startsWith(EC)) {
    return ecdsaHolds(bits(key.body), message, signature, oid(parameters[0].body), hash);
  }
  return oid(of.body) === RSA && !kind.startsWith(EC) && rsaHolds(spki, bits(key.body), message, signature, hash);
}

// ---- certificates

/** @param {Uint8Array} raw @returns {Certificate} */
function readCertificate(raw) {
  const [tbs, algorithm, signature] = parts(one(raw, SEQUENCE).body, [SEQUENCE, SEQUENCE, BITS]);
  const fields = nodes(tbs.body);
  const tags = [0xa0, INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, 0xa3];
  if (fields.map(({ tag }) => tag).join() !== tags.join()) throw new Refused("It has a certificate that is none of version 3.");
  const [, serial, inner, issuer, validity, subject, spki, more] = fields;
  if (!same(inner.raw, algorithm.raw)) throw new Refused("It has a certificate that names two algorithms.");
  const [begins, ends] = nodes(validity.body);
  const extensions = new Map();
  for (const item of nodes(one(more.body, SEQUENCE).body)) {
    const [kind, ...rest] = nodes(item.body);
    extensions.set(oid(kind.body), rest.at(-1)?.body ?? new Uint8Array());
  }
  return {
    raw,
    tbs: tbs.raw,
    serial: serial.raw,
    issuer: issuer.raw,
    beginsAt: timeOf(begins),
    endsAt: timeOf(ends),
    subject: subject.raw,
    spki: spki.raw,
    extensions,
    algorithm: algorithm.raw,
    signature: bits(signature.body),
  };
}

/** @param {Node} node */
function timeOf({ tag, body }) {
  let text = looselyRead(body);
  if (tag === 0x17) text = (text.slice(0, 2) < "50" ? "20" : "19") + text;
  const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d{1,6})?Z$/.exec(text);
  if (!found || (tag !== 0x17 && tag !== 0x18)) throw new Refused("It has a time that is none.");
  const [, year, month, day, hour, minute, second] = found;
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

/** What a subject says: common name, and what stands as its serial number. @param {Uint8Array} name */
function named(name) {
  const found = { name: "", id: "" };
  for (const group of nodes(one(name, SEQUENCE).body)) {
    for (const item of nodes(group.body)) {
      const [kind, text] = nodes(item.body);
      if (oid(kind.body) === "2.5.4.3") found.name = looselyRead(text.body);
      if (oid(kind.body) === "2.5.4.5") found.id = looselyRead(text.body);
    }
  }
  return found;
}

/** @param {Certificate} certificate @param {Certificate} above */
const issued = async (certificate, above) =>
  same(certificate.issuer, above.subject) &&
  holdsUnder(above.spki, certificate.algorithm, "", certificate.tbs, certificate.signature);

// ---- what is signed

const SIGNED_DATA = "1.2.840.113549.1.7.2";
const KINDS = {
  data: { oid: "1.2.840.113549.1.7.1", raw: "06092a864886f70d010701", version: 1 },
  timestamp: { oid: "1.2.840.113549.1.9.16.1.4", raw: "060b2a864886f70d0109100104", version: 3 },
};
const SIGNER = [INTEGER, SEQUENCE, SEQUENCE, 0xa0, SEQUENCE, OCTETS];
const [CONTENT_TYPE, DIGEST] = ["1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"];
const [CERTIFICATE_V1, CERTIFICATE_V2] = ["1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"];
const TIMESTAMP = "1.2.840.113549.1.9.16.2.14";
const NO_FORM = "It is signed in a form that is not known here.";

/** @param {Uint8Array} raw @param {"data" | "timestamp"} kind @param {Uint8Array | null} outside @returns {Promise<Signed>} */
async function openCms(raw, kind, outside) {
  const [what, wrapped] = parts(one(raw, SEQUENCE).body, [OID, 0xa0]);
  const [version, hashes, content, brought, signers] = parts(one(wrapped.body, SEQUENCE).body, [INTEGER, SET, SEQUENCE, 0xa0, SET]);
  const [of, ...inside] = nodes(content.body);
  const expected = KINDS[kind];
  if (oid(what.body) !== SIGNED_DATA || hex(of?.raw ?? new Uint8Array()) !== expected.raw || inside.length !== Number(outside === null)) {
    throw new Refused("It signs something else than is expected there.");
  }
  const said = outside ?? one(one(inside[0].raw, 0xa0).body, OCTETS).body;
  const certificates = nodes(brought.body).map((node) => readCertificate(node.raw));
  const fields = nodes(one(signers.body, SEQUENCE).body);
  const tags = fields.map(({ tag }) => tag).join();
  if (tags !== SIGNER.join() && tags !== [...SIGNER, 0xa1].join()) throw new Refused(NO_FORM);
  const [how, who, hashed, attributes, algorithm, signature, beside] = fields;
  if (hex(number(version.body)) !== `0${expected.version}` || hex(number(how.body)) !== "01") throw new Refused(NO_FORM);
  const hash = hashOf(hashed.raw);
  if (!same(hashes.body, hashed.raw)) throw new Refused("It names two digests.");
  const signer = certificates.find(({ issuer, serial }) => hex(issuer) + hex(serial) === hex(who.body));
  if (!signer) throw new Refused("It lacks the certificate of whoever signed it.");
  await requireAttributes(attributes.body, expected.oid, await digestOf(hash, said), signer);
  const message = Uint8Array.from(attributes.raw);
  message[0] = SET;
  if (!(await holdsUnder(signer.spki, algorithm.raw, hash, message, signature.body))) {
    throw new Refused("The signature does not hold.");
  }
  return { content: said, signer, certificates, signature: signature.body, beside: beside?.body ?? new Uint8Array() };
}

/** @param {Uint8Array} raw @param {string} kind @param {Uint8Array} digest @param {Certificate} signer */
async function requireAttributes(raw, kind, digest, signer) {
  const none = new Uint8Array();
  const found = new Map();
  for (const item of nodes(raw)) {
    const [name, values] = parts(item.body, [OID, SET]);
    found.set(oid(name.body), values.body);
  }
  if (found.size !== nodes(raw).length || oid(one(found.get(CONTENT_TYPE) ?? none, OID).body) !== kind) {
    throw new Refused("It does not say of what kind that is which was signed.");
  }
  if (!same(one(found.get(DIGEST) ?? none, OCTETS).body, digest)) {
    throw new Refused("What was signed was changed: its digest is another.");
  }
  const identified = found.get(CERTIFICATE_V2) ?? found.get(CERTIFICATE_V1);
  const certificates = identified ? nodes(nodes(one(identified, SEQUENCE).body)[0].body) : [];
  let fields = certificates.length ? nodes(certificates[0].body) : [];
  let hash = found.has(CERTIFICATE_V2) ? "SHA-256" : "SHA-1";
  if (fields[0]?.tag === SEQUENCE) [hash, fields] = [hashOf(fields[0].raw), fields.slice(1)];
  if (!fields.length || !same(fields[0].body, await digestOf(hash, signer.raw))) {
    throw new Refused("It was not signed for the certificate that it brings.");
  }
}

const [USAGE, CONSTRAINTS, PURPOSES] = ["2.5.29.15", "2.5.29.19", "2.5.29.37"];

/** @param {Certificate} certificate @param {string} constraints @param {string} usage */
const isFor = ({ extensions }, constraints, usage) =>
  hex(extensions.get(CONSTRAINTS) ?? new Uint8Array()) === constraints && hex(extensions.get(USAGE) ?? new Uint8Array()) === usage;

/** Check a seal of HQ over the content, made at this time. @param {Uint8Array} raw @param {Uint8Array} content @param {string} at @returns {Promise<Seal>} */
export async function openSeal(raw, content, at) {
  const signed = await openCms(raw, "data", content);
  const seal = signed.signer;
  const [root, ...more] = signed.certificates.filter((certificate) => !same(certificate.raw, seal.raw));
  if (!root || more.length || signed.certificates.length !== 2) {
    throw new Refused("It brings other certificates than that of the seal and that of the root.");
  }
  if (!isFor(root, "30060101ff020100", "03020106")) throw new Refused("The root's certificate is none of a root of seals.");
  if (!isFor(seal, "3000", "030206c0")) throw new Refused("The seal's certificate is none of a seal.");
  if (!(await issued(root, root))) throw new Refused("The root's certificate was changed: it does not hold.");
  if (!(await issued(seal, root))) throw new Refused("The seal's certificate was not issued by the root.");
  for (const { beginsAt, endsAt } of [seal, root]) {
    if (!(beginsAt <= at && at <= endsAt)) {
      throw new Refused(`It says that it was sealed at ${shown(at)}, when its certificates were not valid.`);
    }
  }
  const [stampedAt, stampedBy] = signed.beside.length ? await openTimestamp(signed) : ["", ""];
  const { name, id } = named(seal.subject);
  return { name, organization: id, root: hex(sha256(root.raw)), stampedAt, stampedBy };
}

/** The time in a timestamp over the seal's signature, and the authority's name. @param {Signed} sealed */
async function openTimestamp(sealed) {
  try {
    return await readTimestamp(sealed);
  } catch (error) {
    throw error instanceof Refused ? new Refused(`its timestamp: ${error.message}`) : error;
  }
}

/** @param {Signed} sealed */
async function readTimestamp(sealed) {
  const [kind, values] = parts(one(sealed.beside, SEQUENCE).body, [OID, SET]);
  if (oid(kind.body) !== TIMESTAMP) throw new Refused("It is none.");
  const signed = await openCms(one(values.body, SEQUENCE).raw, "timestamp", null);
  const said = nodes(one(signed.content, SEQUENCE).body);
  const tags = said.slice(0, 5).map(({ tag }) => tag);
  if (signed.beside.length || tags.join() !== [INTEGER, OID, SEQUENCE, INTEGER, 0x18].join()) throw new Refused("It is none.");
  const [hashed, digest] = parts(said[2].body, [SEQUENCE, OCTETS]);
  if (!same(digest.body, await digestOf(hashOf(hashed.raw), sealed.signature))) throw new Refused("It is over something else.");
  if (hex(signed.signer.extensions.get(PURPOSES) ?? new Uint8Array()) !== "300a06082b06010505070308") {
    throw new Refused("Its certificate is none of a timestamp authority.");
  }
  const at = timeOf(said[4]);
  if (!(signed.signer.beginsAt <= at && at <= signed.signer.endsAt)) {
    throw new Refused("Its certificate was not valid at that time.");
  }
  for (const certificate of signed.certificates) {
    const above = signed.certificates.filter(({ subject }) => same(subject, certificate.issuer));
    let held = !above.length;
    for (const candidate of above) held ||= await issued(certificate, candidate);
    if (!held) throw new Refused("One of its certificates does not hold.");
  }
  return [at, named(signed.signer.subject).name];
}

/** ES256 that is known to hold, and not over anything else: RFC 6979, A.2.5. */
export async function canCheckSeals() {
  const key = unhex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
  );
  const signature = unhex(
    "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
  );
  return (await ecdsaHolds(key, bytesOf("sample"), signature)) && !(await ecdsaHolds(key, bytesOf("simple"), signature));
}
