/**
 * Checks a proof: no chain, no network, no account.
 *
 * Invariant: everything in what `verify` returns follows from the proof's bytes and the trust file alone. The steps are
 * numbered; each error names the step that found it.
 *
 * Source: PROTOCOL.md 8T.6; fl/proofs/verify.py, which has the same steps and the same errors.
 */

import { keccak_256 as keccak } from "@noble/hashes/sha3.js";

import { ascii, equal, fromHex, sha256 } from "../encoding.js";
import { recordOf } from "./abi.js";
import { boundEvent } from "./binding.js";
import { parseEntry } from "./entry.js";
import { changed, Failed, malformed, reading, unbound } from "./errors.js";
import { parseJson } from "./json.js";
import { cosignedAt, isOf, logSigned } from "./note.js";
import { isMet } from "./policy.js";
import { parseProof } from "./proof.js";
import { parseSigned, strange } from "./signed.js";
import { parseStep, stepLeaf, stepRecord } from "./step.js";
import { checkUnder, leafHash, rootFrom } from "./tree.js";

const QBFT = "qbft";
const ACCESS_LINE = "hemaledger-access-line-1\n";
const ACCESS_BATCH = "hemaledger-access-batch-1\n";
const BATCH_FIELDS = 5;
const BATCH_CAP = 4096;
const FEWEST_CLUSTERS = 2;

/**
 * What a proof shows to who has this trust.
 * @typedef {{record: Made, event: object, index: bigint, checkpoint: object, cosigned: Map<string, number>,
 *   bound: object | null, step: Made | null, leaf: Uint8Array | null, line: Uint8Array | null, path: object | null}} Proven
 */

/**
 * Return what a proof shows.
 * @param {Uint8Array} data The file `.tlog-proof`.
 * @param {Trust} trust
 * @returns {Proven}
 * @throws {Failed}
 */
export function verify(data, trust) {
  const proof = parseProof(data);  // step 1
  checkLog(proof, trust);  // step 2
  const cosigned = checkWitnesses(proof, trust);  // step 3
  const { event, record } = checkEntry(proof, trust);  // step 4
  checkInclusion(proof);  // step 5
  checkAuthor(event, record, proof.extra.transaction);  // step 6
  const bound = checkBinding(proof, trust);  // step 7
  const inner = checkInner(proof.extra.inner, record);  // step 8
  return { record, event, index: proof.index, checkpoint: proof.checkpoint, cosigned, bound, ...inner };
}

/** Step 2: the checkpoint is of the consortium's log, which signed it. */
function checkLog({ note, checkpoint }, trust) {
  const wrong = (why) => new Failed("LogSignatureInvalid", { why });
  if (checkpoint.origin !== trust.origin) { throw wrong("the checkpoint is of another log than that of your trust file"); }
  let signed = false;
  for (const line of note.lines) {
    for (const key of trust.policy.logs) {
      if (key.name === checkpoint.origin && isOf(line, key)) {
        if (!logSigned(line, key, note.text)) { throw wrong("its signature is not of this checkpoint"); }
        if (signed) { throw wrong("it has two signatures of the log"); }
        signed = true;
      }
    }
  }
  if (!signed) { throw wrong("no log of your trust file signed the checkpoint"); }
}

/** Step 3: each line of a known witness is its cosignature, none comes twice, and the quorum is met. */
function checkWitnesses({ note }, { policy }) {
  const cosigned = new Map();
  for (const line of note.lines) {
    for (const [witness, key] of policy.witnesses) {
      if (isOf(line, key)) {
        const time = cosignedAt(line, key, note.text);
        const wrong = (why) => new Failed("CosignatureInvalid", { witness, why });
        if (time === null) { throw wrong("its signature is not of this checkpoint and time"); }
        if (cosigned.has(witness)) { throw wrong("it is there twice"); }
        cosigned.set(witness, time);
      }
    }
  }
  if (!isMet(policy, cosigned)) {
    throw new Failed("WitnessesMissing", { cosigned: cosigned.size, known: policy.witnesses.size, quorum: policy.quorum });
  }
  return cosigned;
}

/** Step 4: the entry is an event of a contract of the trust file. */
function checkEntry({ extra }, trust) {
  return reading(() => {
    const event = parseEntry(extra.entry, extra.data);
    const ours = equal(event.consortium, trust.consortium) && event.chainId === trust.chainId;
    if (!ours || ![trust.authority, ...trust.ledgers].includes(event.contract)) {
      throw changed(4, "its record is of another consortium, chain or contract than your trust file names");
    }
    const contract = event.contract === trust.authority ? "KeyAuthority" : "FederationLedger";
    return { event, record: recordOf(contract, event.topics, event.data) };
  }, ({ facts }) => malformed("proof", facts.why, facts));
}

/** Step 5: the path leads from the entry to the checkpoint's root. */
function checkInclusion({ extra, index, path, checkpoint }) {
  if (!equal(rootFrom(leafHash(extra.entry), index, checkpoint.size, path), checkpoint.root)) {
    throw changed(5, "the path from the record does not lead to the root that the log signed");
  }
}

