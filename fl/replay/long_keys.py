"""Who has a long key, and the keys to which the files of a round are sealed.

Invariant: a member's long key follows from ledger and vault alone: its newest statement before the round opened, signed
by the HPKE key that the round has of it. Every file of a round of suite 2 is sealed to long keys only.

Source: PROTOCOL.md 3 (Long keys) and 4 (Suite 2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from fl.crypto.hpke_keys import verify_possession
from fl.crypto.hybrid_kem import check_public
from fl.protocol.errors import EncodingError, HashMismatch, InvalidPoint, LongKeyMissing, TooLarge, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.grants import MODEL_READERS, Source
from fl.protocol.keys.long_keys import DOCUMENT_BYTES, LongKey, LongKeyDocument
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address, Digest, StatementKind, Suite
from fl.protocol.ports import Anchor, Vault
from fl.protocol.records import Position
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import ReaderKey, ReaderKeys, masked_recipients
from fl.replay.round_documents import suite_of
from fl.replay.vault_files import read_document


def reader_keys(federation: Federation, source: Source, vault: Vault) -> ReaderKeys:
    """Return the keys to which the files of a round are sealed, by account.

    Raises:
        LongKeyMissing: the round has suite 2, and a reader has no long key.
        EncodingError: it has suite 2 and is wide.
        VaultMissing: the configuration, or the document of a long key.
    """
    if suite_of(source, vault) != Suite.HYBRID:
        return source.keys
    if isinstance(source, Round) and source.wide is not None:
        raise EncodingError(
            "round configuration", "a wide round has a group key of suite 1, so its files cannot have suite 2"
        )
    members = federation.book.members
    wanted = {
        account: key
        for account, key in source.keys.items()
        if members[account].role in MODEL_READERS and not members[account].revoked
    }
    return long_keys_of(federation, wanted, vault, source.opened.position)


def masked_readers(federation: Federation, current: Round, vault: Vault) -> list[ReaderKey]:
    """Return the keys to which the masked files of a round are sealed; raises as `reader_keys`."""
    return masked_recipients(current, federation.book, reader_keys(federation, current, vault))


def long_keys_of(
    federation: Federation, wanted: Mapping[Address, MemberKey], vault: Vault, before: Position | None = None
) -> dict[Address, LongKey]:
    """Return the long keys of members with these HPKE keys, by account: of those stated `before` a record.

    Raises:
        LongKeyMissing: somebody has none; it names all of them.
        VaultMissing: the document of one.
    """
    stated = _newest(federation, before)
    found = {who: _read(federation.anchor, who, key, stated.get(who), vault) for who, key in wanted.items()}
    lacking = [who for who, key in found.items() if key is None]
    if lacking:
        raise LongKeyMissing(names_of(federation, lacking))
    return {who: key for who, key in found.items() if key is not None}


def lacking_long_keys(federation: Federation, vault: Vault) -> list[Address]:
    """Return the active readers of models whose newest HPKE key has no long key, or one whose document is missing."""
    return [
        member.account
        for member in federation.book.members.values()
        if member.role in MODEL_READERS and member.key and not member.revoked
        if not has_long_key(federation, member.account, member.key, vault)
    ]


def has_long_key(
    federation: Federation, account: Address, key: MemberKey, vault: Vault, before: Position | None = None
) -> bool:
    """Return whether a member has a long key for an HPKE key; a document that is missing or wrong is none."""
    try:
        return bool(long_keys_of(federation, {account: key}, vault, before))
    except (LongKeyMissing, VaultMissing):
        return False


def names_of(federation: Federation, accounts: Collection[Address]) -> str:
    """Return the names of members for people."""
    return ", ".join(sorted(federation.book.name_of(account) for account in accounts))


def _newest(federation: Federation, before: Position | None) -> dict[Address, Digest]:
    stated = federation.stated(StatementKind.LONG_KEY)
    return {made.sender: made.digest for entry, made in stated if before is None or entry.position < before}


def _read(anchor: Anchor, account: Address, key: MemberKey, digest: Digest | None, vault: Vault) -> LongKey | None:
    """Return the long key in a document that was stated; None without one, and for a document that is not right."""
    if digest is None:
        return None
    try:
        data = read_document(vault, digest, DOCUMENT_BYTES)
    except (TooLarge, HashMismatch):
        return None
    return checked_long_key(data, anchor, account, key)


@lru_cache(maxsize=4096)
def checked_long_key(data: bytes, anchor: Anchor, account: Address, key: MemberKey) -> LongKey | None:
    """Return the long key in a document that the HPKE key `key` signed for its own epoch, else None."""
    try:
        document = LongKeyDocument.from_bytes(data)
        check_public(document.key)
    except (EncodingError, InvalidPoint):
        return None
    right = document.key.epoch == key.epoch
    message = document.key.message(anchor, account)
    return document.key if right and verify_possession(key.public_key, message, document.proof) else None
