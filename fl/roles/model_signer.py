"""Signs the files of a model with a member's present P-256 key, where this machine has it.

Invariant: the key that signs is the one that the ledger has for the member now, so anybody can find whose it is.

Source: fl/crypto/model_signature.py (OMS 1.0); PROTOCOL.md 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.model_signature import SignedModel, with_signature
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.replay.ledger_view import Keyring


@dataclass(frozen=True)
class ModelSigner:
    """One member."""

    account: Address
    keyring: Keyring

    def signed(self, federation: Federation, model: SignedModel, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the files with the member's public key and the bundle; only the files without a present key here.

        Raises:
            KeystoreUnreadable: the key cannot be read.
        """
        key = self._key(federation)
        return dict(files) if key is None else with_signature(key, self.account, model, files)

    def _key(self, federation: Federation) -> PrivateKey | None:
        """Return the member's key of its present epoch; None if it was revoked, or has no such key on this machine."""
        member = federation.book.members.get(self.account)
        if member is None or member.key is None or member.revoked or member.key.epoch not in self.keyring.keys:
            return None
        key = self.keyring.of(member.key.epoch)
        return key if key.public_key == member.key.public_key else None
