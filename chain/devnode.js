// Hardhat's node without a port: JSON-RPC over stdin and stdout, one message per line.
//
// devchain.py is its only user and owns the listening port, so nobody reaches evm_* or hardhat_* around the journal.
// The process ends with its standard input: it cannot outlive its parent, however the parent died.
//
// Usage: node devnode.js PROJECT   (the folder with hardhat.config.js and node_modules)
// In:  {"id": 1, "method": "eth_call", "params": [...]}
//      {"id": 1, "calls": [["evm_mine", []], ["eth_getLogs", [{...}]]]}   one after the other, up to the first error
// Out: {"id": 1, "result": ...} or {"id": 1, "error": {"code": -32000, "message": "...", "data": "0x..."}}
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const project = path.resolve(process.argv[2]);
const require = createRequire(path.join(project, "package.json"));
const { createHardhatRuntimeEnvironment } = await import(pathToFileURL(require.resolve("hardhat/hre")).href);

function say(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

function describe(error) {
  const data = error.data?.data ?? error.data ?? error.cause?.data;
  return { code: error.code ?? -32603, message: error.message ?? String(error), data };
}

const configPath = path.join(project, "hardhat.config.js");
const config = (await import(pathToFileURL(configPath).href)).default;
const hre = await createHardhatRuntimeEnvironment(config, { config: configPath }, project);
const { provider } = await hre.network.create("node");

async function inTurn(calls) {
  const results = [];
  for (const [method, params] of calls) {
    results.push(await provider.request({ method, params }));
  }
  return results;
}

async function answer(line) {
  const { id, method, params, calls } = JSON.parse(line);
  try {
    say({ id, result: calls ? await inTurn(calls) : await provider.request({ method, params }) });
  } catch (error) {
    say({ id, error: describe(error) });
  }
}

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity, terminal: false });
lines.on("line", (line) => void answer(line));
lines.on("close", () => process.exit(0));
say({ ready: process.version });
