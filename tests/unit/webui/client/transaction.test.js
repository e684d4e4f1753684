// The browser's transactions on the vectors that eth_account made.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { encoding, transactions } from "../../../../webui/client/main.js";

const file = new URL("../../../vectors/transactions.json", import.meta.url);
const bytes = (text) => encoding.fromHex(text, "vector");

for (const each of JSON.parse(readFileSync(file, "utf-8")).cases) {
  test(`transaction: ${each.name}`, () => {
    const { sign, approval, refusal, accountOf } = transactions;
    const terms = {
      chainId: BigInt(each.chain_id), to: bytes(each.to), nonce: BigInt(each.nonce), gas: BigInt(each.gas),
      maxFee: BigInt(each.max_fee), maxPriorityFee: BigInt(each.max_priority_fee),
    };
    const request = BigInt(each.request);
    const data = each.reason === undefined ? approval(request, bytes(each.digest)) : refusal(request, each.reason);
    assert.equal(encoding.toHex(sign(bytes(each.key), terms, data)), each.raw);
    assert.equal(encoding.toHex(accountOf(bytes(each.key))), each.account);
  });
}

test("no account belongs to 0, to the order, or to 31 bytes", () => {
  const order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
  for (const key of [new Uint8Array(32), bytes(order), new Uint8Array(31).fill(1)]) {
    assert.throws(() => transactions.accountOf(key), { name: "InvalidScalar" });
  }
});
