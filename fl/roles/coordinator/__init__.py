"""The coordinator: opens rounds, sums updates, proposes models."""
