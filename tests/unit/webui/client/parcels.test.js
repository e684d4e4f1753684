// The parcels of a round with clusters (PROTOCOL.md 5W.5), written again from the text: the same files as in Python.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { rootOf } from "./batches.js";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/parcels.json", import.meta.url)));
const PARCEL = 210;
const bytes = (hex) => Buffer.from(hex, "hex");
const hex = (given) => Buffer.from(given).toString("hex");
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const node = (left, right) => sha256(Buffer.of(1), left, right);

// RFC 9162, 2.1.3.2
const rootFrom = (leaf, index, size, path) => {
  let [at, last, digest] = [index, size - 1, sha256(Buffer.of(0), leaf)];
  for (const each of path) {
    if (at % 2 === 1 || at === last) {
      digest = node(each, digest);
      while (at % 2 === 0 && at > 0) [at, last] = [at >> 1, last >> 1];
    } else {
      digest = node(digest, each);
    }
    [at, last] = [at >> 1, last >> 1];
  }
  assert.equal(last, 0);
  return digest;
};

const parcelsOf = (posted) => {
  const file = bytes(posted);
  const count = file.readUInt16BE(0);
  assert.equal(file.length, 2 + PARCEL * count);
  return Array.from({ length: count }, (_, place) => file.subarray(2 + PARCEL * place, 2 + PARCEL * (place + 1)));
};

for (const vector of vectors) {
  const { members, going, posted, roots } = vector;
  test(`parcels among ${going.length} of ${members.length} mates are those of the vectors`, () => {
    for (const dealer of going) assert.equal(hex(rootOf(parcelsOf(posted[dealer]))), roots[dealer]);
    const [receiver, file] = [going[0], bytes(vector.file)];
    const head = Buffer.concat([Buffer.from("BAFL/1/received"), bytes(vector.context), bytes(receiver)]);
    assert.ok(file.subarray(0, head.length).equals(head));
    assert.equal(file.readUInt16BE(head.length), going.length - 1);
    let at = head.length + 2;
    const take = (length) => file.subarray(at, (at += length));
    for (const dealer of going.filter((each) => each !== receiver)) {
      assert.equal(hex(take(20)), dealer);
      const parcel = take(PARCEL);
      const path = Array.from({ length: take(1)[0] }, () => take(32));
      const place = members.filter((each) => each !== dealer).indexOf(receiver);
      assert.ok(parcel.equals(parcelsOf(posted[dealer])[place]));
      assert.equal(hex(rootFrom(parcel, place, members.length - 1, path)), roots[dealer]);
    }
    assert.equal(at, file.length);
    assert.equal(hex(sha256(file)), vector.received[receiver]);
    assert.equal(going.map((each) => vector.received[each]).join(""), vector.tail);
  });
}
