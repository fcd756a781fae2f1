// Agreements: the steps in a sealed PDF, and the bundle around it, as bin/verify checks them, in the same order and words.

import { ecdsaHolds } from "./verify-der.js";
import { sha256 } from "./verify-hash.js";
import * as tables from "./verify-kinds.js";
import { instant, within } from "./verify-log.js";
import { MOST_EVIDENCE, openPdf } from "./verify-pdf.js";
import { fits, isSound, opening, readStatement, signatureHolds, told, whose, words } from "./verify-signed.js";
import {
  Refused, base64url, byCodeUnit, bytesOf, canonical, hex, looselyRead, readJson, requireCanonical, same, shown, spelled,
  unbase64url, unhex,
} from "./verify-text.js";
import { checkEvent } from "./verify-trail.js";
import { crcOf } from "./verify-zip.js";

/** @typedef {import("./verify-signed.js").Trust} Trust */
/** @typedef {import("./verify-signed.js").Found} Found */
/** @typedef {import("./verify-pdf.js").Sealed} Sealed */

const GENESIS = bytesOf("hq-agreement-v1\0");
const LINK = bytesOf("hq-audit-link-v1\0");
const DETAIL = bytesOf("hq-audit-detail-v1\0");
const ACTS = ["viewed", "consented", "signed", "declined", "delegated"];
const OVER = ["declined", "voided", "expired"];
const DRAFTED = ["created", "replaced"];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @param {any} value @param {Iterable<string>} names */
const hasOnly = (value, names) => Object.keys(value).sort().join() === [...names].sort().join();
/** @param {any} done */
const isDone = (done) => Boolean(done && ("signed" in done || "delegated" in done));
/** @param {Uint8Array[]} raw */
const digest = (...raw) => hex(sha256(...raw));

/** Of a whole file, which may be large: WebCrypto's, which is quicker. @param {Uint8Array | undefined} raw */
const digestOfFile = async (raw) => hex(new Uint8Array(await crypto.subtle.digest("SHA-256", /** @type {any} */ (raw))));

/** The steps of one agreement, followed from the first: links, details, and what may come after what. */
class Chain {
  /** @param {string} agreement */
  constructor(agreement) {
    if (!UUID.test(agreement)) throw new Refused("The id of its agreement is none.");
    this.agreement = agreement;
    this.length = this.missing = this.keys = 0;
    this.head = digest(GENESIS, unhex(agreement.replaceAll("-", "")));
    this.place = "";
    /** @type {any} */
    this.document = {};
    /** @type {string[]} */
    this.asked = [];
    /** @type {Map<string, any>} */
    this.signers = new Map();
    /** @type {Map<string, number>} */
    this.turns = new Map();
    this.at = "";
    this.until = "9";
    this.ended = "";
    /** @type {any} */
    this.seal = null;
  }

  /** The next step. @param {any} line */
  async take(line) {
    fits(line, tables.STEP_LINE, "step");
    const { document, detail } = line;
    fits(document, tables.STEP, "step.document");
    if (!hasOnly(line, Object.keys(tables.STEP_LINE)) || !hasOnly(document, Object.keys(tables.STEP)) || document.v !== 1) {
      throw new Refused("It is no step: it has other members, or is of another version.");
    }
    if (document.agreement !== this.agreement || document.index !== this.length + 1) {
      throw new Refused(`It is step ${document.index}, and ${this.length + 1} of ${this.agreement} comes next.`);
    }
    const place = `${document.organization}\n${document.environment}`;
    this.place ||= place;
    if (place !== this.place) throw new Refused("It is a step of another environment or organization.");
    if (line.previous !== this.head) throw new Refused("It is not linked to the step before it.");
    const link = digest(LINK, unhex(this.head), sha256(canonical(document)));
    if (link !== line.hash) throw new Refused("It was changed; its hash is another.");
    if (detail === null && line.salt === null) {
      this.missing += 1;
    } else if (digest(DETAIL, unhex(line.salt ?? ""), canonical(detail)) !== document.detail) {
      throw new Refused("Its detail is not the one that was committed to.");
    }
    const facts = Object.hasOwn(tables.STEP_FACTS, document.kind) ? /** @type {any} */ (tables.STEP_FACTS)[document.kind] : {};
    fits(document.facts, facts, "step.document.facts");
    this.head = link;
    this.length += 1;
    await this.follow(document, detail ?? {});
  }

