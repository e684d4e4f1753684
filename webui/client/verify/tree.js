/**
 * Paths in the trees of RFC 9162.
 *
 * Source: RFC 9162, 2.1.3.2; fl/protocol/tlog/tree.py, fl/protocol/merkle.py.
 */

import { concat, equal, sha256 } from "../encoding.js";
import { changed } from "./errors.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Return the hash of a leaf's bytes. */
export const leafHash = (bytes) => sha256(concat(LEAF, bytes));

const nodeHash = (left, right) => sha256(concat(NODE, left, right));

/**
 * Return the root to which a path leads from a leaf hash.
 * @param {Uint8Array} leaf
 * @param {bigint} index
 * @param {bigint} size
 * @param {Uint8Array[]} path From the leaf's neighbour up.
 * @param {number} step The step that the error names.
 * @throws {Failed} ProofChanged
 */
export function rootFrom(leaf, index, size, path, step = 5) {
  if (index >= size) { throw changed(step, "the path from the record does not lead to the root that the log signed"); }
  let [at, last, digest] = [index, size - 1n, leaf];
  for (const node of path) {
    if (last === 0n) { throw changed(step, "the path from the record does not lead to the root that the log signed"); }
    if ((at & 1n) === 1n || at === last) {
      digest = nodeHash(node, digest);
      while ((at & 1n) === 0n && at !== 0n) { [at, last] = [at >> 1n, last >> 1n]; }
    } else {
      digest = nodeHash(digest, node);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  if (last !== 0n) { throw changed(step, "the path from the record does not lead to the root that the log signed"); }
  return digest;
}

/**
 * Throw ProofChanged unless a leaf is where a path says, under a root.
 * @param {Uint8Array} leaf
 * @param {{index: number, size: number, nodes: Uint8Array[]}} path
 * @param {Uint8Array} root
 */
export function checkUnder(leaf, path, root) {
  const found = () => rootFrom(leafHash(leaf), BigInt(path.index), BigInt(path.size), path.nodes, 8);
  const why = "what it shows inside the record is not under the record's root";
  try {
    if (!equal(found(), root)) { throw changed(8, why); }
  } catch (error) {
    throw error.name === "ProofChanged" ? changed(8, why) : error;
  }
}
