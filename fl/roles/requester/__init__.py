"""Requests to a committee of trustees to decrypt something."""
