"""Which hospitals may continue in a masked round: the checks that a contract cannot make.

Invariant: all results depend only on ledger and vault, so coordinator, hospitals and auditors get the same set.

Source: PROTOCOL.md 5, phases 1 to 2b.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from fl.crypto.curve import POINT_BYTES
from fl.crypto.round_keys import Participant, parse_advert
from fl.crypto.share_delivery import SEALED_BYTES, Parcel
from fl.crypto.share_encryption import check_bundle, entry_of_bundle, uphold
from fl.crypto.sharing import Commitments
from fl.protocol.errors import (
    EncodingError,
    FalseComplaint,
    HemaledgerError,
    MalformedError,
    NotInSet,
    RoundKeyReused,
    TamperedError,
    UnavailableError,
)
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.records import KeysAdvertised, SharesDealt
from fl.protocol.rounds.clusters import clusters_of, terms_of
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.round import Round
from fl.protocol.steps import complaints_of
from fl.replay.received_parcels import received_by
from fl.replay.vault_files import read_document

BUNDLE_CAP = 2 + SEALED_BYTES * 1024


def advertisers(current: Round) -> tuple[Address, ...]:
    """Return the hospitals with two valid keys that nobody advertised before, ascending."""
    return tuple(sorted(set(current.advertised) - why_not(current).keys()))


def why_not(current: Round) -> dict[Address, HemaledgerError]:
    """Return the error of each hospital whose advertised keys are invalid or were used before.

    With clusters that is so in the order of accounts, and among those that go on once they are known. Who looks at its
    own cluster also looks at the keys of its partners.
    """
    used, wrong = _used_before(current), dict[Address, HemaledgerError]()
    for account, record in _adverts(current):
        keys = (record.mask_key, record.transport_key)
        try:
            _parsed_advert(b"".join(keys))
        except MalformedError as error:
            wrong[account] = error
            continue
        rounds = [used[key] for key in keys if key in used]
        if rounds:
            wrong[account] = RoundKeyReused(account, rounds[0])
        else:
            used |= dict.fromkeys(keys, current.number)
    return wrong


def _adverts(current: Round) -> Iterable[tuple[Address, KeysAdvertised]]:
    if clusters_of(current) is None:
        return current.advertised.items()
    known, going = {**current.advertised, **current.across}, {*current.receivers, *current.across}
    return [(who, known[who]) for who in sorted(known) if who in going or not current.receivers]


def dealers(current: Round, vault: Vault, posted: Collection[Address] | None = None) -> tuple[Address, ...]:
    """Return the hospitals whose dealing can be checked: commitments that fit the key, and a whole file of parcels.

    With clusters that file is on the board, and the caller says whose are there: `posted`.
    """
    reused = _reused_self_keys(current)
    fitting = (who for who in current.dealt if who not in reused and (posted is None or who in posted))
    whole = (who for who in fitting if posted is not None or _has_bundle(current, who, vault))
    return tuple(sorted(who for who in whole if usable(current, who)))


def _reused_self_keys(current: Round) -> frozenset[Address]:
    """Return the hospitals whose self key was recorded in an earlier round, where others may have learned it."""
    used = _used_before(current)
    return frozenset(who for who, record in current.dealt.items() if _self_key(record) in used)


def _used_before(current: Round) -> dict[bytes, int]:
    """Return the keys of this round that an earlier one recorded, with the number of that round.

    Points are compared as bytes, since each has one compressed form.
    """
    advertised = (*current.advertised.values(), *current.across.values())
    keys = {key for record in advertised for key in (record.mask_key, record.transport_key)}
    keys |= {_self_key(record) for record in current.dealt.values()}
    used: dict[bytes, int] = {}
    for earlier in current.earlier:
        for record in earlier.advertised.values():
            used |= {key: earlier.number for key in (record.mask_key, record.transport_key) if key in keys}
        used |= {key: earlier.number for key in map(_self_key, earlier.dealt.values()) if key in keys}
    return used


def _self_key(record: SharesDealt) -> bytes:
    return record.self_commitments[:POINT_BYTES]


def participant(current: Round, account: Address) -> Participant:
    """Return the parsed keys and commitments of a hospital, or raise the error in them."""
    keys, dealt = current.advertised[account], current.dealt[account]
    advert, dealing = keys.mask_key + keys.transport_key, dealt.mask_commitments + dealt.self_commitments
    return _parsed(index_of(current, account), account, advert, dealing, current.terms.threshold)


def usable(current: Round, account: Address) -> bool:
    """Return whether a dealer's keys and commitments can be used."""
    try:
        participant(current, account)
    except (MalformedError, TamperedError):
        return False
    return True


_parsed = lru_cache(maxsize=1024)(Participant.parse)
"""Every step of a round asks for the same points, so they are parsed once; errors are not cached."""
_parsed_advert = lru_cache(maxsize=2048)(parse_advert)