  /** What the step means for the agreement. @param {any} document @param {any} detail */
  async follow(document, detail) {
    const { kind, facts, signer } = document;
    const at = instant(document.at);
    if (this.seal || this.ended) throw new Refused(`It comes after the agreement was ${this.ended || "sealed"}.`);
    if (at < this.at) throw new Refused("It is of an earlier time than the step before it.");
    this.at = at;
    this.ended = OVER.includes(kind) ? kind : "";
    const sent = Object.keys(this.document).length > 0;
    if (kind === "sent") {
      this.send(facts, detail);
    } else if (!sent && !DRAFTED.includes(kind)) {
      throw new Refused("It comes before the agreement was sent.");
    } else if (sent && spelled(facts.document) !== spelled(this.document)) {
      throw new Refused("It is about another document than the one that was sent.");
    }
    if ("expires_at" in facts) {
      const until = facts.expires_at.replaceAll("+00:00", "Z");
      fits(until, "a time in UTC", "step.document.facts.expires_at");
      this.until = instant(until);
    }
    if (signer !== null && (ACTS.includes(kind) || kind === "identified")) {
      if (!this.signers.has(signer)) this.signers.set(signer, { methods: [] });
      await this.act(kind, document, detail, this.signers.get(signer));
    }
    if (kind === "corrected" && this.signers.has(signer)) this.correct(this.signers.get(signer));
    if (kind === "sealed") {
      this.requireWhole();
      this.seal = facts;
    }
  }

  /** What is asked, and of whom. The order of turns stands in the detail. @param {any} facts @param {any} detail */
  send(facts, detail) {
    if (Object.keys(this.document).length) throw new Refused("It was sent once before.");
    fits(detail, tables.SENT_DETAIL, "step.detail");
    const [ids, people] = [facts.signers ?? [], detail.signers ?? []];
    this.document = facts.document;
    if (!people.length || people.length !== ids.length) return;
    this.asked = ids.filter((/** @type {string} */ _, /** @type {number} */ at) => people[at].kind !== "viewer");
    this.turns = new Map(ids.map((/** @type {string} */ id, /** @type {number} */ at) => [id, people[at].turn ?? 1]));
  }

  /** Somebody else comes by another link: what was looked at before was not by them. @param {any} done */
  correct(done) {
    if ("consented" in done || isDone(done)) throw new Refused("It is a correction of somebody who has agreed already.");
    delete done.viewed;
  }

  /** What a signer does, which has its order. @param {string} kind @param {any} document @param {any} detail @param {any} done */
  async act(kind, document, detail, done) {
    const { facts, at, signer } = document;
    if (kind === "identified") {
      if (facts.outcome === "ok") done.methods.push(facts.method);
      return;
    }
    if (isDone(done)) throw new Refused("It is an act of somebody who has signed already, or handed it on.");
    const before = { consented: "viewed", signed: "consented" }[kind];
    if (before && !(before in done)) throw new Refused(`Nobody has ${kind} who has not ${before}.`);
    if (kind in done) throw new Refused(`Nobody has ${kind} twice.`);
    this.requireTurn(kind, signer);
    done[kind] = at;
    done.name = detail.name ?? null;
    done.email = detail.email ?? null;
    if (kind === "consented") done.consent = facts.consent;
    if (kind === "delegated" && this.turns.size) {
      if (this.turns.has(facts.to)) throw new Refused("It is handed on to somebody who was asked already.");
      this.asked.push(facts.to);
      this.turns.set(facts.to, /** @type {number} */ (this.turns.get(signer)));
    }
    if (kind === "signed") await this.sign(document, detail, done);
  }

  /** They were asked to do it, and their time has come and is not over. @param {string} kind @param {string} signer */
  requireTurn(kind, signer) {
    if (this.at >= this.until) throw new Refused("It was too late: by then the agreement had expired.");
    if (!this.turns.size) return;
    const turn = this.turns.get(signer);
    if (turn === undefined || (kind !== "viewed" && !this.asked.includes(signer))) {
      throw new Refused("It is an act of somebody who was not asked for it.");
    }
    for (const other of this.asked) {
      if (/** @type {number} */ (this.turns.get(other)) < turn && !isDone(this.signers.get(other))) {
        throw new Refused(`It is not their turn: ${other} comes before them, and had not signed.`);
      }
    }
  }

