"""A member puts its long key on the ledger.

Invariant: the document is in the vault before its digest is on the ledger, and the private half on this member's disk
before that.

Source: PROTOCOL.md 3 (Long keys).
"""

from __future__ import annotations

from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.protocol.federation import Federation
from fl.protocol.keys.long_keys import LongKeyDocument
from fl.protocol.names import Address, StatementKind
from fl.protocol.ports import Anchor, Vault
from fl.protocol.records import StatementMade


def long_key_statement(
    anchor: Anchor, account: Address, vault: Vault, key: PrivateKey, long_key: LongPrivateKey
) -> StatementMade:
    """Put the document of a long key into the vault, signed by the HPKE key of its epoch; return its statement."""
    public = long_key.long_key
    document = LongKeyDocument(public, key.prove_possession(public.message(anchor, account)))
    return StatementMade(account, 0, StatementKind.LONG_KEY, vault.put(document.to_bytes()), "")


def stated_before(federation: Federation, account: Address) -> bool:
    """Return whether a member ever stated a long key, so that each new HPKE key of it needs one too."""
    return any(made.sender == account for _, made in federation.stated(StatementKind.LONG_KEY))
