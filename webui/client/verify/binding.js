/**
 * What ties a checkpoint to a block: the header, who sealed it, and the event in it.
 *
 * Source: Ethereum yellow paper, 4.4; Besu, BftBlockHashing and QbftExtraDataCodec; chain/proofs/headers.py, facts.py.
 */

import { keccak_256 as keccak } from "@noble/hashes/sha3.js";

import { toHex, toInteger } from "../encoding.js";
import { decode, rlp } from "../rlp.js";
import { recordOf } from "./abi.js";
import { reading, unbound } from "./errors.js";
import { parseSigned, recovered, strange } from "./signed.js";
import { valueAt } from "./trie.js";

const HEADER_CAP = 64 * 1024;
const [FEWEST, MOST] = [15, 21];
const [TRANSACTIONS, RECEIPTS, NUMBER, TIME, EXTRA] = [4, 5, 8, 11, 12];
const LAST_TYPED = 0x7f;
const QBFT = "qbft";
const notHeader = () => unbound("the header has another form");

/**
 * Return the event that a binding shows.
 * @returns {{record: Made, contract: string, block: bigint, time: bigint, sealers: Set<string>}}
 * @throws {Failed} BindingInvalid
 */
export function boundEvent(binding, chainId, consensus) {
  return reading(() => {
    const header = parseHeader(binding.header, consensus);
    const receipt = valueAt(header.receiptsRoot, binding.transactionIndex, binding.receipts);
    const call = parseSigned(valueAt(header.transactionsRoot, binding.transactionIndex, binding.transactions));
    const { contract, topics, data } = eventOf(receipt, binding.event);
    const record = recordOf("FederationLedger", topics, data);
    const why = strange(record, contract, call, chainId);
    if (why !== null) { throw unbound(why); }
    return { record, contract, block: header.number, time: header.time, sealers: header.sealers };
  }, ({ facts }) => unbound(facts.why, facts));
}

function parseHeader(raw, consensus) {
  if (raw.length > HEADER_CAP) { throw unbound("the header has another form"); }
  const fields = decode(raw);
  if (!Array.isArray(fields) || fields.length < FEWEST || fields.length > MOST || fields.some(Array.isArray)) {
    throw notHeader();
  }
  if ([TRANSACTIONS, RECEIPTS].some((place) => fields[place].length !== 32)) {
    throw unbound("the header has another form");
  }
  if ([NUMBER, TIME].some((place) => fields[place].length > 8)) { throw unbound("the header has another form"); }
  return {
    transactionsRoot: fields[TRANSACTIONS],
    receiptsRoot: fields[RECEIPTS],
    number: toInteger(fields[NUMBER]),
    time: toInteger(fields[TIME]),
    sealers: consensus === QBFT ? sealersOf(fields) : new Set(),
  };
}

/** Return whose seals are in a QBFT header. A seal signs the header with its round and without seals. */
function sealersOf(fields) {
  const extra = decode(fields[EXTRA]);
  if (!Array.isArray(extra) || extra.length !== 5 || !Array.isArray(extra[4])) {
    throw unbound("the header has another form");
  }
  const [vanity, validators, vote, turn, seals] = extra;
  if (!Array.isArray(validators) || validators.some((each) => Array.isArray(each) || each.length !== 20)) {
    throw unbound("the header has another form");
  }
  const unsealed = rlp([vanity, validators, vote, turn, []]);
  const digest = keccak(rlp([...fields.slice(0, EXTRA), unsealed, ...fields.slice(EXTRA + 1)]));
  return new Set(seals.map((seal) => signerOf(seal, digest)));
}

function signerOf(seal, digest) {
  if (Array.isArray(seal) || seal.length !== 65) { throw unbound("the header has another form"); }
  return recovered(digest, BigInt(seal[64]), toInteger(seal.slice(0, 32)), toInteger(seal.slice(32, 64)));
}

/** Return contract, topics and data of an event of a receipt that succeeded. */
function eventOf(receipt, place) {
  const parts = decode(receipt[0] <= LAST_TYPED ? receipt.slice(1) : receipt);
  if (!Array.isArray(parts) || parts.length !== 4 || toHex(parts[0]) !== "01") {
    throw unbound("the receipt in it has another form, or no such event");
  }
  const event = Array.isArray(parts[3]) ? parts[3][place] : undefined;
  const isRight = Array.isArray(event) && event.length === 3 && event[0].length === 20 && Array.isArray(event[1])
    && event[1].every((topic) => topic.length === 32) && !Array.isArray(event[2]);
  if (!isRight) { throw unbound("the receipt in it has another form, or no such event"); }
  return { contract: toHex(event[0]), topics: event[1], data: event[2] };
}