  /** What was signed, and by which key of theirs. @param {any} document @param {any} detail @param {any} done */
  async sign(document, detail, done) {
    const { facts } = document;
    const consent = done.consent.sha256;
    const brought = detail.passkey ?? null;
    done.how = facts.how;
    done.passkey = facts.passkey;
    if ((facts.consent_sha256 ?? consent) !== consent) throw new Refused("It names another consent than the one that was agreed to.");
    if ("fields" in detail && "signature" in detail) {
      const filled = canonical({ fields: detail.fields, signature: detail.signature });
      if (digest(filled) !== facts.fields_sha256) throw new Refused("What was filled in is not what was signed.");
    }
    if (Object.keys(detail).length && facts.passkey !== (brought !== null)) {
      throw new Refused("Whether a passkey signed is said in two ways.");
    }
    if (brought !== null) {
      await within("its passkey", () => requirePasskey(brought, document, consent));
      this.keys += 1;
    }
  }

  requireWhole() {
    const left = [...this.signers].filter(([, done]) => "consented" in done && !isDone(done)).map(([signer]) => signer);
    left.push(...this.asked.filter((signer) => !isDone(this.signers.get(signer))));
    if (left.length || ![...this.signers.values()].some((done) => "signed" in done)) {
      throw new Refused(`It was sealed before ${left[0] ?? "anybody"} had signed.`);
    }
  }

  /** It is of these steps, and says of those who signed what the steps say. @param {any} said */
  requireCertificate(said) {
    fits(said, tables.CERTIFICATE, "certificate");
    const isOfThese = said.agreement === this.agreement && said.head === this.head && said.length === this.length;
    if (!isOfThese || said.document.sha256 !== this.document.sha256) throw new Refused("The certificate is of other steps.");
    const signed = new Map([...this.signers].filter(([, done]) => "signed" in done));
    const named = said.signers.filter((/** @type {any} */ one) => one.signed_at).map((/** @type {any} */ one) => one.id);
    if (spelled(named.sort()) !== spelled([...signed.keys()].sort())) {
      throw new Refused("The certificate names others as those who signed.");
    }
    for (const one of said.signers) {
      const done = signed.get(one.id) ?? {};
      const known = ["name", "email", "how", "passkey", "consent"].map((name) => [name, done[name]]);
      known.push(...["viewed", "consented", "signed"].map((kind) => [`${kind}_at`, done[kind]]));
      const differs = known.some(([name, value]) => (value ?? null) !== null && spelled(one[name] ?? null) !== spelled(value));
      if (differs) throw new Refused(`The certificate says of ${shown(one.id)} what no step says.`);
    }
  }

  /** Who did what, by id. What they are called comes last. */
  told() {
    const lines = [];
    for (const [signer, done] of this.signers) {
      const acts = ["viewed", "consented", "signed", "delegated"].filter((kind) => kind in done).map((kind) => `${kind} at ${done[kind]}`);
      lines.push(`Signer ${signer}: ${acts.join(", ") || "did nothing"}`);
      if (!("signed" in done)) continue;
      const ways = [...new Set(done.methods)].join(", ") || "nothing";
      lines.push(`  to the consent ${done.consent.language}-${done.consent.version}, ${done.how}, identified by: ${ways}`);
      lines.push(`  with a passkey of their own: ${words(done.passkey)}`);
    }
    for (const [signer, done] of this.signers) {
      if ((done.name ?? null) === null) continue;
      lines.push(`Signer ${signer} is called "${words(done.name)}"`, `  and was written to at "${words(done.email)}"`);
    }
    return lines.map(shown);
  }
}

