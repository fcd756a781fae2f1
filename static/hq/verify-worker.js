// Checks one thing at a time beside the page, so that a large one does not hold it up. Nothing leaves this machine: it is
// told a file or a folder and whose word to take, and tells a verdict; or told to remember what it sees, or no longer.
// Its modules are loaded before it says that it is ready.

import { canCheckSeals } from "./verify-der.js";
import { agreesWithWebCrypto } from "./verify-hash.js";
import { verdictOn } from "./verify-look.js";
import { Memory } from "./verify-memory.js";
import { canCheckSignatures, trustIn } from "./verify-signed.js";
import { MAX_BYTES, Unusable } from "./verify-text.js";

let memory = /** @type {Memory | null} */ (null);

/** What was seen, to be kept: its text, and of how many checkpoints it is. */
const seen = () => memory && { text: memory.text(), count: [...memory.seen.values()].reduce((sum, sizes) => sum + sizes.size, 0) };

/** @param {File | boolean} from what was kept before; true if nothing was, false to forget all */
async function remember(from) {
  memory = null;
  if (from instanceof File) {
    memory = new Memory({ name: from.name, raw: new Uint8Array(await from.slice(0, MAX_BYTES + 1).arrayBuffer()) });
  } else if (from) {
    memory = new Memory();
  }
}

addEventListener("message", async ({ data }) => {
  const progress = (/** @type {number} */ done, /** @type {number} */ total) => postMessage({ done, total });
  try {
    const result = "remember" in data ? await remember(data.remember) : await verdictOn(data.thing, trustIn(data.said, memory), progress);
    postMessage({ result, seen: seen() });
  } catch (error) {
    const why = error instanceof Unusable ? error.message : `The file could not be read: ${/** @type {Error} */ (error).message}`;
    postMessage({ unusable: why, seen: seen() });
  }
});

/** Why nothing can be checked here; "" when all can. */
async function lacking() {
  if (!globalThis.isSecureContext) return "A browser gives signatures to pages that came by HTTPS only.";
  if (!("DecompressionStream" in globalThis)) return "This browser cannot open a ZIP in a page.";
  if (!(await agreesWithWebCrypto())) return "This browser computes SHA-256 in two ways that do not agree.";
  if (!(await canCheckSeals())) return "This browser cannot check ECDSA signatures.";
  return (await canCheckSignatures()) ? "" : "This browser cannot check Ed25519 signatures.";
}

postMessage({ ready: true, lacking: await lacking() });
