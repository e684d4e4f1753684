"""Committed ABI and bytecode of the contracts (artifacts.py reads them, compile.py writes them)."""
