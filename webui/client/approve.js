/**
 * The page on which a trustee approves or refuses a request: form in, sealed answer out.
 *
 * Invariant: password and share go to the worker and nowhere else; the inputs that hold them have no name, so that no
 * form can send them either.
 *
 * What the page must hold (templates/_approval.html makes it):
 *
 *     <script type="application/json" id="approval">
 *       request, key_use, label, capsule_digest, purpose, deadline      as DecryptionRequested records them
 *       requester, members[]        who asks; all accounts that are active members
 *       capsule                     the file
 *       model_context               context of the round that made the model; "" for a record
 *       epoch, index, public_share, threshold_key, expires_at           of the committee that was asked; place and share
 *                                   of this trustee
 *       chain_id, authority, consortium
 *       trustee, trustee_key_epoch  account, epoch of its member key
 *       nonce, fees{gas, max_fee_per_gas, max_priority_fee_per_gas}     of the transaction
 *       recipients[{key_id, public_key}]  the requester; of a model every active member with a key that is no trustee
 *       submit_url                  of this site
 *     form[data-approval] with [data-kit], [data-password], [data-reason], [data-approve], [data-refuse],
 *       [data-progress], [data-problem] and input[name=csrf_token]
 *
 * Bytes are hex, with or without 0x; points are compressed (33 bytes), public_key is uncompressed (65 bytes); whole numbers are
 * JSON numbers or decimal digits; times are seconds since 1970. Other fields are left alone.
 *
 * What the site gets: POST submit_url, JSON {envelope, transaction}, hex; envelope is null in a refusal; the CSRF token is
 * in the header X-CSRFToken. It checks that envelope's SHA-256 is what the transaction approves, and sends the transaction.
 * It answers 303, or 200 and JSON {location}; else a status from 400 and JSON {error, message}, which is shown.
 *
 * Source: PROTOCOL.md 9 (Requests; At rest).
 * Not here: the calculation (worker.js and below).
 */

import { Refused } from "./errors.js";
import { LOCKBOX_CAP } from "./lockbox.js";

const STEPS = {
  reading: "Reading your key file …",
  checking: "Checking the request …",
  opening: "Opening your key file. This takes some seconds on purpose …",
  computing: "Computing and sealing your answer …",
  sending: "Sending your answer …",
};

/**
 * Make the form of this page work.
 * @param {HTMLFormElement} form
 * @param {Record<string, any>} facts The page's JSON block.
 * @param {string} script Where this file came from; the worker is the same file.
 */
export function control(form, facts, script) {
  const one = (name) => form.querySelector(`[data-${name}]`);
  const buttons = [one("approve"), one("refuse")];
  const show = (step) => { one("progress").textContent = step === null ? "" : STEPS[step]; };

  const answer = async (reason) => {
    if (!form.reportValidity()) {
      return;
    }
    tell(one("problem"), null);
    buttons.forEach((button) => { button.disabled = true; });
    form.setAttribute("aria-busy", "true");
    try {
      show("reading");
      const kit = await readKit(one("kit").files[0]);
      const job = { facts, kit, reason, password: one("password").value, now: Math.floor(Date.now() / 1000) };
      one("password").value = "";
      const sealed = await compute(script, job, show);
      show("sending");
      window.location.assign(await send(facts.submit_url, form.elements.csrf_token.value, sealed));
    } catch (error) {
      tell(one("problem"), error instanceof Refused ? error : new Refused("WorkerFailed"));
      buttons.forEach((button) => { button.disabled = false; });
      show(null);
    } finally {
      one("password").value = "";
      form.removeAttribute("aria-busy");
    }
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer(event.submitter === one("refuse") ? Number(one("reason").value) : null);
  });
  buttons.forEach((button) => { button.disabled = false; });
}

/** Return the bytes of the chosen file, or refuse one that is no kit by its size. */
async function readKit(file) {
  if (file.size > LOCKBOX_CAP) {
    throw new Refused("KeystoreUnreadable", { why: `it has more than ${LOCKBOX_CAP} bytes` });
  }
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Refused("KeystoreUnreadable", { why: "this browser cannot read it" });
  }
}

/**
 * Run one job in a worker, which ends with it.
 * @param {string} script
 * @param {import("./worker.js").Job} job
 * @param {(step: string) => void} show
 * @returns {Promise<{envelope: string | null, transaction: string}>}
 */
function compute(script, job, show) {
  const worker = new Worker(script);
  const done = new Promise((resolve, reject) => {
    worker.addEventListener("error", () => reject(new Refused("WorkerFailed")));
    worker.addEventListener("message", ({ data }) => {
      if (data.step !== undefined) {
        show(data.step);
      } else if (data.error !== undefined) {
        reject(Refused.told(data.error, data.message));
      } else {
        resolve(data);
      }
    });
    worker.postMessage(job, [job.kit.buffer]);
  });
  return done.finally(() => worker.terminate());
}

/** Hand the answer to the site and return where to go next. */
async function send(address, token, answer) {
  const url = ownAddress(address);
  let response;
  let said;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
      body: JSON.stringify({ envelope: answer.envelope, transaction: answer.transaction }),
    });
    said = response.redirected ? { location: response.url } : await response.json().catch(() => ({}));
  } catch {
    throw new Refused("SiteUnavailable");
  }
  if (!response.ok) {
    const why = typeof said.message === "string" ? said.message : `it answered ${response.status}.`;
    throw new Refused("SiteRefused", { why });
  }
  return ownAddress(said.location);
}

/** Return an address of this site, or refuse another. */
function ownAddress(address) {
  const url = new URL(address ?? window.location.href, window.location.href);
  if (url.origin !== window.location.origin) {
    throw new Refused("SiteRefused", { why: "it names an address that is not its own." });
  }
  return url.href;
}

/** Show a refusal by its name and sentence, or hide the place for it. */
function tell(place, refusal) {
  place.hidden = refusal === null;
  if (refusal !== null) {
    place.querySelector("[data-problem-name]").textContent = refusal.name;
    place.querySelector("[data-problem-text]").textContent = refusal.message;
    place.focus();
  }
}
