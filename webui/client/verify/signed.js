/**
 * Signed transactions: who signed, for which chain, and which call; and whether that call makes a record.
 *
 * Invariant: the account always comes from the signature, and a transaction has one form.
 *
 * Source: EIP-155, EIP-2718, EIP-2930, EIP-1559, EIP-4844, EIP-7702; chain/transactions/signed.py; chain/authorship.py.
 */

import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 as keccak } from "@noble/hashes/sha3.js";

import { concat, equal, fromHex, toHex, toInteger } from "../encoding.js";
import { Refused } from "../errors.js";
import { decode, rlp, shortest } from "../rlp.js";
import { makes } from "./abi.js";

const LAST_TYPED = 0x7f;
/** How many signed fields a type has, and where chain id, nonce, to and data are among them. */
const SIGNED = {
  0: { fields: 6, chainId: null, nonce: 0, to: 3, data: 5 },
  1: { fields: 8, chainId: 0, nonce: 1, to: 4, data: 6 },
  2: { fields: 9, chainId: 0, nonce: 1, to: 5, data: 7 },
  3: { fields: 11, chainId: 0, nonce: 1, to: 5, data: 7 },
  4: { fields: 10, chainId: 0, nonce: 1, to: 5, data: 7 },
};
const refused = (why) => new Refused("EncodingError", { what: "transaction", why });
const unsigned = () => refused("the transaction in it is not a signed transaction");

/**
 * Return what a signed transaction says.
 * @param {Uint8Array} raw
 * @returns {{account: string, chainId: bigint | null, nonce: bigint, to: string | null, data: Uint8Array}} Accounts are hex.
 * @throws {Refused} EncodingError
 */
export function parseSigned(raw) {
  const kind = raw.length > 0 && raw[0] <= LAST_TYPED ? raw[0] : 0;
  const prefix = raw.subarray(0, raw.length > 0 && raw[0] <= LAST_TYPED ? 1 : 0);
  const layout = kind === 0 && prefix.length > 0 ? undefined : SIGNED[kind];
  const items = layout === undefined ? null : itemsOf(raw.slice(prefix.length));
  if (!Array.isArray(items) || items.length !== layout.fields + 3) { throw unsigned(); }
  const [v, r, s] = items.slice(-3).map(numeral);
  const body = items.slice(0, -3);
  const { chainId, parity, more } = kind > 0 ? { chainId: numeral(body[layout.chainId]), parity: v, more: [] } : oldForm(v);
  const account = recovered(keccak(concat(prefix, rlp([...body, ...more]))), parity, r, s);
  const [to, data] = [body[layout.to], body[layout.data]];
  if (Array.isArray(to) || Array.isArray(data)) { throw unsigned(); }
  return { account, chainId, nonce: numeral(body[layout.nonce]), to: to.length > 0 ? toHex(to) : null, data };
}

function itemsOf(bytes) {
  try {
    return decode(bytes);
  } catch {
    throw unsigned();
  }
}

/** Return the number in as few bytes as possible. */
function numeral(item) {
  if (Array.isArray(item) || item[0] === 0) { throw unsigned(); }
  return toInteger(item);
}

/** EIP-155: v = 35 + 2 · chain id + parity; before it, v = 27 + parity. */
function oldForm(v) {
  if (v < 35n) { return { chainId: null, parity: v - 27n, more: [] }; }
  const chainId = (v - 35n) >> 1n;
  return { chainId, parity: (v - 35n) & 1n, more: [shortest(chainId), new Uint8Array(), new Uint8Array()] };
}

/**
 * Return the account that signed a digest.
 * @throws {Refused} EncodingError if no account can have made this signature.
 */
export function recovered(digest, parity, r, s) {
  if (parity !== 0n && parity !== 1n) { throw unsigned(); }
  try {
    const point = new secp256k1.Signature(r, s, Number(parity)).recoverPublicKey(digest);
    return toHex(keccak(point.toBytes(false).subarray(1)).slice(-20));
  } catch {
    throw unsigned();
  }
}

/**
 * Return why a call is not how a record's sender made it at a contract; null if it is.
 * @param {Made} record
 * @param {string} contract
 * @param {ReturnType<typeof parseSigned>} call
 * @param {bigint} chainId
 */
export function strange(record, contract, call, chainId) {
  if (call.account !== record.fields.sender) { return "another account signed the transaction"; }
  if (call.chainId !== null && call.chainId !== chainId) { return "the transaction was signed for another chain"; }
  if (record.name === "ConsortiumFounded") {
    const { consortium } = record.fields;
    const created = toHex(keccak(rlp([fromHex(call.account, "account"), shortest(call.nonce)])).slice(-20));
    const founds = equal(call.data.slice(-consortium.length), consortium);
    return call.to === null && created === contract && founds ? null : "the transaction deploys another contract";
  }
  return call.to === contract && makes(call.data, record) ? null : "the transaction does not make this record";
}
