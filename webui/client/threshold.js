/**
 * Ciphertexts to a threshold key, and partial decryptions of them.
 *
 * Invariant: a share is multiplied only with a u whose proof was verified under the requested label.
 *
 * Layout:
 *     ciphertext = u[33] ‖ ū[33] ‖ π[64]     u = r·G, ū = r·Ḡ, π = DLEQ(G, u; Ḡ, ū), context "BAFL/1/tdh2" ‖ label
 *     ctx        = H("BAFL/1/pdec" ‖ label[32] ‖ request u64 ‖ use u8 ‖ epoch u32 ‖ j u16)
 *     partial    = u_j[33] ‖ proof[64]       u_j = x_j·u, proof = DLEQ(G, Y_j; u, u_j), context "BAFL/1/pdec" ‖ ctx
 *
 * Source: PROTOCOL.md 9; fl/crypto/threshold.py and partial_decryption.py.
 */

import { ascii, concat, domain, Reader, Writer } from "./encoding.js";
import { prove, PROOF_BYTES, verify } from "./dleq.js";
import { CORE_BYTES } from "./envelope.js";
import { Refused } from "./errors.js";
import {
  decodePoint, encodePoint, encodeUncompressed, GENERATOR, hashToCurve, mult, POINT_BYTES, UNCOMPRESSED_BYTES,
} from "./group.js";

const KEY_SUITE = 257;
export const KEY_ID_BYTES = 16;
export const CIPHERTEXT_BYTES = 2 * POINT_BYTES + PROOF_BYTES;
export const PARTIAL_BYTES = POINT_BYTES + PROOF_BYTES;
let second = null;

/**
 * A secret point sealed to a threshold key; `verifyCiphertext` checks its proof.
 * @typedef {{u: object, uBar: object, proof: Uint8Array}} Ciphertext
 *
 * A request as the ledger records it; `number` is a bigint, `label` 32 bytes, `modelContext` 32 bytes or none.
 * @typedef {{label: Uint8Array, number: bigint, use: number, epoch: number, purpose: number,
 *   modelContext: Uint8Array}} RequestBinding
 */

/** Return the 16 bytes that name a threshold key (a point). */
export const thresholdKeyId = (key) => (
  new Writer("keyid").u16(KEY_SUITE).raw(encodeUncompressed(key), UNCOMPRESSED_BYTES).digest().slice(0, KEY_ID_BYTES)
);

/** Return what a ciphertext is bound to: the 32-byte label of an envelope's core. */
export const labelOf = (core) => new Writer("label").raw(core, CORE_BYTES).digest();

/**
 * Parse 130 bytes, or refuse with EncodingError (length) or InvalidPoint.
 * @returns {Ciphertext}
 */
export function parseCiphertext(bytes) {
  const reader = new Reader(bytes, "threshold ciphertext");
  const u = decodePoint(reader.raw(POINT_BYTES));
  const uBar = decodePoint(reader.raw(POINT_BYTES));
  const proof = reader.raw(PROOF_BYTES);
  reader.end();
  return { u, uBar, proof };
}

/** Return Ḡ, whose logarithm nobody knows. */
export function secondGenerator() {
  second ??= hashToCurve(ascii("second generator"), domain("tdh2"));
  return second;
}

/** Refuse with CiphertextInvalid unless the maker of the ciphertext knew r and used `label`. */
export function verifyCiphertext({ u, uBar, proof }, label) {
  try {
    const statement = { base: GENERATOR, key: u, input: secondGenerator(), output: uBar };
    verify(proof, statement, concat(domain("tdh2"), label));
  } catch {
    throw new Refused("CiphertextInvalid", { what: "its proof is wrong for its label" });
  }
}

/** Return the 32 bytes that the partial decryption of party `index` is bound to. */
export function partialContext(binding, index) {
  const writer = new Writer("pdec").raw(binding.label, 32).u64(binding.number).u8(binding.use);
  return writer.u32(binding.epoch).u16(index).digest();
}

/**
 * Return the partial decryption of a checked ciphertext, 97 bytes.
 * @param {bigint} share x_j, 1..n-1.
 * @param {number} index j.
 * @param {RequestBinding} binding
 * @param {Ciphertext} ciphertext
 * @param {bigint} [nonce] Of the proof; only for test vectors.
 */
export function decryptPartially(share, index, binding, { u }, nonce) {
  const output = mult(share, u);
  const statement = { base: GENERATOR, key: mult(share, GENERATOR), input: u, output };
  return concat(encodePoint(output), prove(share, statement, bound(binding, index), nonce));
}

/**
 * Refuse with PartialInvalid unless the share of `publicShare` (a point) made `partial`.
 * @param {Uint8Array} partial
 * @param {object} publicShare Y_j.
 * @param {number} index j.
 * @param {RequestBinding} binding
 * @param {Ciphertext} ciphertext
 */
export function verifyPartial(partial, publicShare, index, binding, { u }) {
  try {
    const output = decodePoint(partial.subarray(0, POINT_BYTES));
    const statement = { base: GENERATOR, key: publicShare, input: u, output };
    verify(partial.subarray(POINT_BYTES), statement, bound(binding, index));
  } catch {
    throw new Refused("PartialInvalid");
  }
}

const bound = (binding, index) => concat(domain("pdec"), partialContext(binding, index));