/** This key, with its owner verified, signed this agreement, consent, document and fields. @param {any} brought @param {any} document @param {string} consent */
async function requirePasskey(brought, document, consent) {
  fits(brought, tables.PASSKEY, "passkey");
  const [key, data, client, signature] = Object.keys(tables.PASSKEY).map((name) => unbase64url(brought[name]));
  if (!key || !data || !client || !signature) throw new Refused("It is not base64url in its one spelling.");
  const said = readJson(client);
  fits(said, { type: "a text", challenge: "a text", origin: "a text" }, "client_data");
  const challenge = {
    agreement: document.agreement,
    consent_sha256: consent,
    document_sha256: document.facts.document.sha256,
    fields_sha256: document.facts.fields_sha256,
    signer: document.signer,
  };
  if (said.type !== "webauthn.get" || said.challenge !== base64url(sha256(canonical(challenge)))) {
    throw new Refused("It signed something else than this.");
  }
  const labels = /^https?:\/\/([^/:@]+)(?::\d+)?$/.exec(said.origin)?.[1].split(".") ?? [];
  const site = data.subarray(0, 32);
  if (!labels.some((_, at) => same(sha256(bytesOf(labels.slice(at).join("."))), site))) {
    throw new Refused("It signed for another site than it says.");
  }
  if (data.length < 37 || (data[32] & 5) !== 5) throw new Refused("It does not say that its owner was verified.");
  const message = new Uint8Array([...data, ...sha256(client)]);
  if (!(await passkeyHolds(cborMap(key), message, signature))) throw new Refused("Its signature does not hold.");
}

/** ES256 or Ed25519 (RFC 9053). @param {Map<number, any>} key @param {Uint8Array} message @param {Uint8Array} signature */
async function passkeyHolds(key, message, signature) {
  const kind = [1, 3, -1].map((name) => key.get(name)).join();
  const [x, y] = [key.get(-2), key.get(-3)];
  if (kind === "2,-7,1" && x instanceof Uint8Array && y instanceof Uint8Array) {
    return ecdsaHolds(Uint8Array.of(4, ...x, ...y), message, signature);
  }
  if (kind === "1,-8,6" && x instanceof Uint8Array && isSound(x)) return signatureHolds(x, message, signature);
  throw new Refused("Its key is of a kind that is not known here.");
}

/** A COSE key: whole numbers, and what they stand for, which is a number or bytes (RFC 8949). @param {Uint8Array} raw */
function cborMap(raw) {
  const found = new Map();
  let at = 1;
  const item = () => {
    const [kind, more] = [raw[at] >> 5, raw[at] & 31];
    const width = { 24: 1, 25: 2 }[more] ?? 0;
    if (at >= raw.length || more > 25 || kind > 2) throw new Refused("Its key cannot be read.");
    const value = width ? raw.subarray(at + 1, at + 1 + width).reduce((sum, byte) => sum * 256 + byte, 0) : more;
    at += 1 + width;
    if (kind === 0) return value;
    if (kind === 1) return -1 - value;
    at += value;
    return raw.subarray(at - value, at);
  };
  for (let left = raw[0] >> 5 === 5 ? raw[0] & 31 : 0; left; left -= 1) {
    const name = item();
    found.set(name, item());
  }
  if (at !== raw.length) throw new Refused("Its key cannot be read.");
  return found;
}

// ---- a sealed PDF

/** The steps that a sealed PDF carries along. @param {Sealed} sealed */
async function followEvidence({ evidence, seal }) {
  const chain = await within("evidence.json", async () => {
    fits(evidence, { type: "a text", v: "an integer", certificate: {}, steps: [{}] }, "evidence");
    const isEvidence = evidence.type === "hq/agreement-evidence" && evidence.v === 1;
    if (!hasOnly(evidence, ["type", "v", "certificate", "steps"]) || !isEvidence) {
      throw new Refused("It is no evidence of an agreement, or one of another version.");
    }
    const { steps } = evidence;
    if (!steps.length) throw new Refused("It has no steps.");
    fits(steps[0], { document: { agreement: "one word" } }, "evidence.steps[0]");
    const found = new Chain(steps[0].document.agreement);
    for (const [index, step] of steps.entries()) await within(`step ${index + 1}`, () => found.take(step));
    if (found.seal) throw new Refused("It has a step of the seal that it was made for.");
    found.requireWhole();
    found.requireCertificate(evidence.certificate);
    return found;
  });
  if (seal.organization !== chain.place.split("\n")[0]) {
    throw new Refused("It is sealed by another organization than its steps are of.");
  }
  return chain;
}

/** @param {Sealed} sealed */
const toldOfSeal = ({ seal, at }) => [
  `Sealed at ${at}, level ${seal.stampedAt ? "B-T" : "B-B"}, by organization ${shown(seal.organization)}`,
  `  below the root with the SHA-256 ${seal.root}`,
  ...(seal.stampedAt ? [`  Timestamp of another: ${seal.stampedAt}`] : []),
];

