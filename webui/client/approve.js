/**
 * The page on which a trustee approves or refuses a request: form in, sealed answer out.
 *
 * Invariant: password and share go only to the worker; their inputs have no name, so the form cannot send them.
 *
 * What the page must contain (templates/_approval.html):
 *
 *     <script type="application/json" id="approval">
 *       request, key_use, label, capsule_digest, purpose, deadline      as DecryptionRequested records them
 *       requester, members[]        the asking account; all accounts of active members
 *       capsule                     the file
 *       model_context               context of the round that made the model; "" for a record
 *       epoch, index, public_share, threshold_key, expires_at           of the asked committee; index and share of this
 *                                   trustee
 *       chain_id, authority, consortium
 *       trustee, trustee_key_epoch  account, epoch of its member key
 *       nonce, fees{gas, max_fee_per_gas, max_priority_fee_per_gas}     of the transaction
 *       recipients[{key_id, public_key}]  the requester; for a model, every active member with a key who is not a trustee;
 *                                   for a record of suite 2, long keys (1,249 bytes)
 *       long_ids[]                  for a record of suite 2: the long keys of this trustee to which a share is sealed
 *       submit_url                  of this site
 *     form[data-approval] with [data-kit], [data-password], [data-reason], [data-approve], [data-refuse],
 *       [data-progress], optionally [data-steps] > [data-step] and progress[data-bar], [data-problem] and input[name=csrf_token]
 *
 * Bytes are hex, with or without 0x; points are compressed (33 bytes), public_key is uncompressed (65 bytes); whole numbers are
 * JSON numbers or decimal digits; times are seconds since 1970. Other fields are ignored.
 *
 * What the site gets: POST submit_url, JSON {envelope, transaction}, hex; envelope is null in a refusal; the CSRF token is
 * in the header X-CSRFToken. The site checks that the transaction approves the SHA-256 of the envelope, and sends it on.
 * It answers 303, or 200 and JSON {location}; otherwise a status from 400 and JSON {error, message}. The page shows message.
 *
 * Source: PROTOCOL.md 9 (Requests; At rest).
 */

import { inWords, Refused, wordsOfPage } from "./errors.js";
import { LOCKBOX_CAP } from "./lockbox.js";

/** What the title begins with after a mistake, as on the site's other pages. */
const ERROR = "Error:";
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
 * @param {string} script The address of this file; the worker loads the same file.
 */
export function control(form, facts, script) {
  const one = (name) => form.querySelector(`[data-${name}]`);
  const buttons = [one("approve"), one("refuse")];
  const show = (step, share) => showStep(one, step, share);

  const answer = async (reason) => {
    if (!form.reportValidity()) {
      return;
    }
    showProblem(one("problem"), null);
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
      showProblem(one("problem"), error instanceof Refused ? error : new Refused("WorkerFailed"));
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

/** Return the bytes of the chosen file; refuse one that is too large for a kit. */
export async function readKit(file) {
  if (file.size > LOCKBOX_CAP) {
    throw new Refused("KeystoreUnreadable", { why: "it has more than {cap} bytes", cap: LOCKBOX_CAP });
  }
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Refused("KeystoreUnreadable", { why: "this browser cannot read it" });
  }
}

/**
 * Run one job in a worker, and end the worker.
 * @param {string} script
 * @param {import("./worker.js").Job} job
 * @param {(step: string, share?: number) => void} show
 * @returns {Promise<{envelope: string | null, transaction: string}>}
 */
export function compute(script, job, show) {
  const worker = new Worker(script);
  const done = new Promise((resolve, reject) => {
    worker.addEventListener("error", () => reject(new Refused("WorkerFailed")));
    worker.addEventListener("message", ({ data }) => {
      if (data.step !== undefined) {
        show(data.step, data.share);
      } else if (data.error !== undefined) {
        reject(Refused.received(data.error, data.facts));
      } else {
        resolve(data);
      }
    });
    worker.postMessage(job, job.kit === undefined ? [] : [job.kit.buffer]);
  });
  return done.finally(() => worker.terminate());
}

/** Send the answer to the site, and return the address of the next page. */
export async function send(address, token, answer) {
  const url = ownAddress(address);
  let response;
  let body;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
      body: JSON.stringify({ envelope: answer.envelope, transaction: answer.transaction }),
    });
    body = response.redirected ? { location: response.url } : await response.json().catch(() => ({}));
  } catch {
    throw new Refused("SiteUnavailable");
  }
  if (!response.ok) {
    const why = typeof body.message === "string" ? body.message : "it answered with status {status}.";
    throw new Refused("SiteRefused", { why, status: response.status });
  }
  return ownAddress(body.location);
}

/** Return an address of this site; refuse any other. */
function ownAddress(address) {
  const url = new URL(address ?? window.location.href, window.location.href);
  if (url.origin !== window.location.origin) {
    throw new Refused("SiteRefused", { why: "its answer leads to another site." });
  }
  return url.href;
}

/**
 * Show which step runs: a sentence that screen readers speak once, the list of steps, and a bar.
 * @param {(name: string) => HTMLElement | null} one Finds a part of the form.
 * @param {string | null} step Null: nothing runs.
 * @param {number} [share] How much of the step is done, 0 to 1; without it nobody knows.
 */
export function showStep(one, step, share) {
  const words = step === null ? "" : inWords(wordsOfPage(), STEPS[step]);
  if (one("progress").textContent !== words) {
    one("progress").textContent = words;
  }
  const [list, bar] = [one("steps"), one("bar")];
  if (list === null || bar === null) {
    return;
  }
  list.hidden = bar.hidden = step === null;
  const names = [...list.children].map((each) => each.dataset.step);
  [...list.children].forEach((each, place) => {
    each.classList.toggle("step-done", step !== null && place < names.indexOf(step));
    if (each.dataset.step === step) {
      each.setAttribute("aria-current", "step");
    } else {
      each.removeAttribute("aria-current");
    }
  });
  if (share === undefined) {
    bar.removeAttribute("value");
  } else {
    bar.value = share;
  }
}

/** Show the sentence of a refusal, or hide the place for it; scripts and tests read its name. */
export function showProblem(place, refusal) {
  place.hidden = refusal === null;
  const words = wordsOfPage();
  const error = `${inWords(words, ERROR)} `;
  const plain = document.title.replace(error, "");
  document.title = refusal === null ? plain : error + plain;
  if (refusal !== null) {
    place.dataset.name = refusal.name;
    place.querySelector("[data-problem-text]").textContent = refusal.inLanguage(words);
    place.focus();
  }
}
