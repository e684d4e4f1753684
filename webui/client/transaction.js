/**
 * Signs transactions to the key authority: an approval or a refusal of a request, or a trustee's first member key.
 *
 * Invariant: a transaction transfers no money and goes to the given contract; nothing else is signed.
 *
 * Source: EIP-2718, EIP-1559 (type 2), EIP-2 (low s); RFC 6979 (nonces); contracts/authority/IRequests.sol.
 */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 as keccak } from "@noble/hashes/sha3.js";

import { ascii, concat, integerBytes, toInteger, Writer } from "./encoding.js";
import { Refused } from "./errors.js";
import { rlp, shortest } from "./rlp.js";

const TYPE = 2;
const SELECTOR_BYTES = 4;
const ACCOUNT_BYTES = 20;
const NO_BYTES = new Uint8Array();

/**
 * Where a transaction goes and what it may cost; everything but `to` is a bigint.
 * @typedef {{chainId: bigint, to: Uint8Array, nonce: bigint, gas: bigint, maxFee: bigint, maxPriorityFee: bigint}} Terms
 */

/** Return the call data of approveDecryption(request, digest). */
export const approval = (request, digest) => (
  call("approveDecryption(uint64,bytes32)", word(request), new Writer().raw(digest, 32).bytes())
);

/** Return the call data of refuseDecryption(request, reason). */
export const refusal = (request, reason) => call("refuseDecryption(uint64,uint8)", word(request), word(reason));

/**
 * Return the call data of registerKey(1, publicKey, proof).
 * @param {Uint8Array} publicKey 65 bytes.
 * @param {Uint8Array} proof 64 bytes.
 */
export const registration = (publicKey, proof) => call(
  "registerKey(uint32,bytes,bytes)", word(1), word(3 * 32), word(3 * 32 + 32 + 96),
  word(65), publicKey, new Uint8Array(96 - 65), word(64), proof,
);

/** Return the account of a secp256k1 key, 20 bytes; InvalidScalar if it is not a key. */
export function accountOf(key) {
  if (!secp256k1.utils.isValidSecretKey(key)) {
    throw new Refused("InvalidScalar", { why: "the key of the account is invalid" });
  }
  return keccak(secp256k1.getPublicKey(key, false).subarray(1)).slice(-ACCOUNT_BYTES);
}

/**
 * Return the raw signed transaction; the same arguments give the same bytes.
 * @param {Uint8Array} key The account's key, 32 bytes.
 * @param {Terms} terms
 * @param {Uint8Array} data Call data.
 */
export function sign(key, terms, data) {
  const to = new Writer().raw(terms.to, ACCOUNT_BYTES).bytes();
  const fields = [
    ...[terms.chainId, terms.nonce, terms.maxPriorityFee, terms.maxFee, terms.gas].map(shortest),
    to, NO_BYTES, data, [],
  ];
  const digest = keccak(typed(fields));
  const signature = secp256k1.sign(digest, key, { prehash: false, lowS: true, format: "recovered" });
  const numbers = [signature.subarray(0, 1), signature.subarray(1, 33), signature.subarray(33)];
  return typed([...fields, ...numbers.map((each) => shortest(toInteger(each)))]);
}

const typed = (fields) => concat(Uint8Array.of(TYPE), rlp(fields));

const call = (signature, ...words) => concat(keccak(ascii(signature)).slice(0, SELECTOR_BYTES), ...words);

const word = (value) => integerBytes(value, 32);
