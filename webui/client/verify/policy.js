/**
 * Whose signatures make a checkpoint count: the logs, the witnesses, and how many of them.
 *
 * Source: C2SP tlog-policy; fl/protocol/tlog/policy.py.
 */

import { toHex } from "../encoding.js";
import { malformed } from "./errors.js";
import { COSIGNATURE, ED25519, keyText, parseKey } from "./note.js";
import { number } from "./text.js";

const NONE = "none";
const POLICY_CAP = 128 * 1024;
const MOST_LINES = 2000;

/**
 * @typedef {{logs: Key[], witnesses: Map<string, Key>, groups: Map<string, {needed: number, members: string[]}>,
 *   quorum: string}} Policy
 */

/**
 * Return the policy in a text.
 * @returns {Policy}
 * @throws {Failed} ProofMalformed
 */
export function parsePolicy(text) {
  if ([...text].length > POLICY_CAP || text.split("\n").length - 1 > MOST_LINES) {
    throw malformed("policy", "it is too long");
  }
  const policy = { logs: [], witnesses: new Map(), groups: new Map(), quorum: null };
  const keys = new Set();
  for (const line of text.split("\n")) {
    const words = line.replaceAll("\t", " ").split(" ").filter((word) => word !== "");
    if (words.length > 0 && !words[0].startsWith("#")) { take(policy, keys, words); }
  }
  if (policy.quorum === null) { throw malformed("policy", "it has another form"); }
  return policy;
}

function take(policy, keys, words) {
  const [kind, name, ...rest] = words;
  const known = (each) => policy.witnesses.has(each) || policy.groups.has(each);
  const isFree = () => {
    if (name === NONE || known(name)) { throw malformed("policy", "it has another form"); }
  };
  if (kind === "log" && (words.length === 2 || words.length === 3)) {
    policy.logs.push(newKey(keys, name, ED25519));
  } else if (kind === "witness" && (words.length === 3 || words.length === 4)) {
    isFree();
    policy.witnesses.set(name, newKey(keys, rest[0], COSIGNATURE));
  } else if (kind === "group" && rest.length > 1) {
    isFree();
    policy.groups.set(name, groupOf(rest[0], rest.slice(1), known));
  } else if (kind === "quorum" && words.length === 2 && policy.quorum === null && (name === NONE || known(name))) {
    policy.quorum = name;
  } else {
    throw malformed("policy", "it has another form");
  }
}

function newKey(keys, text, kind) {
  const key = parseKey(text);
  if (key.type !== kind) {
    throw malformed("policy", "it has another form");
  }
  if (keys.has(toHex(key.key))) { throw malformed("policy", "it has another form"); }
  keys.add(toHex(key.key));
  return key;
}

function groupOf(needed, members, known) {
  if (new Set(members).size !== members.length || !members.every(known)) {
    throw malformed("policy", "it has another form");
  }
  const counts = new Map([["all", BigInt(members.length)], ["any", 1n]]);
  const count = counts.get(needed) ?? number(needed, "policy");
  if (count < 1n || count > BigInt(members.length)) {
    throw malformed("policy", "it has another form");
  }
  return { needed: Number(count), members };
}

/** Return whether the quorum holds if exactly the witnesses of these names cosigned. */
export function isMet(policy, cosigned) {
  if (policy.quorum === NONE) { return true; }
  const holds = new Map([...policy.witnesses.keys()].map((name) => [name, cosigned.has(name)]));
  for (const [name, { needed, members }] of policy.groups) {
    holds.set(name, members.filter((each) => holds.get(each)).length >= needed);
  }
  return holds.get(policy.quorum);
}

/** Return the policy's one text. */
export const policyText = (policy) => [
  ...policy.logs.map((key) => `log ${keyText(key)}`),
  ...[...policy.witnesses].map(([name, key]) => `witness ${name} ${keyText(key)}`),
  ...[...policy.groups].map(([name, { needed, members }]) => `group ${name} ${needed} ${members.join(" ")}`),
  `quorum ${policy.quorum}`, "",
].join("\n");
