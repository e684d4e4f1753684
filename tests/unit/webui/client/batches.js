/**
 * Reads the batches of wide rounds: the steps in a file, their root, and the proof that one step is in it.
 *
 * Invariant: a file that a reader in Python refuses is refused here too.
 *
 * Source: PROTOCOL.md 5W.2; RFC 9162, 2.1.1 and 2.1.3.2; fl/protocol/batches.py.
 */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 as keccak } from "@noble/hashes/sha3.js";

import { concat, domain, equal, sha256, toHex } from "../../../../webui/client/encoding.js";
import { Refused } from "../../../../webui/client/errors.js";

const WHAT = "batch of steps";
const MAX_STEPS = 17_408;
const BODY_CAP = 2 ** 18;
const RECOVERY_OFFSET = 27;

const refuse = (why) => {
  throw new Refused("EncodingError", { what: WHAT, why });
};

/**
 * Return the steps in a file.
 * @param {Uint8Array} file
 * @param {Uint8Array} context Of the round, 32 bytes.
 * @param {number} phase
 * @returns {{account: Uint8Array, body: Uint8Array, signature: Uint8Array, goesOn: boolean, bytes: Uint8Array}[]}
 */
export function parseBatch(file, context, phase) {
  let at = 0;
  const take = (length) => {
    if (at + length > file.length) refuse("it ends too early");
    at += length;
    return file.subarray(at - length, at);
  };
  const number = (length) => take(length).reduce((sum, byte) => sum * 256 + byte, 0);
  const head = concat(domain("steps"), context, Uint8Array.of(phase));
  if (!equal(take(head.length), head)) refuse("it belongs to another round or phase");
  const count = number(2);
  if (count > MAX_STEPS) refuse("it has too many steps");
  const steps = [];
  for (let place = 0; place < count; place += 1) {
    const flag = number(1);
    const start = at;
    const account = take(20);
    const length = number(4);
    if (length > BODY_CAP) refuse("a body is too long");
    const body = take(length);
    const signature = take(65);
    const last = steps.at(-1);
    if (flag > 1 || (last && toHex(account) <= toHex(last.account))) refuse("its members are not in order");
    steps.push({ account, body, signature, goesOn: flag === 1, bytes: file.subarray(start, at) });
  }
  if (at !== file.length) refuse("bytes follow its end");
  return steps;
}

/** Return a step's leaf. */
export const leafOf = (step) => (
  sha256(concat(domain("stepleaf"), Uint8Array.of(step.goesOn ? 1 : 0), sha256(step.bytes)))
);

/** Return the root over leaves, of which there is at least one. */
export function rootOf(leaves) {
  if (leaves.length === 1) return hashLeaf(leaves[0]);
  let half = 1;
  while (2 * half < leaves.length) half *= 2;
  return hashNode(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)));
}

/** Return whether a path leads from a leaf, at `index` of `size`, to the root. */
export function isIncluded(leaf, index, size, path, root) {
  if (index < 0 || index >= size) return false;
  let [at, last, digest] = [index, size - 1, hashLeaf(leaf)];
  for (const node of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      digest = hashNode(node, digest);
      while (at % 2 === 0 && at !== 0) [at, last] = [at >> 1, last >> 1];
    } else {
      digest = hashNode(digest, node);
    }
    [at, last] = [at >> 1, last >> 1];
  }
  return last === 0 && equal(digest, root);
}

/**
 * Return the account that signed 32 bytes.
 * @param {Uint8Array} digest Of the EIP-712 statement.
 * @param {Uint8Array} signature r ‖ s ‖ v, with low s.
 */
export function signerOf(digest, signature) {
  const parsed = secp256k1.Signature.fromBytes(signature.subarray(0, 64));
  const recovered = parsed.addRecoveryBit(signature[64] - RECOVERY_OFFSET).recoverPublicKey(digest);
  return keccak(recovered.toBytes(false).subarray(1)).subarray(12);
}

const hashLeaf = (leaf) => sha256(concat(Uint8Array.of(0), leaf));
const hashNode = (left, right) => sha256(concat(Uint8Array.of(1), left, right));
