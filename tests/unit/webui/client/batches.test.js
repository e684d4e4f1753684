// Batches of wide rounds, on the vectors that Python made.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { isIncluded, leafOf, parseBatch, rootOf, signerOf } from "./batches.js";
import { encoding } from "../../../../webui/client/main.js";

const file = new URL("../../../vectors/batches.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf-8"));
const bytes = (text) => encoding.fromHex(text, "vector");
const hex = (given) => encoding.toHex(given);

for (const each of vectors.batches) {
  const steps = parseBatch(bytes(each.file), bytes(vectors.context), each.phase);
  const leaves = steps.map(leafOf);

  test(`batch of phase ${each.phase}: steps, leaves, root and signers are those of the vectors`, () => {
    assert.deepEqual(steps.map((step) => hex(step.account)), each.steps.map((step) => step.account));
    assert.deepEqual(leaves.map(hex), each.steps.map((step) => step.leaf));
    assert.equal(hex(rootOf(leaves)), each.root);
    assert.equal(hex(encoding.sha256(bytes(each.file))), each.file_digest);
    steps.forEach((step, place) => {
      assert.equal(hex(signerOf(bytes(each.steps[place].signed), step.signature)), each.steps[place].account);
    });
  });

  test(`batch of phase ${each.phase}: the path of the last step leads to the root, and no other leaf does`, () => {
    const path = each.proof.path.map(bytes);
    const root = bytes(each.root);
    assert.ok(isIncluded(leaves.at(-1), each.proof.index, leaves.length, path, root));
    assert.ok(!isIncluded(leaves.at(-1).toReversed(), each.proof.index, leaves.length, path, root));
    assert.ok(!isIncluded(leaves.at(-1), each.proof.index, leaves.length, [...path, root], root));
  });

  test(`batch of phase ${each.phase}: a cut file and one of another phase are refused`, () => {
    const whole = bytes(each.file);
    for (const [given, phase] of [[whole.subarray(0, -1), each.phase], [whole, 5]]) {
      assert.throws(() => parseBatch(given, bytes(vectors.context), phase), { name: "EncodingError" });
    }
  });
}
