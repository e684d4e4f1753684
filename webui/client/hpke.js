/**
 * HPKE for sealing: base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, one message per key.
 *
 * Invariant: the sender's key is fresh for every message, so one fixed nonce is safe.
 *
 * Source: RFC 9180, 4.1 (Encap), 5.1 (KeySchedule), 6.1 (SealBase).
 */

import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";

import { ascii, concat, integerBytes } from "./encoding.js";
import { decodeUncompressed, encodeUncompressed, GENERATOR, mult, randomScalar, SCALAR_BYTES } from "./group.js";

const NONE = new Uint8Array();
const KEM = concat(ascii("KEM"), integerBytes(0x0010, 2));
const SUITE = concat(ascii("HPKE"), integerBytes(0x0010, 2), integerBytes(0x0001, 2), integerBytes(0x0002, 2));

/** Seal with AES-256-GCM; the tag is at the end. */
export async function aeadSeal(key, nonce, plaintext, aad) {
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: aad }, imported, plaintext));
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
  const shared = encodeUncompressed(mult(secret, decodeUncompressed(publicKey))).slice(1, 1 + SCALAR_BYTES);
  const prk = labeledExtract(KEM, NONE, "eae_prk", shared);
  const agreed = labeledExpand(KEM, prk, "shared_secret", concat(enc, publicKey), 32);
  const context = concat(
    Uint8Array.of(0), labeledExtract(SUITE, NONE, "psk_id_hash", NONE), labeledExtract(SUITE, NONE, "info_hash", info),
  );
  const chief = labeledExtract(SUITE, agreed, "secret", NONE);
  const key = labeledExpand(SUITE, chief, "key", context, 32);
  const nonce = labeledExpand(SUITE, chief, "base_nonce", context, 12);
  const sealed = await aeadSeal(key, nonce, plaintext, NONE);
  [shared, prk, agreed, chief, key].forEach((each) => each.fill(0));
  return concat(enc, sealed);
}

const labeledExtract = (suite, salt, label, ikm) => (
  extract(sha256, concat(ascii("HPKE-v1"), suite, ascii(label), ikm), salt)
);

const labeledExpand = (suite, prk, label, info, length) => (
  expand(sha256, prk, concat(integerBytes(length, 2), ascii("HPKE-v1"), suite, ascii(label), info), length)
);
