// The digests of a file of weights, as webui/usecases/file_look_up.py computes them (test_webui_file_look_up.py).

import assert from "node:assert/strict";
import { test } from "node:test";

import { digestsOf } from "../../../../webui/client/digest.js";

const MODEL = Buffer.from(
  "oAAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJsYXllci53ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0sImRh"
  + "dGFfb2Zmc2V0cyI6WzAsMTZdfSwiw6QgYmlhcyI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6WzE2LDI0XX19AAAAAAAAgD"
  + "8AAABAAABAQAAAgEAAAKBA", "base64");
const DIGEST = "36f6e8b4705675d368a1519f5a37501dd9e9e7ee961aad48bf031b23dc0ba2ac";
const weights = async (bytes) => (await digestsOf(new Blob([bytes]), () => undefined)).weights;

test("a file of weights has the digest by which the ledger names its model", async () => {
  assert.equal(await weights(MODEL), DIGEST);
});

test("weights that are not float32, or do not fill the file, have no such digest", async () => {
  assert.equal(await weights(Buffer.from(MODEL.toString("latin1").replace("F32", "F16"), "latin1")), "other");
  assert.equal(await weights(Buffer.concat([MODEL, Buffer.from("!")])), "other");
});

test("another file is not taken for weights", async () => {
  const empty = Buffer.from("\x02\0\0\0\0\0\0\0{}more", "latin1");
  for (const bytes of [empty, Buffer.alloc(0), Buffer.from("short"), Buffer.from("\x02\0\0\0\0\0\0\0[1"), Buffer.alloc(64, 255)]) {
    assert.equal(await weights(bytes), "");
  }
});

test("the digest of the file itself is its SHA-256", async () => {
  const found = await digestsOf(new Blob(["abc"]), () => undefined);
  assert.equal(found.digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
