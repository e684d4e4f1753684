// What a trustee's browser refuses before it asks for a share, each by its name, and what its answer is.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Refused } from "../../../../webui/client/errors.js";
import { capsules, encoding, envelopes, group, lockboxes, threshold, trustee } from "../../../../webui/client/main.js";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/threshold.json", import.meta.url), "utf-8"));
const bytes = (text) => encoding.fromHex(text, "vector");
const hex = encoding.toHex;
const [{ capsule, asked: binding }] = vectors.capsules;
const header = envelopes.parseHeader(bytes(vectors.record.core));
const [reader, other] = vectors.partial_envelope.readers;
const seat = vectors.trustees[1];
const NOW = 1_800_000_000;
const REQUESTER = "22".repeat(20);

const recipient = (key) => ({ key_id: hex(envelopes.memberKeyId(bytes(key))), public_key: key });
const digest = (text) => hex(encoding.sha256(bytes(text)));

const PAGE = Object.freeze({
  request: binding.number, key_use: binding.use, label: binding.label, capsule, capsule_digest: digest(capsule),
  model_context: "", purpose: binding.purpose, deadline: NOW + 60, expires_at: NOW + 3600, requester: REQUESTER,
  members: [hex(header.sender), REQUESTER], epoch: binding.epoch, index: seat.index, public_share: seat.public,
  threshold_key: vectors.key.public, chain_id: String(header.chainId), authority: hex(header.contract),
  consortium: hex(header.consortium), trustee: seat.account, trustee_key_epoch: 1, nonce: 0,
  fees: { gas: 2 ** 24, max_fee_per_gas: 0, max_priority_fee_per_gas: 0 }, recipients: [recipient(reader)],
  submit_url: "/answer",
});

const check = (changes) => trustee.checkRequest(trustee.parseFacts({ ...PAGE, ...changes }), NOW);

test("a sound request may be approved, up to its last second", () => {
  check({});
  check({ deadline: NOW, expires_at: NOW });
  check({ label: `0x${PAGE.label}`, requester: `0x${REQUESTER}` });
});

const cut = capsule.slice(0, -2);
const mauled = vectors.capsules.find((each) => each.name === "u is mauled").capsule;
for (const [sentence, name, changes] of [
  ["the deadline has passed", "DeadlinePassed", { deadline: NOW - 1 }],
  ["the committee's shares expired", "KeyExpired", { expires_at: NOW - 1 }],
  ["the capsule is not the recorded one", "HashMismatch", { capsule_digest: digest("00") }],
  ["the capsule is cut", "EncodingError", { capsule: cut, capsule_digest: digest(cut) }],
  ["the capsule is mauled", "CiphertextInvalid", { capsule: mauled, capsule_digest: digest(mauled) }],
  ["the record is of another consortium", "CiphertextInvalid", { consortium: "77".repeat(32) }],
  ["the record is of another chain", "CiphertextInvalid", { chain_id: 31337 }],
  ["who sealed it was revoked", "RevokedSender", { members: [REQUESTER] }],
  ["who asks was revoked", "RevokedSender", { members: [hex(header.sender)] }],
  ["another label was asked for", "CiphertextInvalid", { label: "00".repeat(32) }],
  ["it is sealed to another key", "CiphertextInvalid", { threshold_key: seat.public }],
  ["the patient did not consent to it", "PolicyNotApproved", { purpose: 2 }],
  ["there is no such purpose", "PolicyNotApproved", { purpose: 0 }],
  ["there is no such purpose either", "PolicyNotApproved", { purpose: 33 }],
  ["a record would be released as a model", "PolicyNotApproved", { purpose: 7 }],
  ["the key is of another use", "CiphertextInvalid", { key_use: 2 }],
  ["a record would be opened for two", "PolicyNotApproved", { recipients: [recipient(reader), recipient(other)] }],
  ["a reader's key has another name", "EncodingError", { recipients: [{ ...recipient(reader), key_id: "00".repeat(16) }] }],
  ["the public share is no point", "InvalidPoint", { public_share: `02${"ff".repeat(32)}` }],
  ["the request's number is negative", "EncodingError", { request: -1 }],
  ["the request's number is broken", "EncodingError", { request: 1.5 }],
  ["a field is missing", "EncodingError", { fees: undefined }],
  ["the members are no list", "EncodingError", { members: null }],
]) {
  test(`refused: ${sentence}`, () => assert.throws(() => check(changes), { name }));
}

test("a file of suite 2 without shares for long keys is refused", () => {
  const hybrid = `${capsule.slice(0, 12)}0002${capsule.slice(16)}`;
  assert.throws(() => check({ capsule: hybrid, capsule_digest: digest(hybrid) }), { name: "EncodingError" });
});

test("the answer is the partial decryption, checked against the public share", async () => {
  const facts = trustee.parseFacts(PAGE);
  const checked = trustee.checkRequest(facts, NOW);
  const share = encoding.toInteger(bytes(seat.share));
  const file = await trustee.answer(facts, checked, share);
  const found = envelopes.parseHeader(file.slice(0, envelopes.CORE_BYTES));
  assert.equal(found.kind, envelopes.KIND.PARTIAL);
  assert.equal(found.round, BigInt(binding.number));
  assert.equal(hex(found.sender), seat.account);
  assert.equal(hex(found.context), hex(threshold.partialContext(facts.binding, seat.index)));
  await assert.rejects(trustee.answer(facts, checked, share + 1n), { name: "PartialInvalid" });
});