/** @param {Sealed} sealed */
const namesOfSeal = ({ seal, reason }) => [
  `The seal calls the organization "${words(seal.name)}"`,
  `and the seal's reason is "${words(reason)}"`,
];

/** @param {Chain} chain */
const toldOfDocument = ({ document }) => [
  `Document: version ${document.version}, pages: ${document.pages}, SHA-256 ${document.sha256}`,
];

/** @param {Sealed} sealed @param {Chain} chain @param {Trust} trust */
const limitsOf = ({ seal }, { missing }, trust) => [
  ...(trust.roots.size ? [] : [tables.WHOSE_ROOT]),
  ...tables.AGREEMENT_LIMITS,
  seal.stampedAt ? tables.STAMPED.replace("{}", () => words(seal.stampedBy)) : tables.OWN_CLOCK,
  ...(missing ? [`  What the details of ${missing} steps say: they are not there.`] : []),
];

/** @param {Chain} chain @param {number} size */
const checkedOf = ({ length, missing, keys, turns }, size) => [
  `Seal: over all ${size} bytes, by the certificate in it, which the root vouches for`,
  `Steps: ${length}, each linked to the one before it, the first to the agreement's id`,
  `Details: ${length - missing}, each the one that was committed to; not there: ${missing}`,
  "Order: nobody signed without having seen the document and agreed to the consent; all who were asked did",
  turns.size
    ? "Turns: no step is of an earlier time than the one before it, and nobody acted before their turn or too late"
    : "Times: no step is of an earlier time than the one before it; whose turn it was is not there to be read",
  `Passkeys: ${keys} signatures, each over agreement, document, consent and fields`,
];

/** @param {Sealed} sealed @param {Trust} trust */
function expectRoot({ seal }, trust) {
  if (trust.roots.size && !trust.roots.has(seal.root)) {
    throw new Refused(`It is sealed below the root ${seal.root}, which is not the one that you expected.`);
  }
}

/** @param {Uint8Array} raw @param {Trust} trust @returns {Promise<Found>} */
export async function checkPdf(raw, trust) {
  const sealed = await openPdf(raw);
  expectRoot(sealed, trust);
  const chain = await followEvidence(sealed);
  return {
    kid: null,
    told: [
      `Sealed PDF of the agreement ${chain.agreement}:`,
      ...toldOfSeal(sealed),
      ...toldOfDocument(chain),
      ...chain.told(),
      ...namesOfSeal(sealed),
    ],
    checked: checkedOf(chain, raw.length),
    limits: [...limitsOf(sealed, chain, trust), tables.PDF_ALONE],
    root: sealed.seal.root,
  };
}

// ---- the bundle

/** @typedef {{name: string, raw: Uint8Array, crc: number}} Packed */

/** The one ZIP that has these members. @param {Packed[]} members */
function packed(members) {
  const names = members.map(({ name }) => bytesOf(name));
  const sum = (/** @type {number} */ fixed) => names.reduce((size, { length }) => size + fixed + length, 0);
  const found = new Uint8Array(sum(30) + members.reduce((size, { raw }) => size + raw.length, 0) + sum(46) + 22);
  const view = new DataView(found.buffer);
  const offsets = [];
  let at = 0;
  const put = (/** @type {[number, number][]} */ ...fields) => {
    for (const [width, value] of fields) {
      if (width === 2) view.setUint16(at, value, true);
      else view.setUint32(at, value, true);
      at += width;
    }
  };
  const bytes = (/** @type {Uint8Array} */ raw) => {
    found.set(raw, at);
    at += raw.length;
  };
  const common = (/** @type {Packed} */ { raw, crc }, /** @type {number} */ length) =>
    /** @type {[number, number][]} */ ([[2, 20], [2, 0], [2, 0], [2, 0], [2, 0x21], [4, crc], [4, raw.length], [4, raw.length], [2, length], [2, 0]]);
  for (const [index, member] of members.entries()) {
    offsets.push(at);
    put([4, 0x04034b50], ...common(member, names[index].length));
    bytes(names[index]);
    bytes(member.raw);
  }
  const begin = at;
  for (const [index, member] of members.entries()) {
    put([4, 0x02014b50], [2, 0x314], ...common(member, names[index].length), [2, 0], [2, 0], [2, 0], [4, (0o600 << 16) >>> 0], [4, offsets[index]]);
    bytes(names[index]);
  }
  put([4, 0x06054b50], [2, 0], [2, 0], [2, members.length], [2, members.length], [4, at - begin], [4, begin], [2, 0]);
  return found;
}

