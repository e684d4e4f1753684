/**
 * Proofs that two points hide the same secret: B = k·A and D = k·C for one k that stays secret.
 *
 * Invariant: a proof is valid in one context only.
 *
 * Layout: proof = c[32] ‖ s[32], scalars big-endian.
 *
 * Source: RFC 9497, 2.2.1 and 2.2.2, suite P256-SHA256, one element; fl/crypto/dleq.py.
 */

import { ascii, concat, Writer } from "./encoding.js";
import { Refused } from "./errors.js";
import {
  encodePoint, hashToScalar, isIdentity, mult, ORDER, parseScalar, publicMult, randomScalar, SCALAR_BYTES, scalarBytes,
} from "./group.js";

export const PROOF_BYTES = 2 * SCALAR_BYTES;

/**
 * log_base(key) = log_input(output).
 * @typedef {{base: object, key: object, input: object, output: object}} Statement
 */

/**
 * Return the 64-byte proof by the knower of `secret` (k).
 * @param {bigint} secret 1..n-1.
 * @param {Statement} statement
 * @param {Uint8Array} context
 * @param {bigint} [nonce] 1..n-1; only for test vectors.
 */
export function prove(secret, statement, context, nonce = randomScalar()) {
  const left = publicMult(weight(statement, context), statement.input);
  const composites = [left, mult(secret, left), mult(nonce, statement.base), mult(nonce, left)];
  const challenge = challengeOf(statement.key, composites, context);
  const response = (nonce - challenge * secret) % ORDER;
  return concat(scalarBytes(challenge), scalarBytes(response < 0n ? response + ORDER : response));
}

/**
 * Refuse with ProofInvalid unless `proof` shows `statement` under `context`.
 * @param {Uint8Array} proof
 * @param {Statement} statement
 * @param {Uint8Array} context
 */
export function verify(proof, statement, context) {
  const refuse = () => { throw new Refused("ProofInvalid", { what: "equal discrete logarithms" }); };
  if (proof.length !== PROOF_BYTES) {
    refuse();
  }
  let challenge;
  let response;
  try {
    challenge = parseScalar(proof.subarray(0, SCALAR_BYTES));
    response = parseScalar(proof.subarray(SCALAR_BYTES));
  } catch {
    refuse();
  }
  const factor = weight(statement, context);
  const left = publicMult(factor, statement.input);
  const right = publicMult(factor, statement.output);
  const first = publicMult(response, statement.base).add(publicMult(challenge, statement.key));
  const second = publicMult(response, left).add(publicMult(challenge, right));
  const composites = [left, right, first, second];
  if (composites.some(isIdentity) || challengeOf(statement.key, composites, context) !== challenge) {
    refuse();
  }
}

/** Return d_0 of ComputeComposites. */
function weight({ key, input, output }, context) {
  const seed = new Writer().sized(encodePoint(key)).sized(concat(ascii("Seed-"), context)).digest();
  const transcript = new Writer().sized(seed).u16(0).sized(encodePoint(input)).sized(encodePoint(output)).bytes();
  return hashToScalar(concat(transcript, ascii("Composite")), concat(ascii("HashToScalar-"), context));
}

function challengeOf(key, composites, context) {
  const writer = new Writer();
  for (const point of [key, ...composites]) {
    writer.sized(encodePoint(point));
  }
  return hashToScalar(concat(writer.bytes(), ascii("Challenge")), concat(ascii("HashToScalar-"), context));
}
