// <hq-passkey data-act="get|create" data-options="id of a JSON block" or data-from="address of options">
//   <form>… <input type="hidden" name="credential"> … <button type="submit"> … <p class="hq-error" data-fault hidden>
// </hq-passkey>: before the form is sent, the browser is asked for a passkey and its answer put into `credential`.
// A browser without WebAuthn never sees the element. The server checks everything that is said here.

const REFUSED = "It was not used. You can try again.";

/** @param {string} text */
function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** @param {ArrayBuffer} buffer */
function text(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** What JSON cannot hold is bytes again. @param {any} options */
function opened(options) {
  const known = (/** @type {any} */ key) => ({ ...key, id: bytes(key.id) });
  const made = { ...options, challenge: bytes(options.challenge) };
  if (options.user) made.user = { ...options.user, id: bytes(options.user.id) };
  if (options.allowCredentials) made.allowCredentials = options.allowCredentials.map(known);
  if (options.excludeCredentials) made.excludeCredentials = options.excludeCredentials.map(known);
  return made;
}

/** The credential as the server reads it. @param {any} credential */
function told(credential) {
  const response = {};
  for (const name of ["attestationObject", "authenticatorData", "clientDataJSON", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
    response,
  };
}

class HqPasskey extends HTMLElement {
  #busy = false;

  connectedCallback() {
    this.hidden = !window.PublicKeyCredential;
    this.addEventListener("submit", this.#submitted);
  }

  get #credential() {
    return /** @type {HTMLInputElement} */ (this.querySelector("[name=credential]"));
  }

  /** @param {SubmitEvent} event */
  #submitted = async (event) => {
    if (this.#credential.value) return;
    event.preventDefault();
    if (this.#busy) return;
    this.#busy = true;
    this.#say("");
    try {
      this.#credential.value = JSON.stringify(told(await this.#asked()));
    } catch (error) {
      return this.#say(this.#reason(error));
    } finally {
      this.#busy = false;
    }
    /** @type {HTMLFormElement} */ (event.target).requestSubmit();
  };

  async #asked() {
    const options = opened((await this.#options()).publicKey);
    if (this.dataset.act !== "create") return navigator.credentials.get({ publicKey: options });
    const alone = /** @type {HTMLInputElement | null} */ (this.querySelector("[name=passwordless]"))?.checked;
    options.authenticatorSelection = {
      ...options.authenticatorSelection,
      residentKey: alone ? "required" : "discouraged",
      requireResidentKey: alone,
      userVerification: alone ? "required" : "preferred",
    };
    return navigator.credentials.create({ publicKey: options });
  }

  async #options() {
    if (!this.dataset.from) {
      const block = document.getElementById(/** @type {string} */ (this.dataset.options));
      return JSON.parse(/** @type {HTMLElement} */ (block).textContent ?? "");
    }
    const answer = await fetch(this.dataset.from, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error("Too many attempts. Wait a minute and try again.");
    return (await answer.json()).request_options;
  }

  /** @param {any} error */
  #reason(error) {
    if (error.name === "InvalidStateError") return "This one is part of your account already.";
    if (error.name === "SecurityError") return "Passkeys work only at this server's own address.";
    return error.name === "Error" ? error.message : REFUSED;
  }

  /** @param {string} words */
  #say(words) {
    const place = /** @type {HTMLElement} */ (this.querySelector("[data-fault]"));
    place.textContent = words;
    place.hidden = !words;
  }
}

customElements.define("hq-passkey", HqPasskey);
