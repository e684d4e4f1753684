/**
 * Signed notes: a text, and lines of signatures under it; the keys that verify them; and checkpoints.
 *
 * Source: C2SP signed-note, tlog-checkpoint, tlog-cosignature; fl/protocol/tlog/notes.py and checkpoint.py.
 */

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";

import { ascii, concat, equal, sha256, toHex, toInteger } from "../encoding.js";
import { malformed } from "./errors.js";
import { decode64, encode64, isName, number, textOf, utf8 } from "./text.js";

export const ED25519 = 1;
export const COSIGNATURE = 4;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const ID_BYTES = 4;
const TIME_BYTES = 8;
const MOST_SIGNATURES = 64;
const NOTE_CAP = 64 * 1024;
/** The last second of the year 9999. */
const LAST_TIME = 253402300799n;

/** @typedef {{name: string, type: number, key: Uint8Array, id: Uint8Array}} Key */
/** @typedef {{name: string, id: Uint8Array, payload: Uint8Array}} Line */

/**
 * Return the key in a verifier key's text.
 * @returns {Key}
 * @throws {Failed} ProofMalformed
 */
export function parseKey(text) {
  const [name, id] = text.split("+", 2);
  if (id === undefined || text.length <= name.length + id.length + 1 || !isName(name)) {
    throw malformed("key", "it has another form");
  }
  const raw = decode64(text.slice(name.length + id.length + 2), "key");
  if (raw.length <= 1) { throw malformed("key", "it has another form"); }
  const key = { name, type: raw[0], key: raw.slice(1), id: idOf(name, raw) };
  const known = key.type === ED25519 || key.type === COSIGNATURE;
  if (known && key.key.length !== KEY_BYTES) {
    throw malformed("key", "it has {count} bytes, not {wanted}", { count: key.key.length, wanted: KEY_BYTES });
  }
  if (known && id !== toHex(key.id)) { throw malformed("key", "it has another form"); }
  return key;
}

const idOf = (name, raw) => sha256(concat(utf8(name), ascii("\n"), raw)).slice(0, ID_BYTES);

/** Return a key as a policy has it. */
export const keyText = (key) => `${key.name}+${toHex(key.id)}+${encode64(concat(Uint8Array.of(key.type), key.key))}`;

/**
 * Return a note.
 * @param {Uint8Array} data
 * @returns {{text: string, lines: Line[]}} `text` ends in a newline.
 * @throws {Failed} ProofMalformed
 */
export function parseNote(data) {
  if (data.length > NOTE_CAP) { throw malformed("note", "it is too long"); }
  const whole = textOf(data, "note");
  const gap = whole.lastIndexOf("\n\n");
  const rest = whole.slice(gap + 2);
  if (gap < 0 || !rest.endsWith("\n")) { throw malformed("note", "it has another form"); }
  const lines = rest.split("\n").slice(0, -1);
  if (lines.length > MOST_SIGNATURES) {
    throw malformed("note", "it is too long");
  }
  return { text: `${whole.slice(0, gap)}\n`, lines: lines.map(parseLine) };
}

function parseLine(line) {
  const parts = line.split(" ");
  if (parts.length !== 3 || parts[0] !== "\u2014" || !isName(parts[1])) {
    throw malformed("note", "it has another form");
  }
  const raw = decode64(parts[2], "note");
  if (raw.length <= ID_BYTES) { throw malformed("note", "it has another form"); }
  return { name: parts[1], id: raw.slice(0, ID_BYTES), payload: raw.slice(ID_BYTES) };
}

/**
 * Return the checkpoint in a note's text.
 * @returns {{origin: string, size: bigint, root: Uint8Array}}
 * @throws {Failed} ProofMalformed
 */
export function parseCheckpoint(text) {
  const lines = text.split("\n");
  if (lines.length !== 4 || lines[3] !== "" || !isName(lines[0])) {
    throw malformed("checkpoint", "it has another form");
  }
  const root = decode64(lines[2], "checkpoint");
  if (root.length !== 32) {
    throw malformed("checkpoint", "it has another form");
  }
  return { origin: lines[0], size: number(lines[1], "checkpoint"), root };
}

/** Return whether a line says that a key made it; the signature may be wrong. */
export const isOf = (line, key) => line.name === key.name && equal(line.id, key.id);

/** Return whether a line is the log's signature of a text. */
export const logSigned = (line, key, text) => (
  key.type === ED25519 && isOf(line, key) && line.payload.length === SIGNATURE_BYTES
  && signed(key.key, line.payload, utf8(text))
);

/** Return when a witness cosigned a text, in seconds since 1970; null if the line is not its cosignature. */
export function cosignedAt(line, key, text) {
  if (key.type !== COSIGNATURE || !isOf(line, key) || line.payload.length !== TIME_BYTES + SIGNATURE_BYTES) {
    return null;
  }
  const time = toInteger(line.payload.slice(0, TIME_BYTES));
  const message = utf8(`cosignature/v1\ntime ${time}\n${text}`);
  return time <= LAST_TIME && signed(key.key, line.payload.slice(TIME_BYTES), message) ? Number(time) : null;
}

/**
 * Return whether a key made a signature; false for a key of small order, under which a signature could hold for every
 * message. The equation is that of OpenSSL, without the cofactor, so that both verifiers accept the same signatures.
 *
 * Source: RFC 8032, 5.1.7; fl/crypto/note_keys.py.
 */
function signed(key, signature, message) {
  const { Point } = ed25519;
  const least = (bytes) => toInteger(Uint8Array.from(bytes).reverse());
  try {
    const point = Point.fromBytes(key, true);
    const scalar = least(signature.subarray(32));
    if (point.isSmallOrder() || scalar >= Point.Fn.ORDER) { return false; }
    const challenge = least(sha512(concat(signature.subarray(0, 32), key, message))) % Point.Fn.ORDER;
    const found = Point.BASE.multiplyUnsafe(scalar).subtract(point.multiplyUnsafe(challenge));
    return equal(found.toBytes(), signature.subarray(0, 32));
  } catch {
    return false;
  }
}
