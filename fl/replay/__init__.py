"""What anyone can compute from the ledger and the vault; a replay needs no secret and decides nothing."""
