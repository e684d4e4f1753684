"""The transparency log over the ledger's records: its entries, tree, checkpoints, policy and proofs (PROTOCOL.md 8T).

Pure: signatures come in as callables (fl/crypto/note_keys.py), the chain through ports.
"""
