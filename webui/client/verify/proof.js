/**
 * The file `.tlog-proof`: a record's place in the log, a checkpoint with signatures, and what the proof carries beside them.
 *
 * Invariant: one proof has one form. The seal makes each bit count.
 *
 * Source: C2SP tlog-proof v1; PROTOCOL.md 8T.4; fl/protocol/tlog/proof_file.py and extra.py.
 */

import { concat, domain, equal, Reader, sha256 } from "../encoding.js";
import { Refused } from "../errors.js";
import { changed, malformed, reading } from "./errors.js";
import { parseCheckpoint, parseNote } from "./note.js";
import { decode64, letters, number } from "./text.js";

export const FIRST_LINE = "c2sp.org/tlog-proof@v1";
export const PROOF_CAP = 64 * 1024;
const MOST_NODES = 63;
const MOST_TRIE_NODES = 64;
const SEAL = 32;
const WHAT = "proof";

/**
 * Return the proof in a file; this is step 1 of the verification.
 * @param {Uint8Array} data
 * @throws {Failed} ProofMalformed or ProofChanged
 */
export function parseProof(data) {
  if (data.length > PROOF_CAP) { throw malformed(WHAT, "it is too long"); }
  const whole = letters(data);
  const gap = whole.indexOf("\n\n");
  const head = gap < 0 ? whole : whole.slice(0, gap);
  // eslint-disable-next-line no-control-regex
  if (/[^\x00-\x7f]/.test(head)) { throw malformed(WHAT, "it has another form"); }
  const lines = head.split("\n");
  if (gap < 0 || lines[0] !== FIRST_LINE) {
    throw malformed(WHAT, "it does not begin with {first}", { first: FIRST_LINE });
  }
  if (lines.length < 3 || !lines[1].startsWith("extra ") || !lines[2].startsWith("index ")) {
    throw malformed(WHAT, "it has another form");
  }
  const sealed = decode64(lines[1].slice(6), WHAT);
  const raw = sealed.slice(0, Math.max(sealed.length - SEAL, 0));
  const standard = concat(data.subarray(0, lines[0].length + 1), data.subarray(lines[0].length + lines[1].length + 2));
  if (!equal(sealed.slice(-SEAL), sha256(concat(raw, standard)))) {
    throw changed(1, "it was changed since it was made, or was not copied whole");
  }
  const extra = reading(() => parseExtra(raw), ({ facts }) => malformed(WHAT, facts.why, facts));
  const note = parseNote(data.slice(gap + 2));
  return {
    extra, index: number(lines[2].slice(6), WHAT), path: pathOf(lines.slice(3)), note,
    checkpoint: parseCheckpoint(note.text),
  };
}

function pathOf(lines) {
  if (lines.length > MOST_NODES) { throw malformed(WHAT, "it is too long"); }
  return lines.map((line) => {
    const node = decode64(line, WHAT);
    if (node.length !== 32) { throw malformed(WHAT, "it has another form"); }
    return node;
  });
}

function parseExtra(raw) {
  const reader = new Reader(raw, WHAT);
  const label = domain("extra");
  if (!equal(raw.subarray(0, label.length), label)) { throw refused("it has another form"); }
  reader.raw(label.length);
  const extra = {
    entry: sized(reader), data: sized(reader), transaction: sized(reader), inner: innerOf(reader), binding: bindingOf(reader),
  };
  reader.end();
  return extra;
}

const refused = (why) => new Refused("EncodingError", { what: WHAT, why });

const sized = (reader) => reader.raw(reader.u32());

/** Take a list of at most `most` things. */
function several(reader, most, take) {
  const count = reader.u8();
  if (count > most) { throw refused("it is too long"); }
  return Array.from({ length: count }, take);
}

const treePath = (reader) => ({
  index: reader.u32(), size: reader.u32(), nodes: several(reader, MOST_NODES, () => reader.raw(32)),
});

function innerOf(reader) {
  switch (reader.u8()) {
    case 0: return null;
    case 1: return { kind: "step", step: sized(reader), goesOn: reader.u8(), path: treePath(reader) };
    case 2: return { kind: "leaf", leaf: reader.raw(32), path: treePath(reader) };
    case 3: return { kind: "line", line: sized(reader), path: treePath(reader), batch: sized(reader), above: treePath(reader) };
    case 4: return { kind: "clusterStep", step: sized(reader), goesOn: reader.u8(), path: treePath(reader), above: treePath(reader) };
    default: throw refused("it has another form");
  }
}

function bindingOf(reader) {
  const kind = reader.u8();
  if (kind === 0) { return null; }
  if (kind !== 1) { throw refused("it has another form"); }
  const nodes = () => several(reader, MOST_TRIE_NODES, () => sized(reader));
  return { header: sized(reader), transactionIndex: reader.u32(), event: reader.u8(), receipts: nodes(), transactions: nodes() };
}
