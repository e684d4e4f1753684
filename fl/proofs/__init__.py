"""Proofs that travel: made from a ledger, and checked by anybody with nothing but a file of trust (PROTOCOL.md 8T)."""
