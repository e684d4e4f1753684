// The group key and the draw of a wide round (PROTOCOL.md 5W.3, 5W.4), written again from the text.
import assert from "node:assert/strict";
import { createDecipheriv, createECDH, createHash, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { CORE_BYTES, memberKeyId, parseHeader } from "../../../../webui/client/envelope.js";
import { openBase } from "../../../../webui/client/hpke.js";

const load = (name) => JSON.parse(readFileSync(new URL(`../../../vectors/${name}.json`, import.meta.url)));
const bytes = (hex) => Buffer.from(hex, "hex");
const hex = (raw) => Buffer.from(raw).toString("hex");
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const label = (name) => Buffer.from(`BAFL/1/${name}`);
const HEAD_BYTES = 180;
const WRAP_BYTES = 131;
const TAG_BYTES = 16;

for (const vector of load("sample")) {
  test(`${vector.replayers} of ${vector.hospitals.length} hospitals are drawn as in the vectors`, () => {
    const seed = sha256(label("sample"), bytes(vector.context), bytes(vector.set), bytes(vector.block));
    assert.equal(hex(seed), vector.seed);
    const places = new Map(vector.hospitals.map((each) => [each, sha256(seed, bytes(each))]));
    const ring = [...vector.hospitals].sort((one, other) => Buffer.compare(places.get(one), places.get(other)));
    assert.deepEqual(ring.slice(0, vector.replayers), vector.drawn);
  });
}

const group = load("group_key");

/** Return the public key of a secret in hexadecimal digits, 65 bytes. */
function publicKey(secret) {
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(bytes(secret));
  return pair.getPublicKey();
}

/** Open an envelope as one of its readers, by PROTOCOL.md 4. */
async function open(file, secret) {
  const head = file.subarray(0, HEAD_BYTES);
  const count = head.readUInt16BE(HEAD_BYTES - 2);
  const wraps = Array.from({ length: count }, (_, at) => file.subarray(HEAD_BYTES + at * WRAP_BYTES, HEAD_BYTES + (at + 1) * WRAP_BYTES));
  const keyId = Buffer.from(memberKeyId(publicKey(secret)));
  const own = wraps.find((wrap) => wrap.subarray(0, 16).equals(keyId));
  const sealed = own.subarray(18);
  const info = Buffer.concat([label("wrap"), sha256(head), keyId]);
  const contentKey = await openBase(BigInt(`0x${secret}`), info, sealed.subarray(0, 65), sealed.subarray(65));
  const bodyKey = Buffer.from(hkdfSync("sha256", contentKey, sha256(file.subarray(0, CORE_BYTES)), label("body"), 32));
  const prefix = file.subarray(0, HEAD_BYTES + count * WRAP_BYTES);
  const body = createDecipheriv("aes-256-gcm", bodyKey, Buffer.alloc(12)).setAAD(sha256(prefix));
  body.setAuthTag(file.subarray(file.length - TAG_BYTES));
  return Buffer.concat([body.update(file.subarray(prefix.length, file.length - TAG_BYTES)), body.final()]);
}

for (const { seq, readers, file, digest } of group.files) {
  test(`key file ${seq} is that of the round, and each of its readers finds the group key`, async () => {
    const context = sha256(label("groupkey"), bytes(group.previousModel), bytes(group.groupKey));
    assert.equal(hex(context), group.context);
    assert.equal(hex(sha256(bytes(file))), digest);
    const header = parseHeader(new Uint8Array(bytes(file).subarray(0, CORE_BYTES)));
    assert.deepEqual([header.kind, header.seq, Number(header.round), header.epoch], [group.kind, seq, group.round, group.epoch]);
    assert.deepEqual([hex(header.context), hex(header.sender)], [group.context, group.sender]);
    for (const reader of readers) {
      assert.equal(hex(memberKeyId(publicKey(reader.secret))), reader.keyId);
      const found = hex(await open(bytes(file), reader.secret));
      assert.equal(found, group.secret);
      assert.equal(hex(publicKey(found)), group.groupKey);
    }
  });
}

test("the readers ascend by the identity of their keys over all files", () => {
  const named = group.files.flatMap(({ readers }) => readers.map(({ keyId }) => keyId));
  assert.deepEqual(named, [...named].sort());
});
