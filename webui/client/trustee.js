/**
 * A trustee's answer to one request: all checks, in order, and the answer.
 *
 * Invariant: the request is checked before the kit is opened; its share is used once and forgotten.
 *
 * Order: the page's facts parse; the fee; deadline and expiry; digest of the capsule; its place and members; key, label, context,
 * policy, proof (capsule.js); the kit is for this chain and trustee; the password; the kit's account and public share.
 *
 * Source: PROTOCOL.md 9 (Requests).
 * The facts come from the site, which read them from the ledger; a browser cannot read a ledger.
 */

import { checkCapsule, KEY_USE, parseCapsule, suiteOfCapsule } from "./capsule.js";
import { concat, equal, fromHex, sha256, toHex } from "./encoding.js";
import { KIND, memberKeyId, seal, SUITE_HYBRID, SUITE_P256 } from "./envelope.js";
import { Refused } from "./errors.js";
import { decodePoint, GENERATOR, mult } from "./group.js";
import { parseLockbox, unlock } from "./lockbox.js";
import { LONG_KEY_BYTES, longKeyId, longPublicKey } from "./long.js";
import { openShares } from "./long_half.js";
import { decryptPartially, partialContext, verifyPartial } from "./threshold.js";
import { accountOf, approval, refusal, sign } from "./transaction.js";

const MOST_FEE = 10n ** 17n; // wei: a tenth of the chain's coin, far above what an answer costs
const REASONS = [1, 2, 3, 4, 5];
const DECIMAL = /^(?:0|[1-9][0-9]{0,77})$/;

/**
 * Return the facts of the page's JSON block as values (approve.js describes them).
 * @param {Record<string, any>} given
 * @throws {Refused} EncodingError: a field is missing or has another form. InvalidPoint: a key is not a point.
 */
export function parseFacts(given) {
  const hex = (name, length) => fromHex(withoutPrefix(given[name]), name, length);
  const whole = (name) => wholeNumber(given[name], name);
  const small = (name) => Number(whole(name));
  const { fees } = given;
  return Object.freeze({
    binding: Object.freeze({
      label: hex("label", 32), number: whole("request"), use: small("key_use"), epoch: small("epoch"),
      purpose: small("purpose"), modelContext: hex("model_context"),
    }),
    capsule: hex("capsule"),
    capsuleDigest: hex("capsule_digest", 32),
    requester: hex("requester", 20),
    members: list(given, "members").map((each) => toHex(fromHex(withoutPrefix(each), "members", 20))),
    deadline: small("deadline"),
    expiresAt: small("expires_at"),
    index: small("index"),
    publicShare: decodePoint(hex("public_share")),
    key: decodePoint(hex("threshold_key")),
    chainId: whole("chain_id"),
    authority: hex("authority", 20),
    consortium: hex("consortium", 32),
    trustee: hex("trustee", 20),
    trusteeKeyEpoch: small("trustee_key_epoch"),
    readers: list(given, "recipients").map(parseRecipient),
    longIds: list({ long_ids: given.long_ids ?? [] }, "long_ids").map((each) => fromHex(withoutPrefix(each), "long_ids", 16)),
    nonce: whole("nonce"),
    gas: wholeNumber(fees?.gas, "gas"),
    maxFee: wholeNumber(fees?.max_fee_per_gas, "max_fee_per_gas"),
    maxPriorityFee: wholeNumber(fees?.max_priority_fee_per_gas, "max_priority_fee_per_gas"),
  });
}

/**
 * Make every check of a request that needs no share, and return its capsule.
 * @param {ReturnType<typeof parseFacts>} facts
 * @param {number} now Seconds since 1970.
 * @throws {Refused} Every name of the protocol that forbids an approval.
 */
export function checkRequest(facts, now) {
  const { binding, capsule: file, key } = facts;
  if (now > facts.deadline) {
    throw new Refused("DeadlinePassed");
  }
  if (now > facts.expiresAt) {
    throw new Refused("KeyExpired");
  }
  if (!equal(sha256(file), facts.capsuleDigest)) {
    throw new Refused("HashMismatch");
  }
  const capsule = parseCapsule(file);
  const { header } = capsule;
  if (!equal(header.consortium, facts.consortium) || header.chainId !== facts.chainId) {
    throw new Refused("CiphertextInvalid", { what: "it belongs to another consortium" });
  }
  for (const account of [header.sender, facts.requester].map(toHex)) {
    if (!facts.members.includes(account)) {
      throw new Refused("RevokedSender", { account });
    }
  }
  if (binding.use === KEY_USE.RECORDS && facts.readers.length !== 1) {
    throw new Refused("PolicyNotApproved", { what: "a record may be opened only for the requester" });
  }
  checkCapsule(capsule, binding, key);
  const suite = suiteOfCapsule(capsule);
  if (facts.readers.some((reader) => reader.suite !== suite)) {
    throw new Refused("EncodingError", { what: "recipient", why: "its key is of another suite" });
  }
  return capsule;
}

/**
 * Return the sealed partial decryption, and the signed approval of its digest.
 * @param {ReturnType<typeof parseFacts>} facts
 * @param {{kit: Uint8Array, password: string, now: number, say?: (step: string, share?: number) => void}} given `now`: seconds since 1970.
 * @returns {Promise<{envelope: Uint8Array, transaction: Uint8Array}>}
 */
