/**
 * The thread with the secrets: it does one job, then the page ends it and frees its memory.
 *
 * Invariant: it sends out only a step's name and progress, a sealed envelope, a signed transaction, an encrypted
 * start kit with its public part, an encrypted approval kit, or an error's name and public facts.
 * It cannot reach the network: the site's policy for this file allows no connection.
 */

import { toHex } from "./encoding.js";
import { Refused } from "./errors.js";
import { makeJoin } from "./join.js";
import { makeKit } from "./shares.js";
import { makeStart } from "./start.js";
import { approve, parseFacts, refuse } from "./trustee.js";

/**
 * A job; `reason` is null for an approval, 1 to 5 for a refusal; `now` are seconds since 1970.
 * @typedef {{facts: Record<string, any>, kit: Uint8Array, password: string, reason: number | null, now: number}} Job
 */

/** Answer the jobs of a page. */
export function serve(scope) {
  scope.addEventListener("message", async ({ data }) => {
    scope.postMessage(await run(data, (step, share) => scope.postMessage({ step, share })));
  });
}

/**
 * Return {envelope, transaction} in hex (envelope null in a refusal), or {error, facts}. A job with `start` and
 * `password` returns what start.js makes, one with `shares` what shares.js makes.
 * @param {Job} job
 * @param {(step: string, share?: number) => void} say Called when a step begins, and with the finished share of a long one.
 */
async function run(job, say) {
  try {
    if (globalThis.crypto?.subtle === undefined) {
      throw new Refused("InsecureContext");
    }
    if (job.start !== undefined) {
      return await makeStart(job.start, job.password, (share) => say("opening", share));
    }
    if (job.join !== undefined) {
      return { envelope: null, transaction: toHex(await makeJoin(job.join, job, say)) };
    }
    if (job.shares !== undefined) {
      return await makeKit(job.shares, job, say);
    }
    const facts = parseFacts(job.facts);
    const given = { kit: job.kit, password: job.password, now: job.now, say };
    const { envelope, transaction } = await (job.reason === null ? approve(facts, given) : refuse(facts, job.reason, given));
    return { envelope: envelope && toHex(envelope), transaction: toHex(transaction) };
  } catch (error) {
    const known = error instanceof Refused ? error : new Refused("WorkerFailed");
    return { error: known.name, facts: known.facts };
  } finally {
    job.kit?.fill(0);
  }
}
