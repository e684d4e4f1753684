/**
 * Signs the record that puts a trustee's first member key onto the ledger, after the operator has admitted the account.
 *
 * Invariant: the transaction registers the key of the start file, for this account, and does nothing else.
 *
 * Source: PROTOCOL.md 6 (proof of possession); contracts/authority/IMembers.sol (registerKey).
 */

import { p256 } from "@noble/curves/nist.js";

import { equal, fromHex } from "./encoding.js";
import { Refused } from "./errors.js";
import { encodeUncompressed, GENERATOR, mult, scalarBytes } from "./group.js";
import { parseLockbox, unlock } from "./lockbox.js";
import { startFor } from "./shares.js";
import { possessionMessage } from "./start.js";
import { accountOf, registration, sign } from "./transaction.js";
import { terms, wholeNumber } from "./trustee.js";

/**
 * Return the raw signed transaction.
 * @param {Record<string, any>} facts The page's JSON block (webui/federation/shares.py, joining).
 * @param {{kit: Uint8Array, password: string}} given `kit` is the start file.
 * @param {(step: string, share?: number) => void} [say]
 * @returns {Promise<Uint8Array>}
 * @throws {Refused} KeystoreUnreadable, WrongChain, EncodingError, PolicyNotApproved (the fee)
 */
export async function makeJoin(facts, { kit, password }, say = () => {}) {
  const { fees } = facts;
  const agreed = terms({
    chainId: wholeNumber(facts.chain_id, "chain_id"),
    authority: fromHex(facts.authority, "authority", 20),
    nonce: wholeNumber(facts.nonce, "nonce"),
    gas: wholeNumber(fees?.gas, "gas"),
    maxFee: wholeNumber(fees?.max_fee_per_gas, "max_fee_per_gas"),
    maxPriorityFee: wholeNumber(fees?.max_priority_fee_per_gas, "max_priority_fee_per_gas"),
  });
  const { share: member, accountKey } = await unlock(startFor(parseLockbox(kit), facts), password, (part) => say("opening", part));
  const memberKey = scalarBytes(member);
  try {
    const account = fromHex(facts.account, "account", 20);
    if (!equal(accountOf(accountKey), account)) {
      throw new Refused("KeystoreUnreadable", { why: "it holds the key of another account" });
    }
    const publicKey = encodeUncompressed(mult(member, GENERATOR));
    const proof = p256.sign(possessionMessage(facts, account, publicKey), memberKey, { lowS: true });
    return sign(accountKey, agreed, registration(publicKey, proof));
  } finally {
    memberKey.fill(0);
    accountKey.fill(0);
  }
}

/**
 * Make the form of the page work.
 * @param {HTMLFormElement} form The element with data-join.
 * @param {Record<string, any>} facts
 * @param {(job: object, show: (step: string, share?: number) => void) => Promise<any>} compute Runs a job in a worker.
 * @param {{readKit: Function, send: Function, showProblem: Function}} page
 */
export function controlJoin(form, facts, compute, { readKit, send, showProblem }) {
  const one = (name) => form.querySelector(`[data-${name}]`);
  const busy = (on) => {
    form.toggleAttribute("aria-busy", on);
    one("bar").hidden = !on;
    one("progress").textContent = on ? one("progress").dataset.doing : "";
    one("button").disabled = on;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    showProblem(one("problem"), null);
    busy(true);
    try {
      const kit = await readKit(one("file-in").files[0]);
      const job = { join: facts, kit, password: one("password").value };
      const signed = await compute(job, (_step, share) => { one("bar").value = share ?? 0; });
      window.location.assign(await send(facts.submit_url, form.elements.csrf_token.value, signed));
    } catch (error) {
      showProblem(one("problem"), error instanceof Refused ? error : new Refused("WorkerFailed"));
    } finally {
      busy(false);
      one("password").value = "";
    }
  });
  one("button").disabled = false;
}
