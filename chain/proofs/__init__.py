"""Proofs from the chain's own bytes: a node makes them, and they are checked without one.

Nothing here imports web3, so that `hemaledger verify` starts at once.
"""
