/* Passkeys: asks the site for a question, lets the browser answer, and sends the answer back.
 *
 * A page has <div data-passkey="make|use" data-question data-answer data-token hidden> with a button and a paragraph for
 * problems. Without this script, or in a browser without passkeys, the div stays hidden.
 */
(function () {
  "use strict";

  const boxes = document.querySelectorAll("[data-passkey]");
  const isAddress = /^[0-9.]+$|:/.test(window.location.hostname); // browsers know passkeys only for names
  if (isAddress || !window.PublicKeyCredential || !navigator.credentials || !window.isSecureContext) {
    return;
  }
  document.querySelectorAll("[data-passkey-missing]").forEach((each) => each.remove());

  function toBytes(text) {
    const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(raw, (sign) => sign.charCodeAt(0));
  }

  function toText(buffer) {
    const raw = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(raw).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function known(list) {
    return (list || []).map((each) => Object.assign({}, each, { id: toBytes(each.id) }));
  }

  async function post(url, token, body) {
    const answer = await fetch(url, {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
    });
    const content = await answer.json();
    if (!answer.ok) {
      throw new Error(content.message || "");
    }
    return content;
  }

  async function make(question) {
    const made = await navigator.credentials.create({
      publicKey: Object.assign({}, question, {
        challenge: toBytes(question.challenge),
        user: Object.assign({}, question.user, { id: toBytes(question.user.id) }),
        excludeCredentials: known(question.excludeCredentials),
      }),
    });
    return packed(made, {
      attestationObject: toText(made.response.attestationObject),
      transports: made.response.getTransports ? made.response.getTransports() : [],
    });
  }

  async function use(question) {
    const used = await navigator.credentials.get({
      publicKey: Object.assign({}, question, {
        challenge: toBytes(question.challenge),
        allowCredentials: known(question.allowCredentials),
      }),
    });
    return packed(used, {
      authenticatorData: toText(used.response.authenticatorData),
      signature: toText(used.response.signature),
      userHandle: used.response.userHandle ? toText(used.response.userHandle) : null,
    });
  }

  function packed(credential, more) {
    return {
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      clientExtensionResults: {},
      response: Object.assign({ clientDataJSON: toText(credential.response.clientDataJSON) }, more),
    };
  }

  boxes.forEach((box) => {
    const button = box.querySelector("button");
    const problem = box.querySelector(".passkey-problem");
    box.hidden = false;
    button.addEventListener("click", async () => {
      button.setAttribute("aria-busy", "true");
      problem.hidden = true;
      try {
        const question = await post(box.dataset.question, box.dataset.token, {});
        const answer = await (box.dataset.passkey === "make" ? make(question) : use(question));
        const done = await post(box.dataset.answer, box.dataset.token, answer);
        window.location.assign(done.location);
      } catch (error) {
        problem.textContent = error.name === "Error" && error.message ? error.message : problem.dataset.refused;
        problem.hidden = false;
      } finally {
        button.removeAttribute("aria-busy");
      }
    });
  });
})();
