"""Accounts, signatures and transactions."""
