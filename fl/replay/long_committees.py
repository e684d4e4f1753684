"""To whose long keys the second half of a record's key is shared: those of the trustees who hold the threshold key.

Invariant: a trustee's long key follows from ledger and vault alone. It is the newest one that the trustee stated,
signed by any HPKE key that the ledger has of it: a trustee replaces that key after each ceremony, and the long key
stays.

Source: PROTOCOL.md 3 (Long keys) and 9 (Encapsulation for decades).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from fl.crypto.long_committee import LongCommittee
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import HashMismatch, LongKeyMissing, TooLarge, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Committee
from fl.protocol.keys.long_keys import DOCUMENT_BYTES, LongKey
from fl.protocol.names import Address, Digest, StatementKind
from fl.protocol.ports import Vault
from fl.replay.long_keys import checked_long_key, names_of
from fl.replay.vault_files import read_document


def long_committee(federation: Federation, committee: Committee, vault: Vault) -> LongCommittee:
    """Return a committee with the newest long key of each trustee.

    Raises:
        LongKeyMissing: somebody has none, or the same as another trustee; it names them.
        VaultMissing: the document of one.
    """
    newest = dict(_stated(federation))
    keys = {who: read_long_key(federation, who, newest[who], vault) for who in committee.members if who in newest}
    ids = Counter(key.key_id for key in keys.values() if key is not None)
    found = tuple(key for who in committee.members if (key := keys.get(who)) is not None and ids[key.key_id] == 1)
    if len(found) < len(committee.members):
        lacking = [who for who in committee.members if keys.get(who) not in found]
        raise LongKeyMissing(names_of(federation, lacking))
    return LongCommittee(ThresholdKey.from_bytes(committee.public_key), committee.threshold, found)


def newest_long_key(federation: Federation, account: Address, vault: Vault) -> LongKey | None:
    """Return a trustee's long key; None if it has none, also if its document is missing or wrong."""
    newest = dict(_stated(federation))
    try:
        return read_long_key(federation, account, newest[account], vault) if account in newest else None
    except VaultMissing:
        return None


def stated_ids(federation: Federation, account: Address, vault: Vault) -> frozenset[bytes]:
    """Return the identities of all long keys that a member ever stated, as far as the vault has their documents."""
    keys = []
    for who, digest in _stated(federation):
        if who == account:
            try:
                keys.append(read_long_key(federation, account, digest, vault))
            except VaultMissing:
                continue
    return frozenset(key.key_id for key in keys if key is not None)


def read_long_key(federation: Federation, account: Address, digest: Digest, vault: Vault) -> LongKey | None:
    """Return the long key in a trustee's document; None if it is wrong. Raises VaultMissing if it is not there."""
    try:
        data = read_document(vault, digest, DOCUMENT_BYTES)
    except (TooLarge, HashMismatch):
        return None
    keys = federation.book.members[account].keys
    found = (checked_long_key(data, federation.anchor, account, key) for key in keys)
    return next((key for key in found if key is not None), None)


def _stated(federation: Federation) -> Iterator[tuple[Address, Digest]]:
    for _, made in federation.stated(StatementKind.LONG_KEY):
        yield made.sender, made.digest
