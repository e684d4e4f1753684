/**
 * Makes the file with which a doctor becomes a trustee: a new account, a first member key, and the proof of the key.
 *
 * Invariant: the two private keys leave this module only encrypted under the doctor's password.
 *
 * Source: PROTOCOL.md 6 (proof of possession) and 9, At rest (kind `start`); fl/crypto/start_kit.py reads the file.
 */

import { p256 } from "@noble/curves/nist.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";

import { concat, fromHex, sha256, toHex, Writer } from "./encoding.js";
import { Refused } from "./errors.js";
import { encodeUncompressed, GENERATOR, mult, randomScalar, scalarBytes, UNCOMPRESSED_BYTES } from "./group.js";
import { lock } from "./lockbox.js";
import { accountOf } from "./transaction.js";

const FIRST_EPOCH = 1;
/** Characters of a password at least. */
export const SHORTEST = 12;

/**
 * Make the file and its public part.
 * @param {{chain_id: number, authority: string, consortium: string}} chain Of this site, bytes in lower-case hex.
 * @param {string} password
 * @param {(share: number) => void} [progress]
 * @returns {Promise<{file: string, account: string, public_key: string, proof: string, digest: string}>} `file` is text,
 *   everything else hex; `digest` is the SHA-256 of what the proof signs, to compare by telephone.
 * @throws {Refused} PasswordShort
 */
export async function makeStart(chain, password, progress) {
  if ([...password].length < SHORTEST) {
    throw new Refused("PasswordShort", { least: SHORTEST });
  }
  const member = randomScalar();
  const memberKey = scalarBytes(member);
  const accountKey = secp256k1.utils.randomSecretKey();
  try {
    const account = accountOf(accountKey);
    const publicKey = encodeUncompressed(mult(member, GENERATOR));
    const message = possessionMessage(chain, account, publicKey);
    const proof = p256.sign(message, memberKey, { lowS: true });
    const open = {
      account: toHex(account), chain_id: chain.chain_id, authority: chain.authority, consortium: chain.consortium,
    };
    const file = await lock("start", open, concat(memberKey, accountKey), password, progress);
    return {
      file: new TextDecoder().decode(file),
      account: toHex(account), public_key: toHex(publicKey), proof: toHex(proof), digest: toHex(sha256(message)),
    };
  } finally {
    memberKey.fill(0);
    accountKey.fill(0);
  }
}

/** Return the bytes that the proof of possession signs (PROTOCOL.md 6). */
export const possessionMessage = (chain, account, publicKey) => new Writer("pop")
  .raw(fromHex(chain.consortium, "consortium"), 32).u64(chain.chain_id).raw(fromHex(chain.authority, "authority"), 20)
  .raw(account, 20).u32(FIRST_EPOCH).raw(publicKey, UNCOMPRESSED_BYTES).bytes();

/**
 * Make the form of the page work: make the file, offer it, and fill in the public part for the site.
 * @param {HTMLElement} place The element with data-start-kit.
 * @param {Record<string, any>} chain The page's JSON block.
 * @param {(job: object, show: (step: string, share?: number) => void) => Promise<any>} compute Runs a job in a worker.
 * @param {(place: HTMLElement, refusal: Refused | null) => void} showProblem
 */
export function controlStart(place, chain, compute, showProblem) {
  const one = (name) => place.querySelector(`[data-${name}]`);
  const [form, bar, said] = [one("make"), one("bar"), one("progress")];
  const [password, again] = [one("password"), one("again")];
  const problem = (refusal) => showProblem(one("problem"), refusal);
  const busy = (on) => {
    form.toggleAttribute("aria-busy", on);
    bar.hidden = !on;
    said.textContent = on ? said.dataset.doing : "";
    one("button").disabled = on;
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem(null);
    busy(true);
    try {
      if (password.value !== again.value) {
        throw new Refused("PasswordsDiffer");
      }
      const made = await compute({ start: chain, password: password.value }, (_step, share) => { bar.value = share ?? 0; });
      offer(place, made);
    } catch (error) {
      problem(error instanceof Refused ? error : new Refused("WorkerFailed"));
    } finally {
      busy(false);
      password.value = again.value = "";
    }
  });
  one("button").disabled = false;
}

/** Show the link to the file, and fill in the form with the public part. */
function offer(place, made) {
  const one = (name) => place.querySelector(`[data-${name}]`);
  const link = one("file");
  link.href = URL.createObjectURL(new Blob([made.file], { type: "application/json" }));
  for (const name of ["account", "public_key", "proof"]) {
    one("send").elements[name].value = made[name];
  }
  one("digest").textContent = made.digest.replace(/(.{8})(?=.)/g, "$1 ");
  one("made").hidden = false;
  link.focus();
}
