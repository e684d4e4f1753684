/**
 * One entry of the log: a record's event, exactly as the chain has it.
 *
 * Source: PROTOCOL.md 8T.1; fl/protocol/tlog/entry.py.
 */

import { domain, equal, Reader, sha256, toHex } from "../encoding.js";
import { Refused } from "../errors.js";

const ENTRY_CAP = 65535;
const MOST_TOPICS = 4;
const [WHOLE, HASHED] = [0, 1];
const WHAT = "log entry";
const refused = (why) => new Refused("EncodingError", { what: WHAT, why });

/**
 * Return the event in an entry's bytes.
 * @param {Uint8Array} raw
 * @param {Uint8Array} given The event's data if the entry holds only their SHA-256; empty otherwise.
 * @throws {Refused} EncodingError
 */
export function parseEntry(raw, given) {
  if (raw.length > ENTRY_CAP) { throw refused("it is too long"); }
  const reader = new Reader(raw, WHAT);
  const label = domain("logentry");
  if (!equal(raw.subarray(0, label.length), label)) { throw refused("it has another form"); }
  reader.raw(label.length);
  const entry = {
    consortium: reader.raw(32),
    chainId: reader.u64(),
    contract: toHex(reader.raw(20)),
    block: reader.u64(),
    index: reader.u32(),
    time: reader.u64(),
    blockHash: reader.raw(32),
    transaction: reader.raw(32),
  };
  const count = reader.u8();
  if (count > MOST_TOPICS) { throw refused("it has another form"); }
  const topics = Array.from({ length: count }, () => reader.raw(32));
  const { data, form } = dataOf(reader, given);
  const head = raw.length - (form === WHOLE ? data.length + 4 : 32);  // with the form
  if ((head + 4 + data.length > ENTRY_CAP) !== (form === HASHED)) { throw refused("it has another form"); }
  return { ...entry, topics, data };
}

function dataOf(reader, given) {
  const form = reader.u8();
  let data = given;
  if (form === WHOLE) {
    if (given.length > 0) { throw refused("it has another form"); }
    data = reader.raw(reader.u32());
  } else if (form !== HASHED) {
    throw refused("it has another form");
  } else if (!equal(sha256(given), reader.raw(32))) {
    throw refused("it has another form");
  }
  reader.end();
  return { data, form };
}
