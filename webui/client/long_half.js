/**
 * The second half of a record's key, shared among the trustees' long keys.
 *
 * Invariant: a share leaves only if it was sealed for this ciphertext and is the one to which the sealer committed.
 *
 * Layout:
 *     half       = t u16 ‖ m u16 ‖ m · (keyId[16] ‖ commitment[32] ‖ sealed[1201])
 *     binding    = H("BAFL/1/longhalf" ‖ label ‖ Y[33] ‖ u[33] ‖ ū[33] ‖ t u16 ‖ m u16 ‖ m · (keyId ‖ commitment))
 *     shares     = count u8 ‖ count · (seat u16 ‖ f(seat)[32])
 *
 * Source: PROTOCOL.md 9 (Encapsulation for decades); fl/crypto/long_committee.py and long_partials.py.
 */

import { concat, equal, toHex, Writer } from "./encoding.js";
import { Refused } from "./errors.js";
import { encodePoint, encodeUncompressed, parseScalar, POINT_BYTES, UNCOMPRESSED_BYTES } from "./group.js";
import { LONG_ENC_BYTES, longKeyId, longPublicKey, openLong } from "./long.js";

const KEY_SUITE = 257;
const KEY_ID_BYTES = 16;
const FIRST_BYTES = 8;
const LEAST_THRESHOLD = 2;
const MOST_SEATS = 32;
const SEALED_BYTES = LONG_ENC_BYTES + 32 + 16;

/**
 * Nobody has checked its shares.
 * @typedef {{threshold: number, seats: {id: Uint8Array, commitment: Uint8Array, sealed: Uint8Array}[]}} Half
 */

/**
 * Take a half from a reader.
 * @returns {Half}
 * @throws {Refused} EncodingError: another layout, sizes out of bounds, or one key twice.
 */
export function readHalf(reader) {
  const refuse = (why, facts = {}) => { throw new Refused("EncodingError", { ...facts, what: "shares for decades", why }); };
  const [threshold, count] = [reader.u16(), reader.u16()];
  if (threshold < LEAST_THRESHOLD || threshold > count || count > MOST_SEATS) {
    refuse("{threshold} of {count} trustees is out of bounds", { threshold, count });
  }
  const seats = Array.from({ length: count }, () => (
    { id: reader.raw(KEY_ID_BYTES), commitment: reader.raw(32), sealed: reader.raw(SEALED_BYTES) }
  ));
  if (new Set(seats.map(({ id }) => toHex(id))).size !== count) {
    refuse("two trustees have the same key");
  }
  return { threshold, seats };
}

/** Return the 16 bytes that name a threshold key (a point) with the long keys of a half. */
export function committeeId(key, { threshold, seats }) {
  const first = new Writer("keyid").u16(KEY_SUITE).raw(encodeUncompressed(key), UNCOMPRESSED_BYTES).digest();
  const writer = new Writer("longcommittee").raw(encodePoint(key), POINT_BYTES).u16(threshold).u16(seats.length);
  seats.forEach(({ id }) => writer.raw(id, KEY_ID_BYTES));
  return concat(first.slice(0, FIRST_BYTES), writer.digest().slice(0, KEY_ID_BYTES - FIRST_BYTES));
}

/** Return what the shares of a half are bound to, 32 bytes. */
export function halfBinding({ threshold, seats }, key, label, { u, uBar }) {
  const writer = new Writer("longhalf").raw(label, 32);
  [key, u, uBar].forEach((point) => writer.raw(encodePoint(point), POINT_BYTES));
  writer.u16(threshold).u16(seats.length);
  seats.forEach(({ id, commitment }) => writer.raw(id, KEY_ID_BYTES).raw(commitment, 32));
  return writer.digest();
}

/**
 * Return the shares of the seats whose long keys are given, as an answer has them: count u8 ‖ (seat u16 ‖ share[32])….
 * @param {Half} half
 * @param {object} key Y, a point.
 * @param {Uint8Array} label
 * @param {import("./threshold.js").Ciphertext} ciphertext
 * @param {Uint8Array[]} longKeys Private, 96 bytes each.
 * @throws {Refused} AuthFailure: a share is damaged. CiphertextInvalid: it is not what the sealer committed to.
 */
export async function openShares(half, key, label, ciphertext, longKeys) {
  const binding = halfBinding(half, key, label, ciphertext);
  const wrong = () => new Refused("CiphertextInvalid", { what: "a share for decades is not what its sealer committed to" });
  const held = new Map(longKeys.map((each) => [toHex(longKeyId(longPublicKey(each))), each]));
  const found = [];
  for (const [place, { id, commitment, sealed }] of half.seats.entries()) {
    const own = held.get(toHex(id));
    if (own === undefined) {
      continue;
    }
    const seat = place + 1;
    const share = await openLong(own, new Writer("longshare").raw(binding, 32).u16(seat).bytes(), sealed);
    try {
      parseScalar(share);
    } catch {
      throw wrong();
    }
    if (!equal(new Writer("longcommit").raw(label, 32).u16(seat).raw(share, 32).digest(), commitment)) {
      throw wrong();
    }
    found.push({ seat, share });
  }
  const writer = new Writer().u8(found.length);
  found.forEach(({ seat, share }) => writer.u16(seat).raw(share, 32));
  const bytes = writer.bytes();
  found.forEach(({ share }) => share.fill(0));
  return bytes;
}
