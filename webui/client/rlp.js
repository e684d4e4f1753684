/**
 * Recursive Length Prefix: an item is a byte string or a list of items.
 *
 * Invariant: one item has one encoding; `decode` refuses every other one, and bytes behind the item.
 *
 * Source: Ethereum yellow paper, appendix B.
 */

import { concat, integerBytes, toInteger } from "./encoding.js";
import { Refused } from "./errors.js";

const NO_BYTES = new Uint8Array();
const SINGLE_BYTE = 0x80;
const LIST = 0xc0;
const LONGEST_SHORT = 55;
const MOST_LEVELS = 64;

/** Return an unsigned integer in as few bytes as possible; none for 0. */
export function shortest(value) {
  return value === 0n ? NO_BYTES : integerBytes(value, Math.ceil(value.toString(16).length / 2));
}

/** Return the bytes of an item. */
export function rlp(item) {
  if (Array.isArray(item)) {
    const body = concat(...item.map(rlp));
    return concat(lengthPrefix(body.length, LIST), body);
  }
  return item.length === 1 && item[0] < SINGLE_BYTE ? item : concat(lengthPrefix(item.length, SINGLE_BYTE), item);
}

function lengthPrefix(length, offset) {
  if (length <= LONGEST_SHORT) {
    return Uint8Array.of(offset + length);
  }
  const bytes = shortest(BigInt(length));
  return concat(Uint8Array.of(offset + LONGEST_SHORT + bytes.length), bytes);
}

/**
 * Return the item that some bytes are.
 * @throws {Refused} EncodingError
 */
export function decode(bytes) {
  const { item, end } = itemAt(bytes, 0, bytes.length, 0);
  if (end !== bytes.length) { throw refused(); }
  return item;
}

function itemAt(bytes, at, limit, level) {
  if (at >= limit || level > MOST_LEVELS) { throw refused(); }
  const first = bytes[at];
  if (first < SINGLE_BYTE) { return { item: bytes.slice(at, at + 1), end: at + 1 }; }
  const offset = first < LIST ? SINGLE_BYTE : LIST;
  const { start, end } = bodyOf(bytes, at, first - offset);
  if (end > limit) { throw refused(); }
  if (offset === SINGLE_BYTE) {
    if (end - start === 1 && bytes[start] < SINGLE_BYTE) { throw refused(); }
    return { item: bytes.slice(start, end), end };
  }
  const items = [];
  for (let next = start; next < end;) {
    const found = itemAt(bytes, next, end, level + 1);
    items.push(found.item);
    next = found.end;
  }
  return { item: items, end };
}

/** Return where the body of an item begins and ends; `short` is its length, or 55 and the bytes of its length. */
function bodyOf(bytes, at, short) {
  if (short <= LONGEST_SHORT) { return { start: at + 1, end: at + 1 + short }; }
  const start = at + 1 + short - LONGEST_SHORT;
  const written = bytes.slice(at + 1, start);
  const length = Number(toInteger(written));
  if (written.length !== start - at - 1 || written[0] === 0 || length <= LONGEST_SHORT) { throw refused(); }
  return { start, end: start + length };
}

const refused = () => new Refused("EncodingError", { what: "document", why: "it is not in canonical form" });
