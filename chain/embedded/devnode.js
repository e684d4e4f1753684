// Hardhat's node without a port: JSON-RPC over stdin and stdout, one message per line.
//
// Only chain.py uses it. chain.py owns the listening port, so nobody can call evm_* or hardhat_* past the journal.
// The process ends when its standard input closes, so it never outlives its parent.
//
// Usage: node devnode.js PROJECT   (the folder with hardhat.config.js and node_modules)
// In:  {"id": 1, "method": "eth_call", "params": [...]}
//      {"id": 1, "calls": [["evm_mine", []], ["eth_getLogs", [{...}]]]}   in order, up to the first error
//      Any other line is answered with an error, and the process goes on.
// Out: {"id": 1, "result": ...} or {"id": 1, "error": {"code": -32000, "message": "...", "data": "0x..."}}
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

const project = path.resolve(process.argv[2]);
const require = createRequire(path.join(project, "package.json"));
const { createHardhatRuntimeEnvironment } = await import(pathToFileURL(require.resolve("hardhat/hre")).href);

const MOST_CHARACTERS = 32 * 1024 * 1024;

function say(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

function describe(error) {
  const data = error?.data?.data ?? error?.data ?? error?.cause?.data;
  return { code: error?.code ?? -32603, message: String(error?.message ?? error), data };
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
  let id = null;
  try {
    const message = JSON.parse(line);
    id = message?.id ?? null;
    const { method, params, calls } = message;
    const result = calls ? await inTurn(calls) : await provider.request({ method, params });
    const text = JSON.stringify({ id, result });
    if (text.length > MOST_CHARACTERS) {
      throw { code: -32005, message: "the answer is too large; ask for fewer blocks" };
    }
    process.stdout.write(text + "\n");
  } catch (error) {
    say({ id, error: describe(error) });
  }
}

// A fault in the library's background work does not end the chain; a request that waits for it times out.
process.on("unhandledRejection", (error) => console.error(error));

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity, terminal: false });
lines.on("line", (line) => void answer(line));
lines.on("close", () => process.exit(0));
say({ ready: process.version });