export async function approve(facts, { kit, password, now, say = () => {} }) {
  say("checking");
  const agreed = terms(facts);
  const capsule = checkRequest(facts, now);
  say("opening");
  const secrets = await openKit(facts, kit, password, (share) => say("opening", share));
  say("computing");
  try {
    if (!mult(secrets.share, GENERATOR).equals(facts.publicShare)) {
      throw new Refused("PartialInvalid");
    }
    const envelope = await answer(facts, capsule, secrets.share, secrets.longKeys);
    const data = approval(facts.binding.number, sha256(envelope));
    return { envelope, transaction: sign(secrets.accountKey, agreed, data) };
  } finally {
    [secrets.accountKey, ...secrets.longKeys].forEach((each) => each.fill(0));
  }
}

/**
 * Return the signed refusal of a request; nothing is decrypted, and the request may be invalid.
 * @param {ReturnType<typeof parseFacts>} facts
 * @param {number} reason 1 to 5 (PROTOCOL.md 9, Requests).
 * @param {{kit: Uint8Array, password: string, say?: (step: string, share?: number) => void}} given
 * @returns {Promise<{envelope: null, transaction: Uint8Array}>}
 */
export async function refuse(facts, reason, { kit, password, say = () => {} }) {
  if (!REASONS.includes(reason)) {
    throw new Refused("EncodingError", { what: "reason", why: "it is not between 1 and 5" });
  }
  const agreed = terms(facts);
  say("opening");
  const { accountKey } = await openKit(facts, kit, password, (share) => say("opening", share));
  try {
    return { envelope: null, transaction: sign(accountKey, agreed, refusal(facts.binding.number, reason)) };
  } finally {
    accountKey.fill(0);
  }
}

/**
 * Return the sealed partial decryption of a checked capsule; in suite 2 with the shares of the trustee's seats.
 * @param {ReturnType<typeof parseFacts>} facts
 * @param {import("./capsule.js").Capsule} capsule
 * @param {bigint} share
 * @param {Uint8Array[]} [longKeys] Private ones, 96 bytes each.
 * @throws {Refused} KeystoreUnreadable: the kit does not have the long key to which a share is sealed.
 */
export async function answer(facts, capsule, share, longKeys = []) {
  const { binding, index, publicShare, key } = facts;
  const { ciphertext, half } = capsule;
  let body = decryptPartially(share, index, binding, ciphertext);
  verifyPartial(body, publicShare, index, binding, ciphertext);
  if (half !== null) {
    const held = longKeys.map((each) => longKeyId(longPublicKey(each)));
    if (held.length === 0 || !facts.longIds.every((id) => held.some((each) => equal(each, id)))) {
      throw new Refused("KeystoreUnreadable", { why: "it does not have your long key, and this record is encrypted for decades; make a new approval kit" });
    }
    body = concat(body, await openShares(half, key, binding.label, ciphertext, longKeys));
  }
  const core = {
    kind: KIND.PARTIAL, consortium: facts.consortium, chainId: facts.chainId, contract: facts.authority,
    sender: facts.trustee, round: binding.number, epoch: facts.trusteeKeyEpoch, seq: 0,
    context: partialContext(binding, index), suite: suiteOfCapsule(capsule),
  };
  return seal(core, facts.readers.map((reader) => reader.publicKey), body);
}

/** Compare the public part of the kit with the page, open the kit, and check that it has the trustee's account key. */
async function openKit(facts, kit, password, progress) {
  const box = parseLockbox(kit);
  if (box.kind !== "kit" && box.kind !== "long-kit") {
    throw new Refused("KeystoreUnreadable", { why: "it is a share, not an approval kit" });
  }
  const { binding } = facts;
  for (const [what, inKit, onPage] of [
    ["chain", box.public.chain_id, Number(facts.chainId)],
    ["key authority", box.public.authority, toHex(facts.authority)],
    ["consortium", box.public.consortium, toHex(facts.consortium)],
    ["account", box.public.account, toHex(facts.trustee)],
    ["key", box.public.use, binding.use],
    ["committee", box.public.epoch, binding.epoch],
    ["place among the trustees", box.public.index, facts.index],
  ]) {
    if (inKit !== onPage) {
      throw new Refused("WrongChain", { what });
    }
  }
  const secrets = await unlock(box, password, progress);
  if (!equal(accountOf(secrets.accountKey), facts.trustee)) {
    throw new Refused("KeystoreUnreadable", { why: "it holds the key of another account" });
  }
  return secrets;
}

/** Return target and cost of the transaction; the site proposes the cost, so it is bounded. */
export function terms(facts) {
  const { chainId, nonce, gas, maxFee, maxPriorityFee } = facts;
  if (gas * maxFee > MOST_FEE) {
    throw new Refused("PolicyNotApproved", { what: "its transaction could cost more than a tenth of the chain's coin" });
  }
  return { chainId, to: facts.authority, nonce, gas, maxFee, maxPriorityFee };
}

function parseRecipient(given) {
  const publicKey = fromHex(withoutPrefix(given?.public_key), "public_key");
  const suite = publicKey.length === LONG_KEY_BYTES ? SUITE_HYBRID : SUITE_P256;
  const keyId = suite === SUITE_HYBRID ? longKeyId(publicKey) : memberKeyId(publicKey);
  if (!equal(keyId, fromHex(withoutPrefix(given?.key_id), "key_id", 16))) {
    throw new Refused("EncodingError", { what: "recipient", why: "its key_id does not match its key" });
  }
  return { publicKey, suite };
}

function list(given, name) {
  if (!Array.isArray(given[name])) {
    throw new Refused("EncodingError", { what: name, why: "it is not a list" });
  }
  return given[name];
}

/** Parse a non-negative whole number, as a JSON number or decimal digits, and return a bigint. */
export function wholeNumber(value, what) {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== "string" || !DECIMAL.test(text)) {
    throw new Refused("EncodingError", { what, why: "it is not a whole number" });
  }
  return BigInt(text);
}

const withoutPrefix = (text) => (typeof text === "string" && text.startsWith("0x") ? text.slice(2) : text);
