"""The sum of a masked round: add the hospitals' masked files, then subtract the remaining masks.

Invariant: the result depends on the ledger's digests alone. Any t valid responses give the same sum, and only the sum
of the frozen set ever appears in the clear.

Source: PROTOCOL.md 5 (Unmasking) and 7.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from fl.crypto import masking
from fl.crypto.pair_sketches import Tags
from fl.crypto.round_keys import Participant
from fl.crypto.sharing import Share
from fl.crypto.unmasking_shares import Uncovered, parse_answer, uncover
from fl.protocol.errors import (
    BelowThreshold,
    HemaledgerError,
    MalformedError,
    RefusedError,
    SetMismatch,
    ShareInvalid,
    SharesMissing,
    SignatureInvalid,
    TamperedError,
    TooFewReveals,
    UnavailableError,
)
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Endorser, SetStatement, Vault
from fl.protocol.rounds.clusters import clusters_of, numbers_seen, terms_of
from fl.protocol.rounds.mask_graph import check_answered, check_holders, graph_of
from fl.protocol.rounds.round import Round
from fl.protocol.rounds.set_statement import set_statement
from fl.replay.expected_files import ReaderKey
from fl.replay.file_reader import FileReader
from fl.replay.participants import honest, index_of, participants, sharing_with
from fl.replay.round_sum import RoundSum
from fl.timing import timed
from fl.training.aggregation.quantise import Words


@dataclass(frozen=True)
class Responses:
    """The unmasking responses of a round."""

    shares: Mapping[Address, Mapping[Address, Share]]
    """Survivor -> dealer -> share, of every response that can be used."""
    rejected: Mapping[Address, HemaledgerError]
    """Survivor -> the error in its response."""
    missing: UnavailableError | None
    """The error of the first response whose file is not there."""
    tags: Mapping[Address, Tags] = field(default_factory=dict)
    """Of a checked round: survivor -> what its response says about its sketches (PROTOCOL.md 5C)."""


@dataclass(frozen=True)
class UnmaskedSum:
    """The result of the responses."""

    words: Words
    """int32 or int64 [d + LANES]."""
    rejected: Mapping[Address, HemaledgerError]
    """Survivor -> the error in its response or in a share of it."""


def check_agreement(current: Round, endorser: Endorser, vault: Vault, among: Collection[Address] | None = None) -> None:
    """Check that enough hospitals of a legal set signed it (phase 5): t of them, or a wide round's `endorsers`.

    With clusters, also f of each cluster that this reader sees; who looks at its own cluster counts these alone.

    `among`: as in `check_sharers`; all signatures are checked in any case.

    Raises:
        SetMismatch: a hospital continued after it lost a complaint, or the set has one that did not continue.
        SharesMissing: the set of a wide round has too few holders of somebody's shares.
        BelowThreshold: too few signatures verify.
    """
    check_sharers(current, vault, among)
    for account in current.hospitals:
        if account not in current.going:
            raise SetMismatch(account)
    check_holders(current)
    check_signed(current, endorser)


def check_signed(current: Round, endorser: Endorser) -> None:
    """Raise BelowThreshold unless enough signatures of the set verify; with clusters, also f of each that is seen.

    No signature is checked twice, and none that is not needed.
    """
    wanted, terms, clusters = set_statement(current), terms_of(current), clusters_of(current)
    fewest, total = 0 if terms is None else terms.fewest, current.endorsers if current.viewer is None else 0
    lacking, lacking_of = total, dict.fromkeys(numbers_seen(current), fewest)
    for account in current.hospitals:
        number = -1 if clusters is None else clusters.number_of(account)
        if (lacking or number in lacking_of) and _signed(endorser, wanted, account, current):
            lacking = max(0, lacking - 1)
            if number in lacking_of:
                lacking_of[number] -= 1
                lacking_of = {each: count for each, count in lacking_of.items() if count}
    if lacking:
        raise BelowThreshold(total - lacking, total)
    for count in lacking_of.values():
        raise BelowThreshold(fewest - count, fewest)


def check_sharers(current: Round, vault: Vault, among: Collection[Address] | None = None) -> None:
    """Raise SetMismatch when U2 contains a hospital that a complaint excludes.

    `among`: look only at these, as a hospital of a wide round does with its neighbours (PROTOCOL.md 5W.1); None: all.
    """
    allowed = honest(current, vault, among)
    for account in current.sharers if among is None else [each for each in current.sharers if each in among]:
        if account not in allowed:
            raise SetMismatch(account)


def read_responses(current: Round, reader: FileReader, required: Collection[ReaderKey] = ()) -> Responses:
    """Open the recorded unmasking responses; reject one that a member in `required` cannot read.

    Raises:
        TamperedError, MalformedError: the keys and commitments on the ledger.
    """
    parts, survivors = participants(current, current.sharers), frozenset(current.hospitals)
    by_account = {part.account: part for part in parts}
    shares: dict[Address, Mapping[Address, Share]] = {}
    rejected: dict[Address, HemaledgerError] = {}
    missing: UnavailableError | None = None
    tags: dict[Address, Tags] | None = {} if reader.config(current).check else None
    for part in parts:
        if part.account not in current.revealed:
            continue
        try:
            body = reader.answer(current, part.account, required)
            if tags is not None:
                body, tags[part.account] = Tags.split(body, partners(current, part.account))
            held = [by_account[each] for each in sharing_with(current, part.account)]
            shares[part.account] = parse_answer(body, part, held, survivors & {each.account for each in held})
        except (TamperedError, MalformedError, RefusedError) as error:
            rejected[part.account] = error
            if tags is not None:
                tags.pop(part.account, None)
        except UnavailableError as error:
            missing = missing or error
    return Responses(shares, rejected, missing, tags or {})


def partners(current: Round, hospital: Address) -> list[Address]:
    """Return with whom a hospital of a checked round's frozen set has masks that count: all others of it, ascending."""
    return [each for each in current.hospitals if each != hospital]


