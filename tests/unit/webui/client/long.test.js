// Suite 2 in the browser: the published vectors of the KEM, and the records that Python seals (tests/vectors/long_records.json).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import {
  capsules, encoding, envelopes, group, lockboxes, longHalves, longKeys, trustee,
} from "../../../../webui/client/main.js";

const read = (name) => JSON.parse(readFileSync(new URL(`../../../vectors/${name}`, import.meta.url), "utf-8"));
const vectors = read("long_records.json");
const bytes = (text) => encoding.fromHex(text, "vector");
const hex = encoding.toHex;
const key = group.decodePoint(bytes(vectors.key));
const label = bytes(vectors.label);
const asked = { ...vectors.asked, label, number: BigInt(vectors.asked.number), modelContext: new Uint8Array() };
const [first, second] = vectors.trustees;
const NOW = 1_800_000_000;

/** Return a capsule of which some bytes are replaced. */
const changed = ({ at, cut, put }) => vectors.capsule.slice(0, 2 * at) + put + vectors.capsule.slice(2 * (at + cut));

async function shares(text, { long_private: own }) {
  const capsule = capsules.parseCapsule(bytes(text));
  const ciphertext = capsules.checkCapsule(capsule, asked, key);
  return hex(await longHalves.openShares(capsule.half, key, label, ciphertext, [bytes(own)]));
}

for (const each of read("hpke_pq.json").cases) {
  test(`the KEM is that of the published vector, kdf ${each.kdf_id}`, async () => {
    const { shake256 } = await import("@noble/hashes/sha3.js");
    const stream = shake256(bytes(each.skRm), { dkLen: 192 });
    const own = stream.slice(0, 96);
    assert.equal(hex(longKeys.longPublicKey(own)), each.pkRm);
    assert.equal(hex(longKeys.decapsulate(own, bytes(each.enc))), each.shared_secret);
  });
}

test("the names of key and committee, and what shares are bound to, are those of Python", () => {
  const { half, ciphertext } = capsules.parseCapsule(bytes(vectors.capsule));
  assert.equal(hex(longHalves.committeeId(key, half)), vectors.key_id);
  assert.equal(hex(longHalves.halfBinding(half, key, label, ciphertext)), vectors.binding);
  assert.equal(half.threshold, vectors.threshold);
  for (const each of vectors.trustees) {
    assert.equal(hex(longKeys.longPublicKey(bytes(each.long_private))), each.long_public);
    assert.equal(hex(longKeys.longKeyId(bytes(each.long_public))), each.long_id);
  }
});

for (const each of vectors.trustees) {
  test(`trustee ${each.index} finds the share that Python finds`, async () => {
    assert.equal(await shares(vectors.capsule, each), each.shares);
  });
}

test("a long key of somebody else gives no share, two give both", async () => {
  const { half, ciphertext } = capsules.parseCapsule(bytes(vectors.capsule));
  const open = (keys) => longHalves.openShares(half, key, label, ciphertext, keys);
  assert.equal(hex(await open([crypto.getRandomValues(new Uint8Array(96))])), "00");
  const both = await open([bytes(second.long_private), bytes(first.long_private)]);
  assert.equal(hex(both), `02${first.shares.slice(2)}${second.shares.slice(2)}`);
});

for (const each of vectors.capsules) {
  test(`a capsule: ${each.name}`, async () => {
    if (each.result === "ok") {
      assert.equal((await shares(changed(each), first)).length, 2 * 35);
    } else {
      await assert.rejects(() => shares(changed(each), first), { name: each.result });
    }
  });
}

test("a share to which the sealer did not commit is refused", async () => {
  const { half, ciphertext } = capsules.parseCapsule(bytes(vectors.capsule));
  const other = capsules.parseCapsule(bytes(changed(vectors.capsules.find(({ result }) => result === "ok"))));
  const mixed = {
    ...half, seats: half.seats.map((seat, at) => ({ ...seat, sealed: other.half.seats[at].sealed })),
  };
  await assert.rejects(
    longHalves.openShares(mixed, key, label, ciphertext, [bytes(first.long_private)]), { name: "AuthFailure" },
  );
});

