/**
 * A member's signed step in a batch of a wide round.
 *
 * Source: PROTOCOL.md 5W.2; fl/protocol/batches.py.
 */

import { Reader, sha256, toHex, Writer } from "../encoding.js";
import { Refused } from "../errors.js";
import { RECORDS, STEPS } from "./records.js";

const BODY_CAP = 1 << 18;
const SIGNATURE_BYTES = 65;
const POINT_BYTES = 33;
/** The phase of the batch in WideFinalised. */
const PROPOSED = 9n;
/** The bytes of a record's fields behind sender and round, where they are not those of a digest. */
const LENGTHS = { mask_key: POINT_BYTES, transport_key: POINT_BYTES, signature: SIGNATURE_BYTES };
const refused = (why) => new Refused("EncodingError", { what: "step", why });

/** Return account and body of a step; the signature is not checked. */
export function parseStep(bytes) {
  const reader = new Reader(bytes, "step");
  const [account, length] = [toHex(reader.raw(20)), reader.u32()];
  if (length > BODY_CAP) { throw refused("it is too long"); }
  const body = reader.raw(length);
  reader.raw(SIGNATURE_BYTES);
  reader.end();
  return { account, body };
}

/** Return a step's leaf in the tree of its batch. */
export const stepLeaf = (bytes, goesOn) => new Writer("stepleaf").u8(goesOn).raw(sha256(bytes), 32).digest();

/**
 * Return the record that a step makes.
 * @param {{account: string, body: Uint8Array}} step
 * @param {bigint | null} phase Of StepsAnchored; null for WideFinalised.
 * @param {bigint} round
 * @returns {Made}
 * @throws {Refused} EncodingError
 */
export function stepRecord({ account, body }, phase, round) {
  const name = STEPS[String(phase ?? PROPOSED)];
  if (name === undefined) { throw refused("it has another form"); }
  const names = RECORDS[name].event.slice(2).map(([field]) => field);
  const reader = new Reader(body, "step");
  const parts = lengthsOf(name, names, body.length).map((length) => reader.raw(length));
  reader.end();
  return { name, fields: { sender: account, round, ...Object.fromEntries(names.map((field, at) => [field, parts[at]])) } };
}

function lengthsOf(name, names, length) {
  if (name === "SharesChecked") { return [length]; }
  if (name === "SharesDealt") {
    const half = (length - 32) / 2;
    if (half < 0 || !Number.isInteger(half)) { throw refused("it has another form"); }
    return [half, half, 32];
  }
  return names.map((field) => LENGTHS[field] ?? 32);
}
