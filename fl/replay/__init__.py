"""What anyone computes from the ledger and the vault: no secret, no decision."""
