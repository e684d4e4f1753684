/**
 * The hybrid KEM MLKEM768-P256 (0x0050) and HPKE's base mode with it: suite 2 of the envelopes.
 *
 * Invariant: what is sealed opens only to who breaks both halves, ML-KEM-768 and P-256.
 *
 * Layout:
 *     public key(1249) = ML-KEM-768 encapsulation key[1184] ‖ P-256 point, uncompressed[65]
 *     private key(96)  = ML-KEM seed[64] ‖ scalar[32]
 *     enc(1153)        = ML-KEM-768 ciphertext[1088] ‖ ephemeral point[65]
 *     secret           = SHA3-256(ss of ML-KEM ‖ x of P-256[32] ‖ ephemeral point ‖ receiver's point ‖ "MLKEM768-P256")
 *
 * Source: PROTOCOL.md 4 (Suite 2); draft-ietf-hpke-pq (17 April 2026); FIPS 203; fl/crypto/hybrid_kem.py. The vectors are
 * the published ones (tests/vectors/hpke_pq.json).
 */

import { sha3_256 } from "@noble/hashes/sha3.js";
import { ml_kem768 as lattice } from "@noble/post-quantum/ml-kem.js";

import { ascii, concat, Writer } from "./encoding.js";
import { Refused } from "./errors.js";
import { encodeUncompressed, GENERATOR, mult, parseKey, randomScalar, UNCOMPRESSED_BYTES } from "./group.js";
import { aeadOpen, aeadSeal, schedule, sharedX, suiteOf } from "./hpke.js";

export const LONG_KEY_BYTES = 1249;
export const LONG_PRIVATE_BYTES = 96;
export const LONG_ENC_BYTES = 1153;
const LATTICE_KEY_BYTES = LONG_KEY_BYTES - UNCOMPRESSED_BYTES;
const LATTICE_ENC_BYTES = LONG_ENC_BYTES - UNCOMPRESSED_BYTES;
const SEED_BYTES = 64;
const SUITE_HYBRID = 2;
const SUITE = suiteOf(0x0050);
const LABEL = ascii("MLKEM768-P256");
const NONE = new Uint8Array();

/** Return the 16 bytes that name a long key of 1,249 bytes (PROTOCOL.md 3). */
export const longKeyId = (publicKey) => (
  new Writer("keyid").u16(SUITE_HYBRID).raw(publicKey, LONG_KEY_BYTES).digest().slice(0, 16)
);

/** Return the public key of the 96 bytes of a private one, or refuse with EncodingError or InvalidScalar. */
export function longPublicKey(privateKey) {
  const { publicKey, scalar } = takeApart(privateKey);
  return concat(publicKey, encodeUncompressed(mult(scalar, GENERATOR)));
}

/**
 * Return enc[1153] ‖ ciphertext ‖ tag[16].
 * @throws {Refused} InvalidPoint: the key is damaged.
 */
export async function sealLong(publicKey, info, plaintext) {
  if (publicKey.length !== LONG_KEY_BYTES) {
    throw new Refused("InvalidPoint", { why: "it is not a long key" });
  }
  const receiver = publicKey.subarray(LATTICE_KEY_BYTES);
  let sent;
  try {
    sent = lattice.encapsulate(publicKey.slice(0, LATTICE_KEY_BYTES));
  } catch {
    throw new Refused("InvalidPoint", { why: "it is not a long key" });
  }
  const ephemeral = randomScalar();
  const point = encodeUncompressed(mult(ephemeral, GENERATOR));
  const secret = combined(sent.sharedSecret, sharedX(ephemeral, receiver), point, receiver);
  const { key, nonce } = schedule(SUITE, secret, info);
  const sealed = await aeadSeal(key, nonce, plaintext, NONE);
  key.fill(0);
  return concat(sent.cipherText, point, sealed);
}

/** Return the shared secret of an enc of 1,153 bytes, or refuse with AuthFailure; changed bytes give another secret. */
export function decapsulate(privateKey, enc) {
  const { secretKey, scalar } = takeApart(privateKey);
  const point = enc.slice(LATTICE_ENC_BYTES);
  try {
    const shared = lattice.decapsulate(enc.slice(0, LATTICE_ENC_BYTES), secretKey);
    return combined(shared, sharedX(scalar, point), point, encodeUncompressed(mult(scalar, GENERATOR)));
  } catch {
    throw new Refused("AuthFailure");
  } finally {
    secretKey.fill(0);
  }
}

/** Return what somebody sealed with `sealLong` to the public half of `privateKey`, or refuse with AuthFailure. */
export async function openLong(privateKey, info, sealed) {
  const { key, nonce } = schedule(SUITE, decapsulate(privateKey, sealed.slice(0, LONG_ENC_BYTES)), info);
  try {
    return await aeadOpen(key, nonce, sealed.slice(LONG_ENC_BYTES));
  } finally {
    key.fill(0);
  }
}

function takeApart(privateKey) {
  if (privateKey.length !== LONG_PRIVATE_BYTES) {
    throw new Refused("EncodingError", { what: "long key", why: "it ends too early" });
  }
  return { ...lattice.keygen(privateKey.slice(0, SEED_BYTES)), scalar: parseKey(privateKey.slice(SEED_BYTES)) };
}

function combined(first, second, ephemeral, receiver) {
  const secret = sha3_256(concat(first, second, ephemeral, receiver, LABEL));
  [first, second].forEach((each) => each.fill(0));
  return secret;
}
