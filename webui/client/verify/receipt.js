/**
 * Checks a receipt (form 2): its fingerprint, the proof in it, and what it says about its place on the ledger.
 *
 * Invariant: *holds* is said only after the receipt's own bytes gave the fingerprint that the proof shows, under a root
 * that the receipt's hospital signed.
 *
 * Source: PROTOCOL.md 9, Records; webui/usecases/receipts.py and receipt_checks.py.
 */

import { concat, domain, equal, fromHex, sha256, toHex } from "../encoding.js";
import { verify } from "./check.js";
import { Failed, malformed, reading } from "./errors.js";
import { canonical, Numeral, parseJson } from "./json.js";
import { utf8 } from "./text.js";

export const RECEIPT_CAP = 256 * 1024;
const FORMATS = ["hemaledger-receipt-1", "hemaledger-receipt-2"];
const FIELDS = ["format", "core", "salt", "leaf", "ledger", "proof", "software", "issued_at", "model_now"];
const WHAT = "receipt";
const otherForm = () => malformed(WHAT, "it has another form");
const differs = (why) => new Failed("ReceiptChanged", { why });

/**
 * What a receipt shows.
 * @typedef {{core: Map<string, any>, salt: Uint8Array, leaf: Uint8Array, superseded: boolean, proven: Proven | null}} Shown
 *   `proven` is null while the proof waits: then only the receipt's own fingerprint was checked. `superseded`: it says, unproved,
 *   that its model is no longer in use.
 */

/**
 * Return what a receipt shows.
 * @param {Uint8Array} data
 * @param {Trust} trust
 * @returns {Shown}
 * @throws {Failed}
 */
export function verifyReceipt(data, trust) {
  const fields = parseJson(data, WHAT, RECEIPT_CAP);
  if (!(fields instanceof Map)) { throw otherForm(); }
  if (!FORMATS.includes(fields.get("format"))) { throw malformed(WHAT, "its format is unknown"); }
  if ([...fields.keys()].some((name) => !FIELDS.includes(name))) { throw otherForm(); }
  const [core, salt, leaf] = [fields.get("core"), digest(fields.get("salt")), digest(fields.get("leaf"))];
  if (!(core instanceof Map)) { throw otherForm(); }
  if (!equal(salted("leaf", salt, canonical(core)), leaf)) {
    throw differs("what it says is not what its fingerprint stands for");
  }
  const text = proofText(fields.get("proof"));
  const superseded = fields.has("model_now");
  return { core, salt, leaf, superseded, proven: text === null ? null : provenOf(utf8(text), fields, leaf, trust) };
}

/** Return the text of the proof in a receipt; null if it has none yet. */
function proofText(proof) {
  if (proof === undefined) { return null; }
  if (!(proof instanceof Map)) { throw otherForm(); }
  const text = proof.get("tlog_proof");
  if (proof.get("state") === "there" && typeof text === "string") { return text; }
  if (proof.get("state") === "waits") { return null; }
  throw otherForm();
}

function provenOf(bytes, fields, leaf, trust) {
  const proven = verify(bytes, trust);
  if (proven.leaf === null || !equal(proven.leaf, leaf)) { throw differs("its proof is of another answer"); }
  const { sender, batch, root } = proven.record.fields;
  if (toHex(digest(fields.get("core").get("hospital"), 20)) !== sender) {
    throw differs("another hospital than the one that it names recorded it");
  }
  const { index, size, nodes } = proven.path;
  const told = fields.get("ledger");
  if (!(told instanceof Map)) { throw otherForm(); }
  const facts = {
    consortium: trust.consortium, chain_id: trust.chainId, key_authority: fromHex(trust.authority, WHAT), batch, root, index, size,
    hospital: fromHex(sender, WHAT), block: proven.event.block, transaction: proven.event.transaction,
  };
  const isSame = told.size === Object.keys(facts).length + 1
    && Object.entries(facts).every(([name, value]) => isTold(told.get(name), value))
    && Array.isArray(told.get("path")) && told.get("path").length === nodes.length
    && nodes.every((node, at) => isTold(told.get("path")[at], node));
  if (!isSame) { throw differs("its place on the ledger is not the one that its proof shows"); }
  return proven;
}

/** Return whether a JSON value is a number, or hexadecimal, as it should be. */
const isTold = (value, wanted) => (
  wanted instanceof Uint8Array ? value === `0x${toHex(wanted)}` : value instanceof Numeral && value.toString() === String(wanted)
);

function digest(value, length = 32) {
  if (typeof value !== "string" || !value.startsWith("0x")) { throw otherForm(); }
  return reading(() => fromHex(value.slice(2), WHAT, length), ({ facts }) => malformed(WHAT, facts.why, facts));
}

/** Return SHA-256(label ‖ salt ‖ SHA-256(bytes)). */
const salted = (label, salt, bytes) => saltedDigest(label, salt, sha256(bytes));

const saltedDigest = (label, salt, inside) => sha256(concat(domain(label), salt, inside));

/**
 * Return the number of the receipt's picture that has a SHA-256, from 1; 0 if it has none.
 * @param {Shown} shown
 * @param {Uint8Array} found 32 bytes.
 */
export function pictureOf({ core, salt }, found) {
  const pictures = core.get("pictures");
  const wanted = `0x${toHex(saltedDigest("picture", salt, found))}`;
  return Array.isArray(pictures) ? pictures.findIndex((one) => one instanceof Map && one.get("digest") === wanted) + 1 : 0;
}
