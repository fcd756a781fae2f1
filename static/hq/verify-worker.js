// Checks one file at a time beside the page, so that a large one does not hold it up. Nothing leaves this machine: it is
// told a file and whose word to take, and tells a verdict. Its modules are loaded before it says that it is ready.

import { canCheckSeals } from "./verify-der.js";
import { agreesWithWebCrypto } from "./verify-hash.js";
import { verdictOn } from "./verify-look.js";
import { canCheckSignatures, trustIn } from "./verify-signed.js";
import { Unusable } from "./verify-text.js";

addEventListener("message", async ({ data }) => {
  const { file, said } = data;
  try {
    const progress = (/** @type {number} */ done, /** @type {number} */ total) => postMessage({ done, total });
    postMessage({ result: await verdictOn(file, trustIn(said), progress) });
  } catch (error) {
    if (error instanceof Unusable) postMessage({ unusable: error.message });
    else postMessage({ unusable: `The file could not be read: ${/** @type {Error} */ (error).message}` });
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
