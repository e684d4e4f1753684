/**
 * Records from the contracts' events, and the call data that make them.
 *
 * Invariant: pure and driven by the table in records.js. What eth_abi and chain/contracts refuse in Python is refused here.
 *
 * Source: Solidity ABI specification; chain/contracts/events.py, calldata.py; chain/authorship.py.
 */

import { keccak_256 as keccak } from "@noble/hashes/sha3.js";

import { ascii, concat, equal, toHex, toInteger } from "../encoding.js";
import { Refused } from "../errors.js";
import { RECORDS } from "./records.js";

const WORD = 32;
const SELECTOR_BYTES = 4;
const refused = (why) => new Refused("EncodingError", { what: "record", why });

/** @typedef {{name: string, fields: Record<string, any>}} Made  Numbers are bigints, accounts hex, texts strings. */

const typeText = (type) => (Array.isArray(type) ? `(${type.map((field) => typeText(field[1])).join()})` : type);

const signature = (name, fields) => keccak(ascii(`${name}(${fields.map((field) => typeText(field[1])).join()})`));

/** The names of records, by contract and first topic; made when the first event is read. */
let byTopic = null;

function nameOf(contract, topic) {
  byTopic ??= new Map(Object.entries(RECORDS).map(([name, { contract: home, event }]) => (
    [`${home} ${toHex(signature(name, event))}`, name]
  )));
  return byTopic.get(`${contract} ${toHex(topic)}`);
}

/**
 * Return the record in an event of a contract.
 * @param {"KeyAuthority" | "FederationLedger"} contract
 * @param {Uint8Array[]} topics 32 bytes each.
 * @param {Uint8Array} data
 * @returns {Made}
 * @throws {Refused} EncodingError
 */
export function recordOf(contract, topics, data) {
  const name = topics.length > 0 ? nameOf(contract, topics[0]) : undefined;
  if (name === undefined) { throw refused("it is an event that this version does not know"); }
  const { event } = RECORDS[name];
  const [indexed, plain] = [event.filter((field) => field[2]), event.filter((field) => !field[2])];
  if (topics.length !== indexed.length + 1) { throw refused("it has another form"); }
  const values = { ...decoded(indexed, concat(...topics.slice(1)), true), ...decoded(plain, data, true) };
  return { name, fields: Object.fromEntries(event.map(([field]) => [field, values[field]])) };
}

/**
 * Return whether call data make a record; fields that the contract computes are ignored.
 * @param {Uint8Array} data
 * @param {Made} record
 */
export function makes(data, { name, fields }) {
  const { call, arguments: inputs } = RECORDS[name];
  if (!equal(data.subarray(0, SELECTOR_BYTES), signature(call, inputs).subarray(0, SELECTOR_BYTES))) { return false; }
  try {
    const given = decoded(inputs, data.slice(SELECTOR_BYTES), false);
    return Object.entries(given).every(([field, value]) => same(fields[field], value));
  } catch (error) {
    if (error.name === "EncodingError") { return false; }
    throw error;
  }
}

/** Return whether two values are the same; the names of a struct's fields are those of the table. */
function same(one, other) {
  if (one instanceof Uint8Array) { return equal(one, other); }
  if (typeof one === "object" && one !== null) {
    const names = Object.keys(one);
    return names.length === Object.keys(other).length && names.every((name) => same(one[name], other[name]));
  }
  return one === other;
}

/** Return how many words a type takes at its place. */
const widthOf = (type) => (Array.isArray(type) ? type.reduce((sum, field) => sum + widthOf(field[1]), 0) : 1);

/** Return the values of fields by their names. `strict`: also what pads a value at the end must be zeros. */
function decoded(fields, data, strict, start = 0) {
  const found = {};
  let at = start;
  for (const [name, type, , allowed] of fields) {
    const value = Array.isArray(type) ? decoded(type, data, strict, at) : valueAt(type, data, at, strict);
    if (allowed !== undefined && !allowed.includes(Number(value))) { throw refused("it has another form"); }
    found[name] = value;
    at += WORD * widthOf(type);
  }
  return found;
}

function valueAt(type, data, at, strict) {
  const word = slice(data, at, WORD);
  if (type === "bytes32") { return word; }
  if (type === "address") { return toHex(padded(word, 20)); }
  if (type.startsWith("uint")) { return toInteger(padded(word, Number(type.slice(4)) / 8)); }
  const offset = safe(word);
  const count = safe(slice(data, offset, WORD));
  if (type === "address[]") {
    const words = slice(data, offset + WORD, count * WORD);
    return Array.from({ length: count }, (_, place) => toHex(padded(words.slice(place * WORD, (place + 1) * WORD), 20)));
  }
  const content = slice(data, offset + WORD, count);
  if (strict && slice(data, offset + WORD + count, (WORD - (count % WORD)) % WORD).some((byte) => byte !== 0)) {
    throw refused("it has another form");
  }
  return type === "string" ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(content) : content;
}

/** Return the last bytes of a word; the others must be zeros. */
function padded(word, width) {
  if (word.subarray(0, WORD - width).some((byte) => byte !== 0)) { throw refused("it has another form"); }
  return word.slice(WORD - width);
}

/** Return a length or a place; one that no data could have is refused by `slice`. */
const safe = (word) => Number(toInteger(word));

function slice(data, start, size) {
  if (start + size > data.length) { throw refused("it has another form"); }
  return data.slice(start, start + size);
}