/** The members, in their order; any other spelling is refused. @param {Uint8Array} raw */
function unpacked(raw) {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  /** @type {Packed[]} */
  const found = [];
  for (let at = 0; at + 30 <= raw.length && view.getUint32(at, true) === 0x04034b50; ) {
    const begin = at + 30 + view.getUint16(at + 26, true);
    const size = view.getUint32(at + 18, true);
    const name = Array.from(raw.subarray(at + 30, begin), (byte) => (byte < 128 ? String.fromCharCode(byte) : "\ufffd")).join("");
    found.push({ name, raw: raw.subarray(begin, begin + size), crc: view.getUint32(at + 14, true) });
    at = begin + size;
  }
  const again = packed(found);
  let same = 0;
  while (same < raw.length && same < again.length && raw[same] === again[same]) same += 1;
  if (same < raw.length || same < again.length) throw new Refused(`It is not packed as HQ packs it, from byte ${same} on.`);
  const names = found.map(({ name }) => name);
  const consents = names.slice(3, -3);
  const due = ["agreement.pdf", ...names.slice(1, 2), "chain.jsonl", ...consents, "certificate.json", "event-proof.json", "statement.json"];
  const right = consents.every((name) => /^consent-[a-z-]{2,8}-[0-9A-Za-z.]{1,20}[.]txt$/.test(name));
  const inOrder = consents.join() === [...new Set(consents)].sort(byCodeUnit).join();
  if (names.join("\n") !== due.join("\n") || !["original.pdf", "original.md"].includes(names[1]) || !right || !inOrder) {
    throw new Refused(`It has other members than a bundle, or in another order: ${shown(names.join(", ")).slice(0, 300)}`);
  }
  for (const { name, raw: content, crc } of found) {
    if (crcOf(content) !== crc) throw new Refused(`${name} is damaged: its checksum is another.`);
  }
  return new Map(found.map(({ name, raw: content }) => [name, content]));
}

/** @param {Uint8Array} raw @param {Trust} trust @returns {Promise<Found>} */
export async function checkBundle(raw, trust) {
  const files = unpacked(raw);
  const file = (/** @type {string} */ name) => /** @type {Uint8Array} */ (files.get(name));
  const { statement, kid } = await within("statement.json", async () => {
    const found = await readStatement(file("statement.json"), trust);
    files.delete("statement.json");
    if (found.statement.type !== "hq/agreement") throw new Refused("It is no statement of an agreement.");
    const names = found.statement.files.map((/** @type {any} */ { name }) => name);
    if (names.join("\n") !== [...files.keys()].join("\n")) throw new Refused("It lists other files than are there.");
    return found;
  });
  for (const { name, sha256: due, size } of statement.files) {
    if ((await digestOfFile(file(name))) !== due || file(name).length !== Number(size)) {
      throw new Refused(`${name} is not the file that was signed: its SHA-256 or its size is another.`);
    }
  }
  const { chain, lines } = await followChain(file("chain.jsonl"), statement);
  const { sealed, before } = await within("agreement.pdf", async () => {
    const found = await openPdf(file("agreement.pdf"));
    expectRoot(found, trust);
    return { sealed: found, before: await followEvidence(found) };
  });
  await requireTogether(files, chain, sealed, lines);
  const proved = await within("event-proof.json", () => proveSealing(file("event-proof.json"), statement, chain, trust));
  return {
    kid,
    told: [
      opening("Bundle of an agreement", statement),
      ...told(tables.AGREEMENT, statement),
      ...toldOfSeal(sealed),
      ...toldOfDocument(chain),
      ...before.told(),
      ...namesOfSeal(sealed),
    ],
    checked: [
      "Statement: its one spelling, its fields, its signature",
      `Files: ${files.size}, each with the size and the SHA-256 that were signed, packed in the one way there is`,
      ...checkedOf(chain, file("agreement.pdf").length),
      "Document: the original has the SHA-256 that every step names; so has every consent",
      ...proved.checked,
    ],
    limits: [...new Set([...whose(trust, statement.issuer), ...limitsOf(sealed, chain, trust), ...proved.limits])],
  };
}

