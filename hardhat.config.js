// Build and test of the contracts, and the node of the embedded chain (chain/embedded/chain.py starts it).
// Offline: the compiler is npm's solc. The network `node` must not change between two runs of one embedded chain:
// its genesis block, hence every block hash, follows from these settings.
import { createRequire } from "node:module";

import { defineConfig } from "hardhat/config";

const require = createRequire(import.meta.url);

/** Prefunding is not needed (gas is free), but an empty list of accounts is refused; nobody signs with this one. */
const UNUSED_ACCOUNT = {
  privateKey: "0x" + "11".repeat(32),
  balance: "0",
};

export default defineConfig({
  paths: {
    sources: "./contracts",
    tests: { solidity: "./tests/contracts" },
    artifacts: "./build/hardhat/artifacts",
    cache: "./build/hardhat/cache",
  },
  solidity: {
    version: "0.8.37",
    path: require.resolve("solc/soljson.js"),
    settings: {
      evmVersion: "london",
      optimizer: { enabled: true, runs: 200 },
      // No metadata in the bytecode: it would hold the hash of the sources' paths, which differ between compilers.
      metadata: { appendCBOR: false, bytecodeHash: "none" },
    },
  },
  networks: {
    node: {
      type: "edr-simulated",
      chainType: "l1",
      chainId: 31337,
      hardfork: "osaka",
      initialDate: "2026-01-01T00:00:00Z",
      initialBaseFeePerGas: 0,
      gasPrice: 0,
      allowBlocksWithSameTimestamp: true,
      mining: { auto: false, interval: 0, mempool: { order: "fifo" } },
      accounts: [UNUSED_ACCOUNT],
      loggingEnabled: false,
    },
  },
  test: {
    solidity: {
      fsPermissions: { readFile: ["./tests/vectors/rounds.json", "./tests/vectors/authority.json"] },
    },
  },
});
