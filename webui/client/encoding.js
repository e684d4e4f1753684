/**
 * The only parser and writer of hashed bytes in the browser: fixed-order big-endian, hex, canonical JSON.
 *
 * Invariant: one value has one encoding; a reader refuses trailing bytes.
 *
 * Source: PROTOCOL.md 2; fl/protocol/codec.py.
 */

import { sha256 as hash } from "@noble/hashes/sha2.js";

import { Refused } from "./errors.js";

const PREFIX = "BAFL/1/";
const HEX = /^(?:[0-9a-f]{2})*$/;

/** Return the ASCII bytes of a text. */
export const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** Return `BAFL/1/` and a label, as bytes. */
export const domain = (label) => ascii(PREFIX + label);

export const sha256 = (bytes) => hash(bytes);

/**
 * Join byte strings.
 * @param {...Uint8Array} parts
 */
export function concat(...parts) {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Return whether two byte strings are equal; the time does not depend on where they differ. */
export function equal(left, right) {
  let difference = left.length ^ right.length;
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    difference |= left[at] ^ right[at];
  }
  return difference === 0;
}

/** Return the lower-case hex of some bytes. */
export const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Return the bytes of lower-case hex.
 * @param {unknown} text What was given.
 * @param {string} what Its name, for people.
 * @param {number} [length] How many bytes it must have; without it, any number.
 * @throws {Refused} EncodingError
 */
export function fromHex(text, what, length) {
  if (typeof text !== "string" || !HEX.test(text)) {
    throw new Refused("EncodingError", { what, why: "it is not lower-case hex" });
  }
  if (length !== undefined && text.length !== 2 * length) {
    throw new Refused("EncodingError", { what, why: "it has {count} bytes, not {wanted}", count: text.length / 2, wanted: length });
  }
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** Return the unsigned integer of big-endian bytes. */
export const toInteger = (bytes) => (bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`));

/**
 * Return `width` big-endian bytes of an unsigned integer.
 * @param {bigint | number} value
 * @param {number} width
 * @throws {Refused} EncodingError if it does not fit.
 */
export function integerBytes(value, width) {
  const number = BigInt(value);
  if (number < 0n || number >> BigInt(8 * width) !== 0n) {
    throw new Refused("EncodingError", { what: "integer", why: "it does not fit in {width} unsigned bytes", width });
  }
  return fromHex(number.toString(16).padStart(2 * width, "0"), "integer");
}

/** Builds canonical bytes; every method returns the writer. */
export class Writer {
  #parts;

  /** @param {string} [label] Hashed bytes begin with `BAFL/1/` and this. */
  constructor(label) {
    this.#parts = label === undefined ? [] : [domain(label)];
  }

  u8(value) { return this.#integer(value, 1); }

  u16(value) { return this.#integer(value, 2); }

  u32(value) { return this.#integer(value, 4); }

  u64(value) { return this.#integer(value, 8); }

  /** Append a fixed array of exactly `length` bytes. */
  raw(bytes, length) {
    if (bytes.length !== length) {
      const facts = { count: bytes.length, wanted: length };
      throw new Refused("EncodingError", { what: "fixed array", why: "it has {count} bytes, not {wanted}", ...facts });
    }
    this.#parts.push(bytes);
    return this;
  }

  /** Append `u16 length ‖ bytes`, as RFC 9497 has it. */
  sized(bytes) {
    return this.u16(bytes.length).raw(bytes, bytes.length);
  }

  /** Return everything appended so far. */
  bytes() {
    return concat(...this.#parts);
  }

  /** Return the SHA-256 of everything appended so far. */
  digest() {
    return sha256(this.bytes());
  }

  #integer(value, width) {
    this.#parts.push(integerBytes(value, width));
    return this;
  }
}

/** Parses canonical bytes strictly. Integers of up to 32 bits are numbers, longer ones bigints. */
export class Reader {
  #bytes;

  #at = 0;

  #what;

  constructor(bytes, what) {
    this.#bytes = bytes;
    this.#what = what;
  }

  u8() { return Number(toInteger(this.raw(1))); }

  u16() { return Number(toInteger(this.raw(2))); }

  u32() { return Number(toInteger(this.raw(4))); }

  u64() { return toInteger(this.raw(8)); }

  /** Take exactly `length` bytes; EncodingError if there are fewer. */
  raw(length) {
    if (this.#at + length > this.#bytes.length) {
      throw new Refused("EncodingError", { what: this.#what, why: "it ends too early" });
    }
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  /** EncodingError if bytes are left. */
  end() {
    if (this.#at !== this.#bytes.length) {
      const count = this.#bytes.length - this.#at;
      throw new Refused("EncodingError", { what: this.#what, why: "{count} bytes follow its end", count });
    }
  }
}

/**
 * Return canonical JSON: sorted keys, no spaces, ASCII, one final newline; the bytes of `codec.write_document`.
 * @param {Record<string, unknown>} value Objects, texts and safe integers only.
 */
export const writeDocument = (value) => ascii(`${canonical(value)}\n`);

function canonical(value) {
  if (typeof value === "string") {
    const escape = (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
    return JSON.stringify(value).replace(/[\u007f-\uffff]/g, escape);
  }
  if (Number.isSafeInteger(value)) {
    return String(value);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const fields = Object.keys(value).sort().map((name) => `${canonical(name)}:${canonical(value[name])}`);
    return `{${fields.join(",")}}`;
  }
  throw new Refused("EncodingError", { what: "document", why: "it has something other than objects, texts and integers" });
}
