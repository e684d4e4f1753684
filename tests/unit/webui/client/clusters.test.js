// The clusters of a wide round (PROTOCOL.md 5W.5), written again from the text: the same files and digests as in Python.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { rootOf } from "./batches.js";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/clusters.json", import.meta.url)));
const bytes = (hex) => Buffer.from(hex, "hex");
const label = (text) => Buffer.from(`BAFL/1/${text}`);
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const hex = (given) => Buffer.from(given).toString("hex");
const modulo = (number, by) => ((number % by) + by) % by;
const u64 = (number) => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(number));
  return buffer;
};

for (const vector of vectors.rosters) {
  const { roster, across, clusters } = vector;
  test(`${roster.length} hospitals in ${clusters.length} clusters are those of the vectors`, () => {
    const [n, count] = [roster.length, clusters.length];
    const seed = sha256(label("clusters"), bytes(vectors.context));
    assert.equal(hex(seed), vector.seed);
    const places = new Map(roster.map((each) => [each, sha256(seed, bytes(each))]));
    const ring = [...roster].sort((one, other) => Buffer.compare(places.get(one), places.get(other)));
    const cut = (g) => Math.floor((g * n) / count);
    const parts = clusters.map((_, g) => ring.slice(cut(g), cut(g + 1)));
    assert.deepEqual(parts, clusters);
    const joined = (g, p, h, q) => (
      modulo(g + 1, count) === h && q < parts[h].length && modulo(q - p, Math.ceil(n / count)) < across
    );
    parts.forEach((part, g) => part.forEach((hospital, p) => {
      const partners = parts.flatMap((others, h) => (
        h === g ? [] : others.filter((_, q) => joined(g, p, h, q) || joined(h, q, g, p))
      ));
      assert.deepEqual(partners.sort(), vector.partners[hospital]);
    }));
  });
}

test("the index names the files of the vectors, and its root is over their roots", () => {
  const { index } = vectors;
  const file = bytes(index.file);
  const head = Buffer.concat([label("clusters"), bytes(vectors.context), Buffer.of(index.phase)]);
  assert.ok(file.subarray(0, head.length).equals(head));
  const count = file.readUInt16BE(head.length);
  const files = Array.from({ length: count }, (_, g) => {
    const at = head.length + 2 + 68 * g;
    const digests = { root: hex(file.subarray(at + 4, at + 36)), digest: hex(file.subarray(at + 36, at + 68)) };
    return { count: file.readUInt16BE(at), going: file.readUInt16BE(at + 2), ...digests };
  });
  assert.deepEqual(files, index.files);
  assert.equal(file.length, head.length + 2 + 68 * count);
  assert.equal(files.reduce((sum, each) => sum + each.count, 0), index.count);
  assert.equal(files.reduce((sum, each) => sum + each.going, 0), index.going);
  assert.equal(hex(rootOf(files.map((each) => bytes(each.root)))), index.root);
  assert.equal(hex(sha256(file)), index.digest);
});

test("the opening names the clusters behind the key files", () => {
  const { file, roster, clusters } = vectors.opening;
  const data = bytes(file);
  const at = label("opening2").length;
  assert.ok(data.subarray(0, at).equals(label("opening2")));
  assert.equal(data.readUInt16BE(at), roster.length);
  const keys = at + 2 + 20 * roster.length + 65;
  const terms = keys + 2 + 32 * data.readUInt16BE(keys);
  const read = [0, 2, 4].map((offset) => data.readUInt16BE(terms + offset));
  assert.deepEqual(read, [clusters.count, clusters.fewest, clusters.across]);
  assert.equal(data.length, terms + 6);
});

test("ctx2 and the set digest follow from the roots of the phases", () => {
  const root = (phase) => bytes(vectors.roots[phase]);
  const context = sha256(label("set5"), bytes(vectors.context), root(2), root(3), root(4));
  assert.equal(hex(context), vectors.mask_context);
  const numbers = [bytes(vectors.consortium), u64(vectors.chain_id), bytes(vectors.contract), u64(vectors.round)];
  assert.equal(hex(sha256(label("set6"), ...numbers, root(5))), vectors.set_digest);
});
