/**
 * Makes the approval kit of a trustee in the browser: opens the sealed parts of the share with the member key of the start
 * file, adds them up, compares the sum with the public share of the ledger, and encrypts the kit.
 *
 * Invariant: member key, account key and share leave this module only encrypted under a password.
 *
 * Layout: sealed = enc[65] ‖ known[65] ‖ ciphertext[32] ‖ tag[16], info "BAFL/1/dkgshare" ‖ ctx ‖ dealer ‖ receiver.
 *
 * Source: PROTOCOL.md 9 (Ceremonies; At rest); fl/crypto/dkg.py (new_share). The facts come from the site, which read them
 * from ledger and vault (webui/federation/shares.py).
 */

import { concat, equal, fromHex, Writer } from "./encoding.js";
import { Refused } from "./errors.js";
import {
  decodePoint, encodeUncompressed, GENERATOR, mult, ORDER, parseScalar, scalarBytes, SCALAR_BYTES, UNCOMPRESSED_BYTES,
} from "./group.js";
import { openBase } from "./hpke.js";
import { lock, parseLockbox, unlock } from "./lockbox.js";
import { SHORTEST } from "./start.js";
import { accountOf } from "./transaction.js";

const KNOWN_BYTES = 65;
const SEALED_BYTES = UNCOMPRESSED_BYTES + KNOWN_BYTES + SCALAR_BYTES + 16;
const MOST_PARCELS = 32 * 64;

/**
 * Make the kit.
 * @param {Record<string, any>} facts The page's JSON block, bytes in lower-case hex.
 * @param {{kit: Uint8Array, password: string, next: string}} given `kit` is the start file; `next` the password of the new one.
 * @param {(step: string, share?: number) => void} [say]
 * @returns {Promise<{file: string, epoch: number}>} `file` is text.
 * @throws {Refused} PasswordShort, KeystoreUnreadable, WrongChain, EncodingError, AuthFailure, CommitteeMismatch
 */
export async function makeKit(facts, { kit, password, next }, say = () => {}) {
  if ([...next].length < SHORTEST) {
    throw new Refused("PasswordShort", { least: SHORTEST });
  }
  const publicShare = decodePoint(fromHex(facts.public_share, "public_share", 33));
  const box = startFor(parseLockbox(kit), facts);
  const { share: member, accountKey } = await unlock(box, password, (part) => say("opening", part / 2));
  try {
    checkKeys(member, accountKey, facts);
    say("computing");
    const value = await shareOf(facts, member);
    if (value === 0n || !mult(value, GENERATOR).equals(publicShare)) {
      throw new Refused("CommitteeMismatch");
    }
    const { account, use, epoch, index, chain_id, authority, consortium } = facts;
    const open = { account, use, epoch, index, chain_id, authority, consortium };
    const payload = concat(scalarBytes(value), accountKey);
    const file = await lock("kit", open, payload, next, (part) => say("opening", 0.5 + part / 2));
    payload.fill(0);
    return { file: new TextDecoder().decode(file), epoch };
  } finally {
    accountKey.fill(0);
  }
}

/** Return the parsed file if it is a start file for this account and chain. */
export function startFor(box, facts) {
  if (box.kind !== "start") {
    throw new Refused("KeystoreUnreadable", { why: "it is not the file with which you became a trustee (trustee-start.json)" });
  }
  const pairs = [["account", "account"], ["chain_id", "chain"], ["authority", "contract"], ["consortium", "consortium"]];
  for (const [name, what] of pairs) {
    if (box.public[name] !== facts[name]) {
      throw new Refused("WrongChain", { what });
    }
  }
  return box;
}

function checkKeys(member, accountKey, facts) {
  if (!equal(accountOf(accountKey), fromHex(facts.account, "account", 20))) {
    throw new Refused("KeystoreUnreadable", { why: "it holds the key of another account" });
  }
  const expected = fromHex(facts.member_key, "member_key", UNCOMPRESSED_BYTES);
  if (!equal(encodeUncompressed(mult(member, GENERATOR)), expected)) {
    throw new Refused("WrongChain", { what: "member key" });
  }
}

/** Return the sum of all parcels, each with its weight, modulo the order of the group. */
async function shareOf({ parcels, account }, member) {
  if (!Array.isArray(parcels) || parcels.length === 0 || parcels.length > MOST_PARCELS) {
    throw new Refused("EncodingError", { what: "parcels", why: "it is not a list of a possible length" });
  }
  let sum = 0n;
  for (const { context, dealer, sealed, weight } of parcels) {
    const info = new Writer("dkgshare").raw(fromHex(context, "context", 32), 32).raw(fromHex(dealer, "dealer", 20), 20)
      .raw(fromHex(account, "account", 20), 20).bytes();
    const bytes = fromHex(sealed, "sealed", SEALED_BYTES);
    const enc = bytes.subarray(0, UNCOMPRESSED_BYTES);
    const plain = await openBase(member, info, enc, bytes.subarray(UNCOMPRESSED_BYTES + KNOWN_BYTES));
    sum = (sum + parseScalar(plain) * parseScalar(fromHex(weight, "weight", SCALAR_BYTES))) % ORDER;
    plain.fill(0);
  }
  return sum;
}

/**
 * Make the form of the page work: read the start file, make the kit, offer it.
 * @param {HTMLElement} place The element with data-new-kit.
 * @param {Record<string, any>} facts The page's JSON block.
 * @param {(job: object, show: (step: string, share?: number) => void) => Promise<any>} compute Runs a job in a worker.
 * @param {{readKit: (file: File) => Promise<Uint8Array>, showProblem: (place: HTMLElement, refusal: Refused | null) => void}} page
 */
export function controlKit(place, facts, compute, { readKit, showProblem }) {
  const one = (name) => place.querySelector(`[data-${name}]`);
  const [form, bar, said] = [one("make"), one("bar"), one("progress")];
  const [password, next, again] = [one("password"), one("next"), one("again")];
  const busy = (on) => {
    form.toggleAttribute("aria-busy", on);
    bar.hidden = !on;
    said.textContent = on ? said.dataset.doing : "";
    one("button").disabled = on;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    showProblem(one("problem"), null);
    busy(true);
    try {
      if (next.value !== again.value) {
        throw new Refused("PasswordsDiffer");
      }
      const kit = await readKit(one("file-in").files[0]);
      const job = { shares: facts, kit, password: password.value, next: next.value };
      const made = await compute(job, (_step, share) => { bar.value = share ?? 0.5; });
      const link = one("file");
      link.href = URL.createObjectURL(new Blob([made.file], { type: "application/json" }));
      one("made").hidden = false;
      link.focus();
    } catch (error) {
      showProblem(one("problem"), error instanceof Refused ? error : new Refused("WorkerFailed"));
    } finally {
      busy(false);
      password.value = next.value = again.value = "";
    }
  });
  one("button").disabled = false;
}
