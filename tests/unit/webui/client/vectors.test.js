// The browser's modules on the vectors that Python keeps too.

import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as client from "../../../../webui/client/main.js";
import { cases } from "./vectors.js";

const file = new URL("../../../vectors/threshold.json", import.meta.url);

for (const { name, run } of cases(client, JSON.parse(readFileSync(file, "utf-8")))) {
  test(name, run);
}