def unmask_sum(current: Round, sums: RoundSum, responses: Responses) -> UnmaskedSum:
    """Return the sum of the frozen set, mod 2^32 or 2^64.

    Raises:
        TooFewReveals, BelowThreshold: fewer than t responses, or fewer than t shares of a secret, can be used.
        SharesMissing: fewer than t shares of a secret were revealed in a wide round.
        VaultMissing: the same, but the file of a recorded response is not there.
        UpdateUnusable, UnavailableError: a masked file.
        TamperedError, MalformedError: the shares of a secret.
    """
    parts = participants(current, current.sharers)
    uncovered = uncovered_by(current, parts, responses)
    wrong = {revealer: ShareInvalid(dealer, index_of(current, revealer)) for revealer, dealer in uncovered.wrong}
    words = _unmasked(sums.take(current).words, current, parts, uncovered)
    return UnmaskedSum(words, {**responses.rejected, **wrong})


def uncovered_by(current: Round, parts: Sequence[Participant], responses: Responses) -> Uncovered:
    """Return the secrets that the responses give together; raises as `unmask_sum`."""
    try:
        return _uncover(current, parts, responses.shares)
    except (TooFewReveals, BelowThreshold, SharesMissing):
        if responses.missing:  # the missing response could have been enough
            raise responses.missing from None
        raise


@timed("reconstruct")
def _uncover(
    current: Round, parts: Sequence[Participant], shares: Mapping[Address, Mapping[Address, Share]]
) -> Uncovered:
    if len(shares) < current.terms.threshold:
        raise TooFewReveals(len(shares), current.terms.threshold)
    if current.wide is not None:
        check_answered(current, shares)
    return uncover(shares, parts, frozenset(current.hospitals))


@timed("unmask")
def _unmasked(
    total: masking.Masked, current: Round, parts: Sequence[Participant], uncovered: Uncovered
) -> masking.Signed:
    context = Digest(current.mask_context)
    joined = graph_of(current).masked
    masks = masking.remaining_masks(parts, uncovered.self_secrets, uncovered.mask_secrets, context, joined)
    return masking.to_signed(masking.apply(total, masks))


def _signed(endorser: Endorser, wanted: SetStatement, account: Address, current: Round) -> bool:
    if account not in current.endorsed:
        return False
    try:
        return endorser.recover(wanted, current.endorsed[account].signature) == account
    except SignatureInvalid:
        return False
