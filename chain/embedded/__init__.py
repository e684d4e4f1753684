"""The embedded chain: Hardhat's node behind a journal."""
