"""Flower: one exchange a round calls each hospital's agent; the round itself goes over ledger and vault.

`app/` is the Flower app. It runs in Flower's own environment and imports nothing of Hemaledger. The other modules run
in the agents and never import flwr.
"""