test("what was sealed to a long key opens with it, and with no byte changed", async () => {
  const [own, info] = [bytes(first.long_private), encoding.ascii("info")];
  const sealed = await longKeys.sealLong(longKeys.longPublicKey(own), info, encoding.ascii("a share"));
  assert.equal(new TextDecoder().decode(await longKeys.openLong(own, info, sealed)), "a share");
  for (const at of [0, 1087, 1088, 1120, 1152, 1153, sealed.length - 1]) {
    const wrong = sealed.slice();
    wrong[at] ^= 1;
    await assert.rejects(longKeys.openLong(own, info, wrong), { name: "AuthFailure" });
  }
  await assert.rejects(longKeys.openLong(own, encoding.ascii("other"), sealed), { name: "AuthFailure" });
  for (const key of [new Uint8Array(1249).fill(255), new Uint8Array(1248)]) {
    await assert.rejects(longKeys.sealLong(key, info, info), { name: "InvalidPoint" });
  }
});

const header = envelopes.parseHeader(bytes(vectors.record.core));
const recipient = (publicKey) => (
  { key_id: hex((publicKey.length === 2 * 65 ? envelopes.memberKeyId : longKeys.longKeyId)(bytes(publicKey))), public_key: publicKey }
);
const page = (changes = {}) => trustee.parseFacts({
  request: 7, key_use: 1, label: vectors.label, capsule: vectors.capsule,
  capsule_digest: hex(encoding.sha256(bytes(vectors.capsule))), model_context: "", purpose: 1, deadline: NOW + 60,
  expires_at: NOW + 3600, requester: "22".repeat(20), members: [hex(header.sender), "22".repeat(20)], epoch: 1,
  index: first.index, public_share: first.public, threshold_key: vectors.key, chain_id: String(header.chainId),
  authority: hex(header.contract), consortium: hex(header.consortium), trustee: first.account, trustee_key_epoch: 1, nonce: 0,
  fees: { gas: 2 ** 24, max_fee_per_gas: 0, max_priority_fee_per_gas: 0 }, recipients: [recipient(second.long_public)],
  submit_url: "/answer", ...changes,
});

test("the answer is an envelope of suite 2 to the requester's long key", async () => {
  const facts = page();
  const capsule = trustee.checkRequest(facts, NOW);
  const share = encoding.toInteger(bytes(first.share));
  const file = await trustee.answer(facts, capsule, share, [bytes(first.long_private)]);
  const found = envelopes.parseHeader(file.slice(0, envelopes.CORE_BYTES));
  assert.equal(found.suite, envelopes.SUITE_HYBRID);
  assert.equal(file.length, 180 + 1219 + 97 + 35 + 16);
  assert.equal(hex(file.slice(180, 196)), second.long_id);
  await assert.rejects(trustee.answer(facts, capsule, share), { name: "KeystoreUnreadable", message: /new approval kit/ });
  const other = [bytes(second.long_private)];
  await assert.rejects(trustee.answer(page({ long_ids: [first.long_id] }), capsule, share, other), { name: "KeystoreUnreadable" });
  assert.equal((await trustee.answer(facts, capsule, share, other)).length, file.length);
});

test("a requester's classical key gets no answer about a record of suite 2", () => {
  const classical = hex(group.encodeUncompressed(group.GENERATOR));
  assert.throws(() => trustee.checkRequest(page({ recipients: [recipient(classical)] }), NOW), { name: "EncodingError" });
});

test("a kit with long keys opens, and its number of them is bound", async () => {
  const open = {
    account: first.account, use: 1, epoch: 1, index: 1, chain_id: 1, authority: "a1".repeat(20),
    consortium: "00".repeat(32), long_keys: 2,
  };
  const secret = encoding.concat(bytes(first.share), new Uint8Array(32).fill(7), bytes(first.long_private), bytes(second.long_private));
  const file = await lockboxes.lock("long-kit", open, secret, "four random words");
  const { longKeys: found, accountKey } = await lockboxes.unlock(lockboxes.parseLockbox(file), "four random words");
  assert.deepEqual(found.map(hex), [first.long_private, second.long_private]);
  assert.equal(hex(accountKey), "07".repeat(32));
  for (const count of ["0", "1", "13"]) {
    const text = new TextDecoder().decode(file).replace('"long_keys":2', `"long_keys":${count}`);
    assert.throws(() => lockboxes.parseLockbox(new TextEncoder().encode(text)), { name: "KeystoreUnreadable" });
  }
});
