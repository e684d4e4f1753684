"""The Ethereum side: the embedded chain, and the Ledger port over the contracts. The only importer of eth_account."""
