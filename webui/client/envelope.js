/**
 * Seals envelopes: a file for several readers, bound to its sender, round and consortium.
 *
 * Invariant: every file has a fresh content key, and all readers open the same contents.
 *
 * Layout: PROTOCOL.md 4; core(138), head(180) = core ‖ keyCommit[32] ‖ bodyLength u64 ‖ readers u16, wraps of 131, body; in
 * suite 2 wraps of 1,219.
 *
 * Source: PROTOCOL.md 4; fl/crypto/envelope.py.
 */

import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 as hash } from "@noble/hashes/sha2.js";

import { ascii, concat, domain, equal, Reader, sha256, Writer } from "./encoding.js";
import { Refused } from "./errors.js";
import { UNCOMPRESSED_BYTES } from "./group.js";
import { aeadSeal, sealBase } from "./hpke.js";
import { longKeyId, sealLong } from "./long.js";

const MAGIC = ascii("BAFL");
const VERSION = 1;
export const SUITE_P256 = 1;
/** ML-KEM-768 and P-256: for files that must stay closed for decades (long.js). */
export const SUITE_HYBRID = 2;
export const CORE_BYTES = 138;
export const KIND = Object.freeze({ MODEL: 2, RECORD: 5, PARTIAL: 6 });
const TAG_BYTES = 16;
const MAX_READERS = 1024;
const SEALED_KEY_BYTES = { [SUITE_P256]: 113, [SUITE_HYBRID]: 1201 };
const NONCE = new Uint8Array(12);

/**
 * What an envelope is bound to; `round` and `chainId` are bigints; without `suite` it is 1.
 * @typedef {{kind: number, consortium: Uint8Array, chainId: bigint, contract: Uint8Array, sender: Uint8Array,
 *   round: bigint, epoch: number, seq: number, context: Uint8Array, suite?: number}} Core
 */

/** Return the 138 bytes of a core. */
export function coreBytes(core) {
  return new Writer().raw(MAGIC, 4).u8(VERSION).u8(core.kind).u16(core.suite ?? SUITE_P256).u16(0)
    .raw(core.consortium, 32).u64(core.chainId).raw(core.contract, 20)
    .raw(core.sender, 20).u64(core.round).u32(core.epoch).u32(core.seq).raw(core.context, 32).bytes();
}

/**
 * Parse a core, with its suite and flags; the caller compares it with the ledger.
 * @param {Uint8Array} bytes 138 bytes.
 * @returns {Core & {suite: number, flags: number}}
 * @throws {Refused} EncodingError: length, magic or version.
 */
export function parseHeader(bytes) {
  const reader = new Reader(bytes, "envelope header");
  if (!equal(reader.raw(4), MAGIC) || reader.u8() !== VERSION) {
    throw new Refused("EncodingError", { what: "envelope header", why: "it is not a BAFL/1 envelope" });
  }
  const header = {
    kind: reader.u8(), suite: reader.u16(), flags: reader.u16(),
    consortium: reader.raw(32), chainId: reader.u64(), contract: reader.raw(20),
    sender: reader.raw(20), round: reader.u64(), epoch: reader.u32(), seq: reader.u32(), context: reader.raw(32),
  };
  reader.end();
  return header;
}

/** Return the 16 bytes that name a member's key of 65 bytes (PROTOCOL.md 3). */
export const memberKeyId = (publicKey) => (
  new Writer("keyid").u16(SUITE_P256).raw(publicKey, UNCOMPRESSED_BYTES).digest().slice(0, 16)
);

/**
 * Seal `plaintext` to every reader under a fresh content key.
 * @param {Core} core
 * @param {Uint8Array[]} readers Public keys, 65 bytes each; in suite 2 long keys, 1,249 bytes each.
 * @param {Uint8Array} plaintext
 * @param {{contentKey?: Uint8Array, secrets?: bigint[]}} [chance] Only for test vectors: 32 bytes, and the senders' keys of
 *   the wraps.
 * @throws {Refused} EncodingError: not 1 to 1024 readers. InvalidPoint: a reader's key is not a point.
 */
export async function seal(core, readers, plaintext, { contentKey = fresh(), secrets = [] } = {}) {
  if (readers.length < 1 || readers.length > MAX_READERS) {
    throw new Refused("EncodingError", { what: "envelope", why: "it has {count} recipients", count: readers.length });
  }
  const first = coreBytes(core);
  const derived = (label) => hkdf(hash, contentKey, sha256(first), domain(label), 32);
  const bodyKey = derived("body");
  const head = new Writer().raw(first, CORE_BYTES).raw(derived("commit"), 32)
    .u64(plaintext.length + TAG_BYTES).u16(readers.length).bytes();
  const wraps = await Promise.all(readers.map((reader, at) => wrap(core.suite ?? SUITE_P256, head, reader, contentKey, secrets[at])));
  const prefix = concat(head, ...wraps);
  const body = await aeadSeal(bodyKey, NONCE, plaintext, sha256(prefix));
  contentKey.fill(0);
  bodyKey.fill(0);
  return concat(prefix, body);
}

const fresh = () => crypto.getRandomValues(new Uint8Array(32));

async function wrap(suite, head, reader, contentKey, secret) {
  const long = suite === SUITE_HYBRID;
  const keyId = long ? longKeyId(reader) : memberKeyId(reader);
  const info = new Writer("wrap").raw(sha256(head), 32).raw(keyId, 16).bytes();
  const sealed = await (long ? sealLong(reader, info, contentKey) : sealBase(reader, info, contentKey, secret));
  return new Writer().raw(keyId, 16).u16(sealed.length).raw(sealed, SEALED_KEY_BYTES[suite]).bytes();
}