/** Step 6: the record's sender signed the transaction that makes it. */
function checkAuthor(event, record, transaction) {
  const call = reading(() => parseSigned(transaction), ({ facts }) => changed(6, facts.why));
  if (!equal(keccak(transaction), event.transaction)) {
    throw changed(6, "the transaction in it is not the one that the entry names");
  }
  const why = strange(record, event.contract, call, event.chainId);
  if (why !== null) { throw new Failed("ProofChanged", { step: 6, why: "its sender did not sign this record: {reason}", reason: why }); }
}

/** Step 7: a block holds CheckpointAnchored of this checkpoint, from a known keeper; on QBFT it is sealed. */
function checkBinding({ extra, checkpoint }, trust) {
  if (extra.binding === null) { return null; }
  const bound = boundEvent(extra.binding, trust.chainId, trust.consensus);
  const { name, fields } = bound.record;
  if (!trust.ledgers.includes(bound.contract) || name !== "CheckpointAnchored") {
    throw unbound("the event in it is not a checkpoint on a ledger of your trust file");
  }
  if (fields.size !== checkpoint.size || !equal(fields.root, checkpoint.root)) {
    throw unbound("the ledger holds another checkpoint than this one");
  }
  if (!trust.keepers.includes(fields.sender)) {
    throw unbound("who put the checkpoint on the ledger is not a keeper of your trust file");
  }
  const validators = new Set(trust.validators);
  bound.sealed = [...bound.sealers].filter((each) => validators.has(each)).length;
  if (trust.consensus === QBFT && 3 * bound.sealed <= 2 * trust.validators.length) {
    throw unbound("only {sealed} of the {known} validators sealed the block", { sealed: bound.sealed, known: trust.validators.length });
  }
  return bound;
}

/** Step 8: what is inside the record: a member's step, a patient record's leaf, a line of an access log. */
function checkInner(inner, { name, fields }) {
  const nothing = { step: null, leaf: null, line: null, path: null };
  if (inner === null) { return nothing; }
  return reading(() => {
    if (inner.kind === "step" && (name === "StepsAnchored" || name === "WideFinalised")) {
      return { ...nothing, step: checkStep(inner, { name, fields }) };
    }
    if (inner.kind === "clusterStep" && name === "StepsAnchored") {
      return { ...nothing, step: checkClusterStep(inner, fields) };
    }
    if (inner.kind === "leaf" && name === "RecordsAnchored") {
      checkUnder(inner.leaf, inner.path, fields.root);
      return { ...nothing, leaf: inner.leaf, path: inner.path };
    }
    if (inner.kind === "line" && name === "RecordsAnchored") {
      checkUnder(sha256(inner.line), inner.path, accessRoot(inner));
      checkUnder(sha256(inner.batch), inner.above, fields.root);
      return { ...nothing, line: inner.line };
    }
    throw changed(8, "what it shows inside the record is not what such a record holds");
  }, ({ facts }) => malformed("proof", facts.why, facts));
}

/** Return what a member's step in the batch of a record says. */
function checkStep(inner, { name, fields }) {
  const step = steppedBy(inner);
  if (BigInt(inner.path.size) !== fields.count) { throw changed(8, "the record holds another number of steps"); }
  checkUnder(stepLeaf(inner.step, inner.goesOn), inner.path, fields.root);
  return stepRecord(step, name === "StepsAnchored" ? fields.phase : null, fields.round);
}

/** Return what a member's step in the file of its cluster says. */
function checkClusterStep(inner, fields) {
  const step = steppedBy(inner);
  const { path, above } = inner;
  if (above.size < FEWEST_CLUSTERS || BigInt(Math.max(path.size, above.size)) > fields.count) {
    throw changed(8, "the record holds another number of steps");
  }
  const leaf = leafHash(stepLeaf(inner.step, inner.goesOn));
  checkUnder(rootFrom(leaf, BigInt(path.index), BigInt(path.size), path.nodes, 8), above, fields.root);
  return stepRecord(step, fields.phase, fields.round);
}

function steppedBy({ step, goesOn }) {
  if (goesOn > 1) { throw malformed("proof", "it has another form"); }
  return parseStep(step);
}

/** Return the root in a batch of an access log. */
function accessRoot({ line, batch }) {
  const begins = (bytes, label) => equal(bytes.subarray(0, label.length), ascii(label));
  if (!begins(line, ACCESS_LINE) || !begins(batch, ACCESS_BATCH)) {
    throw malformed("proof", "it has another form");
  }
  const fields = parseJson(batch.slice(ACCESS_BATCH.length), "proof", BATCH_CAP);
  const root = Array.isArray(fields) && fields.length === BATCH_FIELDS ? fields.at(-1) : null;
  if (typeof root !== "string") { throw malformed("proof", "it has another form"); }
  return fromHex(root.replace(/^0x/, "").toLowerCase(), "proof", 32);
}