def advertised(current: Round, account: Address) -> Participant:
    """Return a hospital without its commitments: it has not dealt yet, or it is a partner in another cluster."""
    record = current.advertised[account] if account in current.advertised else current.across[account]
    nothing = Commitments(account, ())
    keys = _parsed_advert(record.mask_key + record.transport_key)
    return Participant(index_of(current, account), account, *keys, nothing, nothing)


def participants(current: Round, accounts: Sequence[Address]) -> list[Participant]:
    return [participant(current, account) for account in accounts]


def honest(current: Round, vault: Vault, among: Collection[Address] | None = None) -> frozenset[Address]:
    """Return the hospitals that dealt, checked their shares and lost no complaint; U2 must be a subset.

    A valid complaint excludes the dealer, a false one the complainant. A complaint about or by a hospital that is
    excluded for another reason is not judged. With `among`, only these are looked at, and complaints between them: who
    is left out of the result then would be left out without `among`, too.

    Raises:
        VaultMissing, TooLarge, HashMismatch: as `parcel`.
    """
    reused, losers = _reused_self_keys(current), set[Address]()
    looked_at = current.checked if among is None else [who for who in current.checked if who in among]
    usable_dealers = [who for who in looked_at if who not in reused and usable(current, who)]
    for complainant in usable_dealers:
        for dealer, complaint in complaints_of(current.checked[complainant].complaints):
            if dealer in usable_dealers:
                upheld = _upheld(current, dealer, complainant, complaint, vault)
                losers.add(dealer if upheld else complainant)
    return frozenset(usable_dealers) - losers


def parcel(current: Round, dealer: Address, receiver: Address, vault: Vault) -> Parcel:
    """Return the parcel from `dealer` to `receiver`; as `parcels`."""
    return parcels(current, [dealer], receiver, vault)[0]


def parcels(current: Round, senders: Sequence[Address], receiver: Address, vault: Vault) -> list[Parcel]:
    """Return the parcels from some dealers to `receiver`, as ledger and vault have them.

    If a dealer's file has another layout, the parcel is empty, and no receiver can open it. With clusters the one file
    of the receiver has them all, each under its dealer's root.

    Raises:
        VaultMissing: a file is gone.
        TooLarge, HashMismatch: the vault, if it is not an `Awaited` one, has other bytes in its place.
        ParcelsInvalid: the coordinator recorded a wrong file for the receiver of a round with clusters.
        NotInSet: a dealer or the receiver did not go on after SHARE.
    """
    if terms_of(current) is None:
        sealed = {dealer: _of_bundle(current, dealer, receiver, vault) for dealer in senders}
    else:
        sealed = dict(received_by(current, receiver, vault))
    absent = [dealer for dealer in senders if dealer not in sealed]
    if absent:
        raise NotInSet(absent[0])
    to = participant(current, receiver)
    return [Parcel(current.context, participant(current, dealer), to, sealed[dealer]) for dealer in senders]


def _of_bundle(current: Round, dealer: Address, receiver: Address, vault: Vault) -> bytes:
    others = graph_of(current).neighbours(dealer)
    data = read_document(vault, current.dealt[dealer].bundle_digest, BUNDLE_CAP)
    try:
        return entry_of_bundle(data, (others.index(receiver), len(others)), SEALED_BYTES)
    except EncodingError:
        return b""


def sharing_with(current: Round, account: Address) -> tuple[Address, ...]:
    """Return the hospitals of U2 of whose secrets one holds shares: its neighbours and itself, ascending."""
    return tuple(sorted(graph_of(current).holders(account) & current.going))


def masking_with(current: Round, account: Address) -> list[Participant]:
    """Return the hospitals of U2 with which one has masks in common, and itself; those of other clusters come last."""
    return [*participants(current, sharing_with(current, account)), *_partners(current, account)]


def _partners(current: Round, account: Address) -> list[Participant]:
    clusters = clusters_of(current)
    if clusters is None:
        return []
    going = current.going if current.viewer is None else current.across.keys()
    return [advertised(current, each) for each in clusters.partners(account) if each in going]


def index_of(current: Round, account: Address) -> int:
    """Return a hospital's index for shares: its place in the roster, from 1."""
    return current.index_of(account)


def _has_bundle(current: Round, account: Address, vault: Vault) -> bool:
    try:
        data = read_document(vault, current.dealt[account].bundle_digest, BUNDLE_CAP)
        check_bundle(data, len(graph_of(current).neighbours(account)), SEALED_BYTES)
    except (MalformedError, TamperedError, UnavailableError):
        return False
    return True


def _upheld(current: Round, dealer: Address, complainant: Address, complaint: bytes, vault: Vault) -> bool:
    """Return whether a complaint about a dealer is valid; one about oneself, or about no neighbour, never is."""
    if not graph_of(current).joined(dealer, complainant):
        return False
    try:
        uphold(complaint, parcel(current, dealer, complainant, vault).shares)
    except FalseComplaint:
        return False
    return True
