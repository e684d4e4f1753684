/**
 * Lockboxes: the file with a trustee's share, and the approval kit for a browser, each protected by a password.
 *
 * Invariant: a file cannot make guessing its password cheap, or opening it expensive: parameters of the key derivation
 * outside the bounds below are refused before anything is computed.
 *
 * Source: PROTOCOL.md 9, At rest; RFC 9106; fl/crypto/encrypted_keystore.py.
 */

import { argon2id } from "@noble/hashes/argon2.js";

import { equal, fromHex, toHex, writeDocument } from "./encoding.js";
import { Refused } from "./errors.js";
import { parseKey, SCALAR_BYTES } from "./group.js";
import { LONG_PRIVATE_BYTES } from "./long.js";

const FORMAT = "hemaledger-lockbox-1";
/** Bytes; a larger file is refused without reading it. */
export const LOCKBOX_CAP = 4096;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const LOWEST = { memory_kib: 65536, passes: 3, lanes: 4 };
const HIGHEST = { memory_kib: 1 << 20, passes: 16, lanes: 16 };
const MOST_USE = 3;
const SEAT = { account: 20, use: "integer", epoch: "integer", index: "integer" };
/** Fields of `public` by kind: how many bytes of hex, or an integer. */
const PUBLIC = {
  share: SEAT,
  kit: { ...SEAT, chain_id: "integer", authority: 20, consortium: 32 },
  "long-kit": { ...SEAT, chain_id: "integer", authority: 20, consortium: 32, long_keys: "integer" },
  start: { account: 20, chain_id: "integer", authority: 20, consortium: 32 },
};
/** How many keys of 32 bytes are in `sealed`, beside the long keys. */
const SECRETS = { share: 1, kit: 2, "long-kit": 2, start: 2 };
const MOST_LONG_KEYS = 12;
const FIELDS = ["format", "kind", "kdf", "public", "nonce", "sealed"];
const KDF_FIELDS = ["name", "memory_kib", "passes", "lanes", "salt"];

const refuse = (why, facts = {}) => { throw new Refused("KeystoreUnreadable", { ...facts, why }); };

/**
 * A parsed file; a password opens `sealed`.
 * @typedef {{kind: "share" | "kit" | "long-kit" | "start", public: Record<string, string | number>, cost: typeof LOWEST, salt: Uint8Array,
 *   nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array}} Lockbox
 */

/**
 * Parse a lockbox strictly.
 * @param {Uint8Array} file
 * @returns {Lockbox}
 * @throws {Refused} KeystoreUnreadable: it is not a lockbox, or its key derivation is out of bounds.
 */
export function parseLockbox(file) {
  if (file.length > LOCKBOX_CAP) {
    refuse("it has more than {cap} bytes", { cap: LOCKBOX_CAP });
  }
  let box;
  try {
    const value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file));
    if (!equal(writeDocument(value), file)) {
      refuse("it is not in canonical form");
    }
    box = takeApart(value);
  } catch (error) {
    const facts = error instanceof Refused ? error.facts : { why: "it is not JSON" };
    refuse("it is not a key file ({reason})", { ...facts, reason: facts.why });
  }
  const names = Object.keys(LOWEST);
  if (!names.every((name) => LOWEST[name] <= box.cost[name] && box.cost[name] <= HIGHEST[name])) {
    refuse("its key derivation is weaker or more expensive than this version allows");
  }
  return box;
}

/**
 * Open a lockbox; a wrong password and a changed file give the same error.
 * @param {Lockbox} box
 * @param {string} password
 * @param {(share: number) => void} [progress] Called with the finished share of the work, 0 to 1, at most 100 times.
 * @returns {Promise<{share: bigint, accountKey: Uint8Array, longKeys: Uint8Array[]}>} `accountKey` has 32 bytes, or none if
 *   the file is only a share; `longKeys` have 96 bytes each.
 * @throws {Refused} KeystoreUnreadable
 */
