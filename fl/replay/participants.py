"""Who may go on in a masked round: what a contract cannot check, checked by everybody alike.

Invariant: pure over ledger and vault, so coordinator, hospitals and auditors come to the same set.

Source: PROTOCOL.md 5, phases 1 to 2b.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from fl.crypto.curve import POINT_BYTES
from fl.crypto.round_keys import Participant, parse_advert
from fl.crypto.share_delivery import SEALED_BYTES, Parcel
from fl.crypto.share_encryption import bundle_from_bytes, uphold
from fl.crypto.sharing import Commitments
from fl.protocol.errors import (
    EncodingError,
    FalseComplaint,
    HemaledgerError,
    MalformedError,
    RoundKeyReused,
    TamperedError,
    UnavailableError,
)
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.records import SharesDealt
from fl.protocol.rounds.round import Round
from fl.protocol.steps import complaints_of
from fl.replay.vault_files import read_document

BUNDLE_CAP = 2 + SEALED_BYTES * 1024


def advertisers(current: Round) -> tuple[Address, ...]:
    """Return who advertised two valid keys that nobody advertised before, ascending."""
    return tuple(sorted(set(current.advertised) - why_not(current).keys()))


def why_not(current: Round) -> dict[Address, HemaledgerError]:
    """Return what is wrong with the keys of those who advertised or dealt others than fresh and valid ones."""
    used, wrong = _used_before(current), dict[Address, HemaledgerError]()
    for account, record in current.advertised.items():
        keys = (record.mask_key, record.transport_key)
        try:
            parse_advert(b"".join(keys))
        except MalformedError as error:
            wrong[account] = error
            continue
        rounds = [used[key] for key in keys if key in used]
        if rounds:
            wrong[account] = RoundKeyReused(account, rounds[0])
        else:
            used |= dict.fromkeys(keys, current.number)
    return wrong


def dealers(current: Round, vault: Vault) -> tuple[Address, ...]:
    """Return who dealt shares that can be checked: commitments to the advertised key, and a whole file of parcels."""
    spent = _dealt_again(current)
    return tuple(sorted(who for who in current.dealt if who not in spent and _dealt_well(current, who, vault)))


def _dealt_again(current: Round) -> frozenset[Address]:
    """Return who committed to a self key that was recorded in an earlier round: others may know it from then."""
    used = _used_before(current)
    return frozenset(who for who, record in current.dealt.items() if _self_key(record) in used)


def _used_before(current: Round) -> dict[bytes, int]:
    """Return which keys of this round were recorded in an earlier one, and the number of that round.

    Points are compared as bytes: each has one compressed form.
    """
    asked = {key for record in current.advertised.values() for key in (record.mask_key, record.transport_key)}
    asked |= {_self_key(record) for record in current.dealt.values()}
    found: dict[bytes, int] = {}
    for earlier in current.earlier:
        for record in earlier.advertised.values():
            found |= {key: earlier.number for key in (record.mask_key, record.transport_key) if key in asked}
        found |= {key: earlier.number for key in map(_self_key, earlier.dealt.values()) if key in asked}
    return found


def _self_key(record: SharesDealt) -> bytes:
    return record.self_commitments[:POINT_BYTES]


def participant(current: Round, account: Address) -> Participant:
    """Return what the ledger records of a hospital that advertised and dealt, or raise why it cannot be used."""
    keys, dealt = current.advertised[account], current.dealt[account]
    advert, dealing = keys.mask_key + keys.transport_key, dealt.mask_commitments + dealt.self_commitments
    return _parsed(index_of(current, account), account, advert, dealing, current.terms.threshold)


def usable(current: Round, account: Address) -> bool:
    """Return whether the ledger records points and keys of a hospital that dealt which can be used."""
    try:
        participant(current, account)
    except (MalformedError, TamperedError):
        return False
    return True


_parsed = lru_cache(maxsize=1024)(Participant.parse)
"""Points are found once, though every step of a round asks for them; what does not parse is never kept."""


def advertised(current: Round, account: Address) -> Participant:
    """Return a hospital as it is known before it dealt: without commitments."""
    record, nothing = current.advertised[account], Commitments(account, ())
    keys = parse_advert(record.mask_key + record.transport_key)
    return Participant(index_of(current, account), account, *keys, nothing, nothing)


def participants(current: Round, accounts: Sequence[Address]) -> list[Participant]:
    """Return several, in the order given."""
    return [participant(current, account) for account in accounts]


def honest(current: Round, vault: Vault) -> frozenset[Address]:
    """Return who dealt and checked its shares and lost no complaint: U2 must lie within.

    A complaint that holds puts the dealer out, a false one the complainant. One about somebody who does not go on
    anyway, or by such a one, is not judged.

    Raises:
        VaultMissing, TooLarge, HashMismatch: as `parcel`.
    """
    spent, out = _dealt_again(current), set[Address]()
    going = [account for account in current.checked if account not in spent and usable(current, account)]
    for complainant in going:
        for dealer, complaint in complaints_of(current.checked[complainant].complaints):
            if dealer in going:
                out.add(dealer if _holds(current, (dealer, complainant), complaint, vault) else complainant)
    return frozenset(going) - out


def parcel(current: Round, dealer: Address, receiver: Address, vault: Vault) -> Parcel:
    """Return what `dealer` sent to `receiver`, as the ledger and the vault have it.

    Where the dealer's file has another layout it is a parcel of no bytes, which no receiver can open.

    Raises:
        VaultMissing: the file is gone.
        TooLarge, HashMismatch: others lie in its place, and the vault is not one that waits for the right ones.
    """
    others = [account for account in current.receivers if account != dealer]
    data = read_document(vault, current.dealt[dealer].bundle_digest, BUNDLE_CAP)
    try:
        sealed = bundle_from_bytes(data, len(others), SEALED_BYTES)[others.index(receiver)]
    except EncodingError:
        sealed = b""
    return Parcel(current.context, participant(current, dealer), participant(current, receiver), sealed)


def index_of(current: Round, account: Address) -> int:
    """Return a hospital's index for shares: its place in the roster, from 1."""
    return current.roster.index(account) + 1


def _dealt_well(current: Round, account: Address, vault: Vault) -> bool:
    try:
        data = read_document(vault, current.dealt[account].bundle_digest, BUNDLE_CAP)
        bundle_from_bytes(data, len(current.receivers) - 1, SEALED_BYTES)
    except (MalformedError, TamperedError, UnavailableError):
        return False
    return usable(current, account)


def _holds(current: Round, pair: tuple[Address, Address], complaint: bytes, vault: Vault) -> bool:
    """Return whether a complaint about a dealer (the first) by a receiver is right; one about oneself is not."""
    dealer, complainant = pair
    if dealer == complainant:
        return False
    try:
        uphold(complaint, parcel(current, dealer, complainant, vault).shares)
    except FalseComplaint:
        return False
    return True
