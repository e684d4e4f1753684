/**
 * Whom a verifier trusts, for one consortium; and the code of this file, which two people compare by phone.
 *
 * Source: PROTOCOL.md 8T.5; fl/protocol/tlog/trust.py.
 */

import { equal, fromHex, sha256, toHex } from "../encoding.js";
import { malformed, reading } from "./errors.js";
import { canonical, Numeral, parseJson } from "./json.js";
import { parsePolicy, policyText } from "./policy.js";
import { NAMES } from "./records.js";

export const TRUST_CAP = 256 * 1024;
const FORMAT = "hemaledger-trust-1";
const FIELDS = ["authority", "chain_id", "consensus", "consortium", "format", "keepers", "ledgers", "made_at", "members", "policy", "validators"];
const MOST_ACCOUNTS = 4096;
const CODE_DIGITS = 20;
const WHAT = "trust file";

/**
 * @typedef {{consortium: Uint8Array, chainId: bigint, authority: string, ledgers: string[], policy: Policy,
 *   keepers: string[], members: Map<string, {name: string, role: string}>, consensus: string, validators: string[],
 *   origin: string, madeAt: number, code: string}} Trust  Accounts are 40 hexadecimal digits.
 */

/**
 * Return the trust in a file.
 * @param {Uint8Array} data
 * @returns {Trust}
 * @throws {Failed} ProofMalformed
 */
export function parseTrust(data) {
  const fields = parseJson(data, WHAT, TRUST_CAP);
  if (!(fields instanceof Map) || [...fields.keys()].join() !== FIELDS.join() || !equal(canonical(fields), data)) {
    throw malformed(WHAT, "it is not in canonical form");
  }
  return reading(() => trustOf(fields, data), ({ facts }) => malformed(WHAT, facts.why, facts));
}

function trustOf(fields, data) {
  if (fields.get("format") !== FORMAT) { throw malformed(WHAT, "its format is unknown"); }
  const consensus = fields.get("consensus");
  if (consensus !== "none" && consensus !== "qbft") { throw malformed(WHAT, "it has another form"); }
  const consortium = fromHex(shown(fields.get("consortium")), WHAT, 32);
  const policy = parsePolicy(text(fields.get("policy")));
  if (policyText(policy) !== fields.get("policy")) { throw malformed(WHAT, "it is not in canonical form"); }
  return {
    consortium,
    chainId: integer(fields.get("chain_id")),
    authority: account(fields.get("authority")),
    ledgers: list(fields, "ledgers").map(account),
    policy,
    keepers: list(fields, "keepers").map(account),
    members: firstOnes(list(fields, "members").map(member)),
    consensus,
    validators: list(fields, "validators").map(account),
    origin: `hemaledger/${toHex(consortium)}`,
    madeAt: Number(integer(fields.get("made_at"))),
    code: toHex(sha256(data)).slice(0, CODE_DIGITS),
  };
}

/** Return a map in which the first of several members with one account counts. */
function firstOnes(members) {
  const found = new Map();
  for (const [account, one] of members) {
    if (!found.has(account)) { found.set(account, one); }
  }
  return found;
}

function member(value) {
  if (!(value instanceof Map) || [...value.keys()].join() !== "account,name,role") {
    throw malformed(WHAT, "it has another form");
  }
  const role = NAMES.Role[String(integer(value.get("role")))];
  if (role === undefined) { throw malformed(WHAT, "it has another form"); }
  return [account(value.get("account")), { name: text(value.get("name")), role }];
}

function list(fields, name) {
  const found = fields.get(name);
  if (!Array.isArray(found) || found.length > MOST_ACCOUNTS) {
    throw malformed(WHAT, "it has another form");
  }
  return found;
}

function integer(value) {
  if (!(value instanceof Numeral) || !value.isInteger) { throw malformed(WHAT, "it has another form"); }
  return value.value;
}

function text(value) {
  if (typeof value !== "string") { throw malformed(WHAT, "it has another form"); }
  return value;
}

/** Return the digits of `0x` and hexadecimal. */
function shown(value) {
  if (!text(value).startsWith("0x")) { throw malformed(WHAT, "it is not in canonical form"); }
  return value.slice(2);
}

const account = (value) => toHex(fromHex(shown(value), WHAT, 20));
