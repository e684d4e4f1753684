"""Cryptographic engines over `cryptography`; no I/O."""
