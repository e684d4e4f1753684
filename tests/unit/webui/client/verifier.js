// Judges many proofs for Python tests: a JSON list of {trust, proof, form} from stdin (base64), the errors' names to stdout.

import { readFileSync } from "node:fs";

import { verify } from "../../../../webui/client/verify/check.js";
import { verifyReceipt } from "../../../../webui/client/verify/receipt.js";
import { parseTrust } from "../../../../webui/client/verify/trust.js";

const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const kinds = { proof: verify, receipt: verifyReceipt };

function outcome({ trust, data, kind }) {
  try {
    kinds[kind](bytes(data), parseTrust(bytes(trust)));
    return "holds";
  } catch (error) {
    if (error.facts === undefined) { throw error; }
    return error.facts.step === undefined ? error.name : `${error.name} ${error.facts.step}`;
  }
}

const cases = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(cases.map(outcome)));
