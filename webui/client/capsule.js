/**
 * The part of an envelope that a trustee needs: its core, the ciphertext to the threshold key, its policy.
 *
 * Invariant: `checkCapsule` returns a ciphertext only after every check that needs no ledger.
 *
 * Layout:
 *     capsule = core[138] ‖ key_id[16] ‖ u[33] ‖ ū[33] ‖ π[64] ‖ length u32 ‖ policy[length] ‖ half
 *     half    = of a record of suite 2 (long_half.js); nothing of other files
 *     policy  = record id[16] ‖ readers u8 ‖ consent u16                 of a RECORD; empty of a MODEL
 *
 * Source: PROTOCOL.md 9 (Encapsulation; Requests); fl/crypto/capsule.py, in the same order.
 */

import { equal, Reader, Writer } from "./encoding.js";
import { CORE_BYTES, KIND, parseHeader, SUITE_HYBRID, SUITE_P256 } from "./envelope.js";
import { Refused } from "./errors.js";
import { committeeId, readHalf } from "./long_half.js";
import {
  CIPHERTEXT_BYTES, KEY_ID_BYTES, labelOf, parseCiphertext, thresholdKeyId, verifyCiphertext,
} from "./threshold.js";

export const KEY_USE = Object.freeze({ RECORDS: 1, MODEL: 2 });
export const RELEASE = 7;
const KIND_OF_USE = { [KEY_USE.RECORDS]: KIND.RECORD, [KEY_USE.MODEL]: KIND.MODEL };
const RECORD_ID_BYTES = 16;
const POLICY_BYTES = RECORD_ID_BYTES + 3;
const MOST_READERS = 2;
const ALL_CONSENT = 2 ** (RELEASE - 1) - 1;

/**
 * A parsed capsule; `policy` is null for a model, `half` is null except for a record of suite 2.
 * @typedef {{core: Uint8Array, header: ReturnType<typeof parseHeader>, keyId: Uint8Array,
 *   ciphertext: import("./threshold.js").Ciphertext, policy: {bytes: Uint8Array, consent: number} | null,
 *   half: import("./long_half.js").Half | null}} Capsule
 */

/**
 * Parse a capsule strictly.
 * @param {Uint8Array} bytes
 * @returns {Capsule}
 * @throws {Refused} EncodingError: another layout or kind. InvalidPoint: u or ū is not a point.
 */
export function parseCapsule(bytes) {
  const reader = new Reader(bytes, "capsule");
  const core = reader.raw(CORE_BYTES);
  const keyId = reader.raw(KEY_ID_BYTES);
  const ciphertext = parseCiphertext(reader.raw(CIPHERTEXT_BYTES));
  const policy = reader.raw(reader.u32());
  const header = parseHeader(core);
  const half = header.kind === KIND.RECORD && header.suite === SUITE_HYBRID ? readHalf(reader) : null;
  reader.end();
  return { core, header, keyId, ciphertext, policy: policyOf(header, policy), half };
}

/**
 * Check a capsule against its request, and return its ciphertext.
 * @param {Capsule} capsule
 * @param {import("./threshold.js").RequestBinding} binding
 * @param {object} key Y, a point.
 * @throws {Refused} CiphertextInvalid: kind, label, key, context or proof. PolicyNotApproved: purpose, or consent.
 */
export function checkCapsule(capsule, binding, key) {
  const { header, policy } = capsule;
  const keyId = capsule.half === null ? thresholdKeyId(key) : committeeId(key, capsule.half);
  for (const [what, right] of [
    ["this key does not open its kind of file", KIND_OF_USE[binding.use] === header.kind],
    ["its suite or flags are unknown", header.suite === suiteOfCapsule(capsule) && header.flags === 0],
    ["its label is not the requested one", equal(labelOf(capsule.core), binding.label)],
    ["it is sealed to another key", equal(capsule.keyId, keyId)],
    ["its context does not follow from its policy or round", inContext(capsule, binding, keyId)],
  ]) {
    if (!right) {
      throw new Refused("CiphertextInvalid", { what });
    }
  }
  if ((binding.purpose === RELEASE) !== (binding.use === KEY_USE.MODEL)) {
    throw new Refused("PolicyNotApproved", { what: "purpose" });
  }
  if (policy !== null && !allows(policy, binding.purpose)) {
    throw new Refused("PolicyNotApproved", { what: "consent" });
  }
  verifyCiphertext(capsule.ciphertext, binding.label);
  return capsule.ciphertext;
}

/** Return the suite of a capsule, and so of the answers about it. */
export const suiteOfCapsule = ({ half }) => (half === null ? SUITE_P256 : SUITE_HYBRID);

const allows = (policy, purpose) => purpose >= 1 && purpose <= RELEASE && ((policy.consent >> (purpose - 1)) & 1) === 1;

function inContext({ header, policy }, binding, keyId) {
  if (policy === null) {
    return equal(header.context, binding.modelContext);
  }
  const context = new Writer("rec").raw(policy.bytes, POLICY_BYTES).raw(keyId, KEY_ID_BYTES).digest();
  return header.round === 0n && header.seq === 0 && equal(header.context, context);
}

function policyOf(header, bytes) {
  if (header.kind === KIND.RECORD) {
    return parsePolicy(bytes);
  }
  if (header.kind !== KIND.MODEL || bytes.length > 0) {
    throw new Refused("EncodingError", { what: "capsule", why: "its kind of file is never sealed to a threshold key" });
  }
  return null;
}

function parsePolicy(bytes) {
  const refuse = (why, facts = {}) => {
    throw new Refused("EncodingError", { ...facts, what: "policy of a record", why });
  };
  const reader = new Reader(bytes, "policy of a record");
  reader.raw(RECORD_ID_BYTES);
  const readers = reader.u8();
  const consent = reader.u16();
  reader.end();
  if (readers < 1 || readers > MOST_READERS) {
    refuse("its readers are {count}", { count: readers });
  }
  if (consent > ALL_CONSENT) {
    refuse("it allows an unknown purpose");
  }
  return { bytes, consent };
}
