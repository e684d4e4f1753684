// The browser's verifier on the vectors that Python has too: good proofs, and broken ones with their errors.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { verify } from "../../../../webui/client/verify/check.js";
import { parseTrust } from "../../../../webui/client/verify/trust.js";
import { parseJson } from "../../../../webui/client/verify/json.js";
import { coreFacts, limitsOf, shown, Voice, whatOf } from "../../../../webui/client/verify/words.js";

const vectors = JSON.parse(readFileSync(new URL("../../../vectors/tlog.json", import.meta.url), "utf-8"));
const bytes = (text) => new TextEncoder().encode(text);
const hex = (given) => Buffer.from(given).toString("hex");

for (const [place, one] of vectors.proofs.entries()) {
  test(`proof ${place} holds: ${one.inner}, ${one.size} entries`, () => {
    const trust = parseTrust(bytes(one.trust));
    const proven = verify(bytes(one.proof), trust);
    assert.equal(hex(proven.checkpoint.root), one.root);
    assert.equal(Number(proven.index), one.index);
    assert.equal(proven.bound !== null, one.bound);
    assert.ok(limitsOf(new Voice("en", {}), trust, proven).length >= 2);
  });
}

for (const one of vectors.broken.proofs) {
  test(`broken: ${one.what}`, () => {
    assert.throws(() => verify(bytes(one.proof), parseTrust(bytes(vectors.broken.trust))), { name: one.error });
  });
}

test("names from a file are shown as they are, and never taken for places of facts", () => {
  const account = "00".repeat(20);
  const trust = { members: new Map([[account, { name: "{round}\u202e", role: "HOSPITAL" }]]) };
  const record = { name: "UpdateCommitted", fields: { sender: account, round: 7n, digest: new Uint8Array(32) } };
  const voice = new Voice("de", { "In round {round}, {who} recorded its update {digest}.": "Runde {round}: {who}", hospital: "Haus" });
  assert.equal(whatOf(voice, trust, record), "Runde 7: {round}\ufffd (Haus)");
  assert.equal(shown("x".repeat(500)).length, 201);
});

test("the probability of the disease is never said beside another answer", () => {
  const core = parseJson(new TextEncoder().encode(JSON.stringify({
    answer: { label: "HEM", probability: 0.27, shares: { ALL: 0.27, HEM: 0.73 } }, classes: { ALL: "leukemia cell", HEM: "healthy cell" },
  })), "receipt", 1000);
  const said = Object.fromEntries(coreFacts(new Voice("en", {}), core).map(([name, text]) => [name, text]));
  assert.equal(said.Answer, "healthy cell");
  assert.equal(said["Share of each class"], "leukemia cell 27%, healthy cell 73%");
});
