/**
 * Reads and writes JSON as Python does: fields keep their order until they are sorted, numbers keep their digits.
 *
 * Invariant: before a text is parsed, its cost is bounded. A value has no lone surrogate, no repeated field and no number
 * that is not finite. `canonical` gives the bytes of `codec.write_document`.
 *
 * Source: RFC 8259, RFC 7493; fl/protocol/strict_json.py, fl/protocol/codec.py.
 */

import { ascii } from "../encoding.js";
import { malformed } from "./errors.js";
import { textOf } from "./text.js";

const MOST_LEVELS = 64;
const MOST_VALUES = 500000;
const MOST_DIGITS = 128;
const TOKEN = /[ \t\n\r]*(?:([[\]{},:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null))/y;
const BLANK = /[ \t\n\r]*$/y;
const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/** A number: an integer as bigint, or another one as number. */
export class Numeral {
  /** @param {string} text */
  constructor(text) {
    this.isInteger = /^-?[0-9]+$/.test(text);
    this.value = this.isInteger ? BigInt(text) : Number(text);
  }

  /** Return the number as Python writes it. */
  toString() {
    return this.isInteger ? String(this.value) : floatText(this.value);
  }
}

/**
 * Return the shortest text of a binary64 number, as Python's `repr` writes it.
 *
 * JavaScript has the same digits, but another rule for when an exponent is written.
 */
function floatText(value) {
  if (value === 0) { return Object.is(value, -0) ? "-0.0" : "0.0"; }
  const [, sign, whole, part = "", power] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(value.toExponential());
  const [digits, exponent] = [whole + part, Number(power)];
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${whole}${part && `.${part}`}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) { return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`; }
  const padded = digits.padEnd(exponent + 2, "0");
  return `${sign}${padded.slice(0, exponent + 1)}.${padded.slice(exponent + 1)}`;
}

/**
 * Return the value in some bytes: Map, Array, string, Numeral, boolean or null.
 * @param {Uint8Array} bytes
 * @param {string} what Its name in the error.
 * @param {number} cap
 * @throws {Failed} ProofMalformed
 */
export function parseJson(bytes, what, cap) {
  if (bytes.length > cap) { throw malformed(what, "it is too long"); }
  const reader = new Tokens(textOf(bytes, what), what);
  const value = valueOf(reader, 0);
  reader.end();
  return value;
}

class Tokens {
  #text;

  #at = 0;

  #count = 0;

  constructor(text, what) {
    this.#text = text;
    this.what = what;
  }

  /** Return the next token: `{mark}`, `{string}`, `{number}` or `{word}`. */
  next() {
    TOKEN.lastIndex = this.#at;
    const found = TOKEN.exec(this.#text);
    this.#count += 1;
    if (found === null || this.#count > 4 * MOST_VALUES) { throw this.wrong(); }
    this.#at = TOKEN.lastIndex;
    return { mark: found[1], string: found[2], number: found[3], word: found[4] };
  }

  end() {
    BLANK.lastIndex = this.#at;
    if (!BLANK.test(this.#text)) { throw this.wrong(); }
  }

  wrong() {
    return malformed(this.what, "it has another form");
  }
}

function valueOf(tokens, level, token = tokens.next()) {
  if (token.string !== undefined) { return stringOf(tokens, token.string); }
  if (token.number !== undefined) { return numeralOf(tokens, token.number); }
  if (token.word !== undefined) { return { true: true, false: false, null: null }[token.word]; }
  if (level >= MOST_LEVELS) { throw tokens.wrong(); }
  if (token.mark === "[") { return listOf(tokens, level); }
  if (token.mark === "{") { return objectOf(tokens, level); }
  throw tokens.wrong();
}

function stringOf(tokens, quoted) {
  const text = JSON.parse(quoted);
  if (LONE.test(text)) { throw tokens.wrong(); }
  return text;
}

function numeralOf(tokens, text) {
  if (text.length > MOST_DIGITS) { throw tokens.wrong(); }
  const found = new Numeral(text);
  if (!found.isInteger && !Number.isFinite(found.value)) { throw tokens.wrong(); }
  return found;
}

function listOf(tokens, level) {
  const items = [];
  let token = tokens.next();
  while (token.mark !== "]") {
    items.push(valueOf(tokens, level + 1, token));
    const { mark } = tokens.next();
    if (mark === "]") { break; }
    if (mark !== ",") { throw tokens.wrong(); }
    token = tokens.next();
    if (token.mark === "]") { throw tokens.wrong(); }
  }
  return items;
}

function objectOf(tokens, level) {
  const fields = new Map();
  let token = tokens.next();
  while (token.mark !== "}") {
    if (token.string === undefined || tokens.next().mark !== ":") { throw tokens.wrong(); }
    const name = stringOf(tokens, token.string);
    if (fields.has(name)) { throw tokens.wrong(); }
    fields.set(name, valueOf(tokens, level + 1));
    const { mark } = tokens.next();
    if (mark === "}") { break; }
    if (mark !== ",") { throw tokens.wrong(); }
    token = tokens.next();
    if (token.mark === "}") { throw tokens.wrong(); }
  }
  return fields;
}

/** Return the bytes of a value as canonical JSON, with a newline at the end. */
export const canonical = (value) => ascii(`${written(value)}\n`);

function written(value) {
  if (typeof value === "string") { return quoted(value); }
  if (Array.isArray(value)) { return `[${value.map(written).join(",")}]`; }
  if (value instanceof Map) {
    const fields = [...value].sort(([one], [other]) => byCodePoints(one, other));
    return `{${fields.map(([name, inside]) => `${quoted(name)}:${written(inside)}`).join(",")}}`;
  }
  return String(value);
}

const quoted = (text) => JSON.stringify(text).replace(
  /[\u007f-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
);

/** Python sorts by code points, JavaScript by halves of surrogate pairs. */
function byCodePoints(one, other) {
  const [left, right] = [[...one], [...other]];
  const at = left.findIndex((letter, place) => letter !== right[place]);
  if (at < 0) { return left.length - right.length; }
  return right.length <= at ? 1 : left[at].codePointAt(0) - right[at].codePointAt(0);
}
