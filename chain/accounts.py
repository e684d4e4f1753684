"""The one door to eth_account.

Invariant: whoever imports it leaves the recursion limit as Python ships it. eth_account imports py_ecc, which raises it
to 100,000; a deep value then overflows the C stack and ends the process instead of raising RecursionError.

Source: py_ecc/__init__.py.
"""

from __future__ import annotations

import sys

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_account.typed_transactions import TypedTransaction

RECURSION_LIMIT = 1000
"""Python's own."""

__all__ = ["RECURSION_LIMIT", "Account", "LocalAccount", "TypedTransaction", "encode_typed_data"]

sys.setrecursionlimit(RECURSION_LIMIT)
