// The ring of a wide round (PROTOCOL.md 5W.1), written again from the text: the same order and neighbours as in Python.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/mask_graph.json", import.meta.url)));
const bytes = (hex) => Buffer.from(hex, "hex");
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();

for (const vector of vectors) {
  const { hospitals, degree } = vector;
  test(`a ring of ${hospitals.length} with ${degree} neighbours is that of the vectors`, () => {
    const seed = sha256(Buffer.from("BAFL/1/graph"), bytes(vector.context), bytes(vector.block));
    assert.equal(seed.toString("hex"), vector.seed);
    const places = new Map(hospitals.map((each) => [each, sha256(seed, bytes(each))]));
    const ring = [...hospitals].sort((one, other) => Buffer.compare(places.get(one), places.get(other)));
    assert.deepEqual(ring, vector.ring);
    for (const [place, hospital] of ring.entries()) {
      const reach = degree + 1 >= ring.length ? ring.length : degree / 2;
      const near = (other) => Math.min((other - place + ring.length) % ring.length, (place - other + ring.length) % ring.length);
      const neighbours = ring.filter((_, other) => other !== place && near(other) <= reach).sort();
      assert.deepEqual(neighbours, vector.neighbours[hospital]);
    }
  });
}
