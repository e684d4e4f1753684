/**
 * Texts of C2SP's formats: canonical base64, decimal numbers, UTF-8, names.
 *
 * Source: fl/protocol/tlog/notes.py.
 */

import { malformed } from "./errors.js";

const NUMBER = /^(?:0|[1-9][0-9]*)$/;
const MOST = 2n ** 63n - 1n;
const NAME_CAP = 255;
/** The plus sign, and what is a space for Python and Unicode. */
// eslint-disable-next-line no-control-regex
const NOT_IN_NAMES = /[+\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Return the UTF-8 bytes of a text. */
export const utf8 = (text) => new TextEncoder().encode(text);

/** Return a text of which each letter is one byte. */
export const letters = (bytes) => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
};

/** Return the text in UTF-8 bytes; ProofMalformed for `what` if they are none. */
export function textOf(bytes, what) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed(what, "it is not UTF-8");
  }
}

export const encode64 = (bytes) => btoa(letters(bytes));

/** Return the bytes of canonical base64, or throw ProofMalformed for `what`. */
export function decode64(text, what) {
  let found;
  try {
    found = atob(text);
  } catch {
    throw malformed(what, "it has another form");
  }
  if (btoa(found) !== text) {
    throw malformed(what, "it is not in canonical form");
  }
  return Uint8Array.from(found, (letter) => letter.charCodeAt(0));
}

/** Return a decimal number without leading zeros as a bigint, or throw ProofMalformed for `what`. */
export function number(text, what) {
  if (text.length > 19 || !NUMBER.test(text)) {
    throw malformed(what, "it has another form");
  }
  const value = BigInt(text);
  if (value > MOST) {
    throw malformed(what, "it has another form");
  }
  return value;
}

/** Return whether a key may have this name. */
export const isName = (name) => {
  const length = utf8(name).length;
  return length > 0 && length <= NAME_CAP && !NOT_IN_NAMES.test(name);
};
