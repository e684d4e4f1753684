"""The keys with which one member opens the files of rounds: its own of each suite, and the group keys that it holds.

Invariant: which suite a file has follows from its round's configuration, never from the file.

Source: PROTOCOL.md 4 (suites) and 5W.3.
"""

from __future__ import annotations

from fl.crypto.envelope_form import Parts
from fl.crypto.key_wrapping import AnyPrivateKey
from fl.protocol.federation import LedgerOpening
from fl.protocol.names import NO_DIGEST, Address, Suite
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.replay.group_key import GroupKeys, GroupTerms
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import config_digest_of, suite_of


class MemberKeys:
    """The keys of one member."""

    def __init__(self, account: Address, vault: Vault, keyring: Keyring) -> None:
        self._account = account
        self._vault = vault
        self._keyring = keyring
        self._groups = GroupKeys(vault)
        self._suites = NO_DIGEST, Suite.P256
        """The configuration that was read last, and its suite."""

    def suite(self, source: Round | LedgerOpening) -> Suite:
        """Return `suite_of` a round; the newest configuration is read once."""
        digest, known = config_digest_of(source), self._suites
        if known[0] != digest:
            known = self._suites = digest, suite_of(source, self._vault)
        return known[1]

    def own(self, epoch: int, suite: Suite) -> AnyPrivateKey:
        """Return this member's own key of a suite, or raise KeystoreUnreadable."""
        return self._keyring.long_of(epoch) if suite == Suite.HYBRID else self._keyring.of(epoch)

    def key_to(
        self, file: bytes, source: Round | LedgerOpening, terms: GroupTerms | None, suite: Suite
    ) -> AnyPrivateKey:
        """Return the key that opens a file: the group key of `terms`, or this member's own.

        A model that trustees hold back is sealed to members themselves in a wide round, too.
        """
        epoch = source.keys[self._account].epoch
        if terms is None or terms.key_id not in Parts.of(file).wraps:
            return self.own(epoch, suite)
        return self._groups.held(terms, lambda: self._keyring.of(epoch))

    def check_group(self, current: Round) -> None:
        """Check that this member has the group key of a wide round; other rounds pass. Raises as GroupKeys.of."""
        if current.wide is not None and self._account in current.keys:
            self._groups.of(current, lambda: self._keyring.of(current.keys[self._account].epoch))
