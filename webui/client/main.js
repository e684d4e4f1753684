/**
 * The one file that a browser loads, for the page and for the worker.
 *
 * Its exports are `hemaledger` in both; they have no secrets, and tests run the vectors with them.
 */

import { compute, control, readKit, send, showProblem } from "./approve.js";
import { controlJoin } from "./join.js";
import { controlKit } from "./shares.js";
import { controlStart } from "./start.js";
import { serve } from "./worker.js";

export * as capsules from "./capsule.js";
export * as dleq from "./dleq.js";
export * as encoding from "./encoding.js";
export * as envelopes from "./envelope.js";
export * as group from "./group.js";
export * as hpke from "./hpke.js";
export * as lockboxes from "./lockbox.js";
export * as longHalves from "./long_half.js";
export * as longKeys from "./long.js";
export * as shares from "./shares.js";
export * as starts from "./start.js";
export * as threshold from "./threshold.js";
export * as transactions from "./transaction.js";
export * as trustee from "./trustee.js";

if (typeof WorkerGlobalScope !== "undefined") {
  serve(globalThis);
} else if (typeof document !== "undefined") {
  const form = document.querySelector("form[data-approval]");
  const block = document.getElementById("approval");
  if (form !== null && block !== null) {
    control(form, JSON.parse(block.textContent), document.currentScript.src);
  }
  const joining = document.querySelector("form[data-join]");
  if (joining !== null) {
    const script = document.currentScript.src;
    const facts = JSON.parse(document.getElementById("join").textContent);
    controlJoin(joining, facts, (job, show) => compute(script, job, show), { readKit, send, showProblem });
  }
  const renewed = document.querySelector("[data-new-kit]");
  if (renewed !== null) {
    const script = document.currentScript.src;
    const facts = JSON.parse(document.getElementById("shares").textContent);
    controlKit(renewed, facts, (job, show) => compute(script, job, show), { readKit, showProblem });
  }
  const place = document.querySelector("[data-start-kit]");
  if (place !== null) {
    const script = document.currentScript.src;
    const chain = JSON.parse(document.getElementById("chain").textContent);
    controlStart(place, chain, (job, show) => compute(script, job, show), showProblem);
  }
}
