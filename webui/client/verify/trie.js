/**
 * The Merkle-Patricia trie of a block's receipts and transactions: the check of one value.
 *
 * Invariant: `valueAt` returns a value only if the nodes lead to it from the root, and each of them is needed.
 *
 * Source: Ethereum yellow paper, appendix D; chain/proofs/trie.py.
 */

import { keccak_256 as keccak } from "@noble/hashes/sha3.js";

import { equal } from "../encoding.js";
import { decode, rlp, shortest } from "../rlp.js";
import { unbound } from "./errors.js";

const [BRANCH, SHORT, HASH] = [17, 2, 32];
const [LEAF, ODD] = [2, 1];
const otherForm = () => unbound("the path in the block is wrong");

/**
 * Return the value at a place of a block.
 * @param {Uint8Array} root
 * @param {number} index
 * @param {Uint8Array[]} nodes From the root down.
 * @throws {Failed} BindingInvalid
 */
export function valueAt(root, index, nodes) {
  let [key, want] = [nibbles(rlp(shortest(BigInt(index)))), root];
  const rest = [...nodes];
  for (let value = null; ;) {
    const node = fetched(want, rest);
    if (node.length === BRANCH) {
      [value, want] = key.length === 0 ? [node[BRANCH - 1], null] : [null, node[key[0]]];
      key = key.slice(1);
    } else {
      const { path, isLeaf } = parted(node[0]);
      const leads = node.length === SHORT && path.every((digit, at) => digit === key[at])
        && (!isLeaf || path.length === key.length);
      if (!leads) { throw unbound("the path in the block is wrong"); }
      [key, want, value] = [key.slice(path.length), node[1], isLeaf ? node[1] : null];
    }
    if (value !== null) {
      if (rest.length > 0 || Array.isArray(value) || value.length === 0) {
        throw unbound("the path in the block is wrong");
      }
      return value;
    }
  }
}

/** Return the node that its parent refers to; take it from `rest` if the parent has only its hash. */
function fetched(want, rest) {
  if (Array.isArray(want)) { return want; }
  if (want.length !== HASH || rest.length === 0 || !equal(keccak(rest[0]), want)) {
    throw unbound("the path in the block is wrong");
  }
  let node;
  try {
    node = decode(rest.shift());
  } catch {
    throw otherForm();
  }
  if (!Array.isArray(node)) { throw otherForm(); }
  return node;
}

const nibbles = (bytes) => Array.from(bytes, (byte) => [byte >> 4, byte & 15]).flat();

/** Return the part of a key in a short node, and whether the node is a leaf. */
function parted(raw) {
  if (!(raw instanceof Uint8Array) || raw.length === 0) { throw otherForm(); }
  const digits = nibbles(raw);
  const isOdd = (digits[0] & ODD) === 1;
  if (digits[0] >= 2 * LEAF || (!isOdd && digits[1] !== 0)) { throw otherForm(); }
  return { path: digits.slice(isOdd ? 1 : 2), isLeaf: digits[0] >= LEAF };
}
