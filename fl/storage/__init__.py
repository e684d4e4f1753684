"""Adapters that keep files: the vault, the journal and key files."""
