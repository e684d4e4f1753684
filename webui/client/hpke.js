/**
 * HPKE: base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message per key.
 *
 * Invariant: the sender's key is fresh for every message, so one fixed nonce is safe.
 *
 * Source: RFC 9180, 4.1 (Encap, Decap), 5.1 (KeySchedule), 6.1 (SealBase, OpenBase).
 */

import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { ascii, concat, integerBytes } from "./encoding.js";
import { Refused } from "./errors.js";
import { decodeUncompressed, encodeUncompressed, GENERATOR, mult, randomScalar, SCALAR_BYTES } from "./group.js";

const NONE = new Uint8Array();
const KEM = concat(ascii("KEM"), integerBytes(0x0010, 2));
/** Return the bytes that name a suite: a KEM with HKDF-SHA256 and AES-256-GCM. */
export const suiteOf = (kem) => concat(ascii("HPKE"), integerBytes(kem, 2), integerBytes(0x0001, 2), integerBytes(0x0002, 2));
const SUITE = suiteOf(0x0010);

/** Seal with AES-256-GCM; the tag is at the end. */
export async function aeadSeal(key, nonce, plaintext, aad) {
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, imported, plaintext));
}

/** Open what `aeadSeal` sealed without more bytes, or refuse with AuthFailure. */
export async function aeadOpen(key, nonce, sealed) {
  try {
    const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: NONE }, imported, sealed));
  } catch {
    throw new Refused("AuthFailure");
  }
}

/**
 * Return enc[65] ‖ ciphertext ‖ tag[16].
 * @param {Uint8Array} publicKey The reader's key, 4 ‖ x ‖ y.
 * @param {Uint8Array} info What the message is bound to.
 * @param {Uint8Array} plaintext
 * @param {bigint} [secret] The sender's key of this message; only for test vectors.
 */
export async function sealBase(publicKey, info, plaintext, secret = randomScalar()) {
  const enc = encodeUncompressed(mult(secret, GENERATOR));
  const agreed = encapsulated(sharedX(secret, publicKey), enc, publicKey);
  const { key, nonce } = schedule(SUITE, agreed, info);
  const sealed = await aeadSeal(key, nonce, plaintext, NONE);
  key.fill(0);
  return concat(enc, sealed);
}

/**
 * Return what somebody sealed with `sealBase` to the public key of `secret`.
 * @param {bigint} secret The reader's private key.
 * @param {Uint8Array} info
 * @param {Uint8Array} enc 65 bytes.
 * @param {Uint8Array} sealed ciphertext ‖ tag[16]
 * @throws {Refused} InvalidPoint: `enc` is not a point. AuthFailure: it was sealed to another key, or for something else.
 */
export async function openBase(secret, info, enc, sealed) {
  const agreed = encapsulated(sharedX(secret, enc), enc, encodeUncompressed(mult(secret, GENERATOR)));
  const { key, nonce } = schedule(SUITE, agreed, info);
  try {
    return await aeadOpen(key, nonce, sealed);
  } finally {
    key.fill(0);
  }
}

/** Return the x-coordinate of secret·publicKey, 32 bytes. */
export const sharedX = (secret, publicKey) => (
  encodeUncompressed(mult(secret, decodeUncompressed(publicKey))).slice(1, 1 + SCALAR_BYTES)
);

/** Return the shared secret of DHKEM from the agreed x-coordinate, which is overwritten. */
function encapsulated(shared, enc, publicKey) {
  const prk = labeledExtract(KEM, NONE, "eae_prk", shared);
  const agreed = labeledExpand(KEM, prk, "shared_secret", concat(enc, publicKey), 32);
  [shared, prk].forEach((each) => each.fill(0));
  return agreed;
}

/** Return key and nonce from a KEM's shared secret, which is overwritten. */
export function schedule(suite, agreed, info) {
  const context = concat(
    Uint8Array.of(0), labeledExtract(suite, NONE, "psk_id_hash", NONE), labeledExtract(suite, NONE, "info_hash", info),
  );
  const chief = labeledExtract(suite, agreed, "secret", NONE);
  const key = labeledExpand(suite, chief, "key", context, 32);
  const nonce = labeledExpand(suite, chief, "base_nonce", context, 12);
  [agreed, chief].forEach((each) => each.fill(0));
  return { key, nonce };
}

const labeledExtract = (suite, salt, label, ikm) => (
  extract(sha256, concat(ascii("HPKE-v1"), suite, ascii(label), ikm), salt)
);

const labeledExpand = (suite, prk, label, info, length) => (
  expand(sha256, prk, concat(integerBytes(length, 2), ascii("HPKE-v1"), suite, ascii(label), info), length)
);