test("the kit is looked at after the request, and its seat before its password", async () => {
  const kit = () => new TextEncoder().encode(vectors.lockboxes.find((each) => each.name === "a kit").file);
  const attempt = (changes, file = kit()) => (
    trustee.approve(trustee.parseFacts({ ...PAGE, ...changes }), { kit: file, password: "wrong", now: NOW })
  );
  await assert.rejects(attempt({ purpose: 2 }, new Uint8Array()), { name: "PolicyNotApproved" });
  await assert.rejects(attempt({}, new Uint8Array()), { name: "KeystoreUnreadable" });
  await assert.rejects(attempt({}), { name: "WrongChain", message: /its chain is different/ });
  const lone = new TextEncoder().encode(vectors.lockboxes.find((each) => each.name === "a share").file);
  await assert.rejects(attempt({}, lone), { name: "KeystoreUnreadable", message: /not an approval kit/ });
});

test("what the transaction may cost is bounded", async () => {
  const priced = (gas, fee) => trustee.parseFacts({
    ...PAGE, fees: { gas, max_fee_per_gas: fee, max_priority_fee_per_gas: 0 },
  });
  const given = { kit: new Uint8Array(), password: "x", now: NOW };
  await assert.rejects(trustee.approve(priced(100_000, "1000000000001"), given), { name: "PolicyNotApproved" });
  await assert.rejects(trustee.refuse(priced(100_000, "1000000000001"), 5, given), { name: "PolicyNotApproved" });
  await assert.rejects(trustee.approve(priced(100_000, "1000000000000"), given), { name: "KeystoreUnreadable" });
});

test("a refusal needs one of the five reasons", async () => {
  for (const reason of [0, 6, 1.5, Number.NaN]) {
    const refused = trustee.refuse(trustee.parseFacts(PAGE), reason, { kit: new Uint8Array(), password: "x" });
    await assert.rejects(refused, { name: "EncodingError" });
  }
});

test("canonical JSON is that of Python", () => {
  const value = { b: "ä\u007f\u2028😀\"\\\n\u0001", a: { y: 1, x: -2 } };
  const python = "{\"a\":{\"x\":-2,\"y\":1},\"b\":\"\\u00e4\\u007f\\u2028\\ud83d\\ude00\\\"\\\\\\n\\u0001\"}\n";
  assert.equal(new TextDecoder().decode(encoding.writeDocument(value)), python);
  for (const bad of [{ a: 1.5 }, { a: null }, { a: [1] }, { a: 2 ** 53 }]) {
    assert.throws(() => encoding.writeDocument(bad), { name: "EncodingError" });
  }
});

test("integers outside their width are refused, and hex has one form", () => {
  for (const [value, width] of [[256, 1], [-1, 4], [2n ** 64n, 8]]) {
    assert.throws(() => encoding.integerBytes(value, width), { name: "EncodingError" });
  }
  assert.equal(hex(encoding.integerBytes(2n ** 64n - 1n, 8)), "ff".repeat(8));
  for (const text of ["0", "AB", "0x00", "zz", 7, undefined]) {
    assert.throws(() => encoding.fromHex(text, "it"), { name: "EncodingError" });
  }
});

test("points have one form", () => {
  const good = group.encodePoint(group.GENERATOR);
  const over = encoding.concat(Uint8Array.of(2), encoding.integerBytes(2n ** 256n - 1n, 32));
  for (const bad of [new Uint8Array(33), good.slice(1), over, group.encodeUncompressed(group.GENERATOR)]) {
    assert.throws(() => group.decodePoint(bad), { name: "InvalidPoint" });
  }
  assert.equal(hex(group.encodePoint(group.decodePoint(good))), hex(good));
});

test("a policy's consent is asked bit by bit", () => {
  const parsed = capsules.parseCapsule(bytes(capsule));
  const allowed = [1, 2, 3, 4, 5, 6].filter((purpose) => (parsed.policy.consent >> (purpose - 1)) & 1);
  assert.deepEqual(allowed, [1, 3]);
  assert.equal(lockboxes.LOCKBOX_CAP, 4096);
});

test("a refusal has its sentence in the language of the page, with numbers and reasons in it", () => {
  const words = {
    "The key file could not be opened: {why}.": "Die Schlüsseldatei geht nicht auf: {why}.",
    "it is not a key file ({reason})": "sie ist keine Schlüsseldatei ({reason})",
    "it has {count} bytes, not {wanted}": "sie hat {count} Byte statt {wanted}",
  };
  const facts = { why: "it is not a key file ({reason})", reason: "it has {count} bytes, not {wanted}", count: 3, wanted: 16 };
  const refusal = Refused.received("KeystoreUnreadable", facts);
  assert.equal(refusal.message, "The key file could not be opened: it is not a key file (it has 3 bytes, not 16).");
  assert.equal(refusal.inLanguage(words), "Die Schlüsseldatei geht nicht auf: sie ist keine Schlüsseldatei (sie hat 3 Byte statt 16).");
  assert.equal(refusal.inLanguage({}), refusal.message);
});

test("what a site answers cannot make a sentence that never ends, and an unknown name is a calculation that failed", () => {
  assert.ok(new Refused("SiteRefused", { why: "{why}{why} {constructor}" }).message.includes("{constructor}"));
  assert.equal(Refused.received("constructor", {}).name, "WorkerFailed");
});