/** @param {Uint8Array} raw @param {any} statement */
async function followChain(raw, statement) {
  const chain = new Chain(statement.agreement);
  const lines = [];
  if (raw.length && raw.at(-1) !== 10) throw new Refused("chain.jsonl does not end with a whole line.");
  for (let at = 0; at < raw.length; ) {
    const end = raw.indexOf(10, at);
    const line = raw.subarray(at, end);
    await within(`chain.jsonl, line ${lines.length + 1}`, async () => {
      const found = readJson(line, true, MOST_EVIDENCE);
      requireCanonical(found, line);
      await chain.take(found);
      lines.push(found);
    });
    at = end + 1;
  }
  if (!chain.seal) throw new Refused("chain.jsonl does not end with the seal: its tail was cut.");
  if (chain.head !== statement.head || chain.length !== statement.length) {
    throw new Refused("chain.jsonl does not lead to the head that was signed.");
  }
  if (chain.place.split("\n")[0] !== statement.organization.id) {
    throw new Refused("chain.jsonl is of another organization than the statement.");
  }
  return { chain, lines };
}

/** The files say the same of each other. @param {Map<string, Uint8Array>} files @param {Chain} chain @param {Sealed} sealed @param {any[]} lines */
async function requireTogether(files, chain, sealed, lines) {
  const facts = chain.seal;
  const pdf = /** @type {Uint8Array} */ (files.get("agreement.pdf"));
  if (facts.pdf_sha256 !== (await digestOfFile(pdf)) || Number(facts.size) !== pdf.length) {
    throw new Refused("agreement.pdf is not the file that the step of its sealing names.");
  }
  if (facts.level !== (sealed.seal.stampedAt ? "B-T" : "B-B")) {
    throw new Refused("agreement.pdf has a seal of another level than the step of its sealing says.");
  }
  if (spelled(sealed.evidence.steps) !== spelled(lines.slice(0, -1))) {
    throw new Refused("agreement.pdf carries other steps along than chain.jsonl has.");
  }
  if (spelled(sealed.evidence.certificate) !== looselyRead(/** @type {Uint8Array} */ (files.get("certificate.json")))) {
    throw new Refused("certificate.json is not the certificate that agreement.pdf carries along.");
  }
  const [original, content] = /** @type {[string, Uint8Array]} */ ([...files].find(([name]) => name.startsWith("original.")));
  if ((await digestOfFile(content)) !== chain.document.sha256) throw new Refused(`${original} is not the document that the steps name.`);
  const consents = [...chain.signers.values()].filter((done) => "consent" in done).map((done) => done.consent);
  const agreed = new Set(consents.map(({ language, version, sha256: due }) => `consent-${language}-${version}.txt\n${due}`));
  const there = new Set([...files].filter(([name]) => name.startsWith("consent-")).map(([name, one]) => `${name}\n${digest(one)}`));
  for (const pair of [...agreed, ...there].sort(byCodeUnit)) {
    if (agreed.has(pair) && there.has(pair)) continue;
    throw new Refused(`${shown(pair.split("\n")[0])} is not the consent that was agreed to, or is missing.`);
  }
}

/** The event in the trail by which the agreement was sealed. @param {Uint8Array} raw @param {any} statement @param {Chain} chain @param {Trust} trust */
async function proveSealing(raw, statement, chain, trust) {
  const event = readJson(raw, true);
  fits(event, tables.EVENT_PROOF, "event");
  const found = await checkEvent(raw, event, trust, unbase64url(statement.signed_by.x));
  const { document, detail } = event;
  if (document.tag !== "agreement:sealed" || document.target.id !== chain.agreement) {
    throw new Refused("It is the proof of another event than the sealing of this agreement.");
  }
  if (`${document.organization}\n${document.environment}` !== chain.place) {
    throw new Refused("It is an event of another environment or organization.");
  }
  const said = { head: chain.head, length: chain.length, pdf_sha256: chain.seal.pdf_sha256 };
  if (!detail?.after || spelled(detail.after) !== spelled(said)) {
    throw new Refused("It says of the agreement's chain something else than the chain says.");
  }
  return found;
}
