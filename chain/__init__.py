"""Ethereum: the embedded chain, and the Ledger port over the contracts. Only this package imports eth_account."""