export async function unlock(box, password, progress) {
  const key = deriveKey(password, box.salt, box.cost, progress);
  let payload;
  try {
    const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    const options = { name: "AES-GCM", iv: box.nonce, additionalData: box.aad };
    payload = new Uint8Array(await crypto.subtle.decrypt(options, imported, box.sealed));
    const [start, count] = [2 * SCALAR_BYTES, box.public.long_keys ?? 0];
    return {
      share: parseKey(payload.subarray(0, SCALAR_BYTES)),
      accountKey: payload.slice(SCALAR_BYTES, start),
      longKeys: Array.from({ length: count }, (_, at) => (
        payload.slice(start + at * LONG_PRIVATE_BYTES, start + (at + 1) * LONG_PRIVATE_BYTES)
      )),
    };
  } catch {
    return refuse("the password is wrong or the file is damaged");
  } finally {
    key.fill(0);
    payload?.fill(0);
  }
}

/**
 * Return a new file.
 * @param {"start" | "kit" | "long-kit"} kind
 * @param {Record<string, string | number>} open The public part.
 * @param {Uint8Array} payload
 * @param {string} password
 * @param {(share: number) => void} [progress]
 * @returns {Promise<Uint8Array>}
 */
export async function lock(kind, open, payload, password, progress) {
  checkPublic(open, PUBLIC[kind]);
  const [salt, nonce] = [16, 12].map((length) => crypto.getRandomValues(new Uint8Array(length)));
  const bound = { format: FORMAT, kind, kdf: { name: "argon2id", ...LOWEST, salt: toHex(salt) }, public: open };
  const key = deriveKey(password, salt, LOWEST, progress);
  try {
    const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
    const options = { name: "AES-GCM", iv: nonce, additionalData: writeDocument(bound) };
    const sealed = new Uint8Array(await crypto.subtle.encrypt(options, imported, payload));
    return writeDocument({ ...bound, nonce: toHex(nonce), sealed: toHex(sealed) });
  } finally {
    key.fill(0);
  }
}

/** Return the key of a password: Argon2id, 32 bytes. */
function deriveKey(password, salt, cost, progress = () => {}) {
  let told = -1;
  const onProgress = (share) => {
    const percent = Math.floor(share * 100);
    if (percent > told) {
      told = percent;
      progress(share);
    }
  };
  const { memory_kib: m, passes: t, lanes: p } = cost;
  return argon2id(new TextEncoder().encode(password), salt, { m, t, p, dkLen: KEY_BYTES, onProgress });
}

function takeApart(value) {
  only(value, FIELDS);
  only(value.kdf, KDF_FIELDS);
  if (value.format !== FORMAT || value.kdf.name !== "argon2id") {
    refuse("its format is unknown");
  }
  const { kind } = value;
  if (!Object.hasOwn(PUBLIC, kind)) {
    refuse("its kind is unknown");
  }
  checkPublic(value.public, PUBLIC[kind]);
  const { nonce, sealed, ...bound } = value;
  const cost = Object.fromEntries(Object.keys(LOWEST).map((name) => [name, integer(value.kdf[name], name)]));
  return {
    kind,
    public: Object.freeze({ ...value.public }),
    cost,
    salt: fromHex(value.kdf.salt, "salt", 16),
    nonce: fromHex(nonce, "nonce", 12),
    sealed: fromHex(
      sealed, "sealed", SCALAR_BYTES * SECRETS[kind] + LONG_PRIVATE_BYTES * (value.public.long_keys ?? 0) + TAG_BYTES,
    ),
    aad: writeDocument(bound),
  };
}

function checkPublic(fields, forms) {
  only(fields, Object.keys(forms));
  for (const [name, form] of Object.entries(forms)) {
    if (form === "integer") {
      integer(fields[name], name);
    } else {
      fromHex(fields[name], name, form);
    }
  }
  if ("use" in forms && (fields.use < 1 || fields.use > MOST_USE)) {
    refuse("its use {use} is unknown", { use: fields.use });
  }
  if ("long_keys" in forms && (fields.long_keys < 1 || fields.long_keys > MOST_LONG_KEYS)) {
    refuse("it has {count} long keys", { count: fields.long_keys });
  }
}

/** Refuse unless `value` is an object with exactly these fields. */
function only(value, names) {
  const fields = typeof value === "object" && value !== null ? Object.keys(value) : [];
  if (fields.length !== names.length || !names.every((name) => fields.includes(name))) {
    refuse("it must have exactly the fields {names}", { names: names.join(", ") });
  }
}

function integer(value, name) {
  if (!Number.isSafeInteger(value)) {
    refuse("{field} is not an integer", { field: name });
  }
  return value;
}
