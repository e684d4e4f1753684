"""The sum of a masked round: the hospitals' masked files added, the remaining masks taken away.

Invariant: the result depends on the ledger's digests alone; any t right answers give the same sum, and nothing but the
sum of the frozen set ever appears in the clear.

Source: PROTOCOL.md 5 (Unmasking) and 7.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from fl.crypto import masking
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
    SignatureInvalid,
    TamperedError,
    TooFewReveals,
    UnavailableError,
)
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Endorser, SetStatement, Vault
from fl.protocol.rounds.round import Round
from fl.replay.participants import honest, index_of, participants
from fl.replay.round_sum import RoundSum
from fl.timing import timed
from fl.training.aggregation.quantise import Words


def statement(current: Round) -> SetStatement:
    """Return what the hospitals of a frozen round sign."""
    if current.frozen is None:
        raise SetMismatch(current.opener)
    anchor = current.anchor
    return SetStatement(
        consortium=anchor.consortium,
        chain_id=anchor.chain_id,
        contract=anchor.contract,
        round=current.number,
        mask_context=current.mask_context,
        set_digest=current.set_digest,
        freeze_block=current.frozen.block_hash,
    )


def check_agreement(current: Round, endorser: Endorser, vault: Vault) -> None:
    """Phase 5: raise unless at least t hospitals of a legal set signed it.

    Raises:
        SetMismatch: the sharers are not those whom the complaints leave, or the set is not within them.
        BelowThreshold: too few signatures verify.
    """
    check_sharers(current, vault)
    for account in current.hospitals:
        if account not in current.sharers:
            raise SetMismatch(account)
    wanted = statement(current)
    signed = sum(_signed(endorser, wanted, account, current) for account in current.hospitals)
    if signed < current.terms.threshold:
        raise BelowThreshold(signed, current.terms.threshold)


def check_sharers(current: Round, vault: Vault) -> None:
    """Raise SetMismatch when U2 holds a hospital that a complaint put out."""
    allowed = honest(current, vault)
    for account in current.sharers:
        if account not in allowed:
            raise SetMismatch(account)


def unmask_sum(
    current: Round,
    sums: RoundSum,
    skip: Callable[[Address, HemaledgerError], None],
    due: Collection[MemberKey] = (),
) -> Words:
    """Return the hospitals' summed words, int32 or int64 [d + LANES], mod 2^32 or 2^64.

    `skip` is told of every answer that is left out, also of one that those who are `due` cannot read.

    Raises:
        TooFewReveals, BelowThreshold: fewer than t answers, or shares in them, could be used.
        VaultMissing: the same, but some answers that were recorded are not there.
        UpdateUnusable, UnavailableError: a masked file.
        TamperedError, MalformedError: the shares of a secret.
    """
    parts = participants(current, current.sharers)
    answers, missing = _answers(current, parts, lambda account: sums.reader.answer(current, account, due), skip)
    try:
        uncovered = _uncover(current, parts, answers)
    except (TooFewReveals, BelowThreshold):
        if missing:  # with them it might have been enough
            raise missing[0] from None
        raise
    for revealer, dealer in uncovered.wrong:
        skip(revealer, ShareInvalid(dealer, index_of(current, revealer)))
    return _unmasked(sums.take(current).words, current, parts, uncovered)


def _answers(
    current: Round,
    parts: Sequence[Participant],
    read: Callable[[Address], bytes],
    skip: Callable[[Address, HemaledgerError], None],
) -> tuple[dict[Address, dict[Address, Share]], list[UnavailableError]]:
    """Return the answers that can be used, and why others are not there."""
    answers: dict[Address, dict[Address, Share]] = {}
    missing: list[UnavailableError] = []
    for part in parts:
        if part.account not in current.revealed:
            continue
        try:
            answers[part.account] = parse_answer(read(part.account), part, parts, frozenset(current.hospitals))
        except (TamperedError, MalformedError, RefusedError) as error:
            skip(part.account, error)
        except UnavailableError as error:
            missing.append(error)
    return answers, missing


@timed("reconstruct")
def _uncover(
    current: Round, parts: Sequence[Participant], answers: Mapping[Address, Mapping[Address, Share]]
) -> Uncovered:
    if len(answers) < current.terms.threshold:
        raise TooFewReveals(len(answers), current.terms.threshold)
    return uncover(answers, parts, frozenset(current.hospitals))


@timed("unmask")
def _unmasked(
    total: masking.Masked, current: Round, parts: Sequence[Participant], uncovered: Uncovered
) -> masking.Signed:
    context = Digest(current.mask_context)
    masks = masking.remaining_masks(parts, uncovered.self_secrets, uncovered.mask_secrets, context)
    return masking.to_signed(masking.apply(total, masks))


def _signed(endorser: Endorser, wanted: SetStatement, account: Address, current: Round) -> bool:
    if account not in current.endorsed:
        return False
    try:
        return endorser.recover(wanted, current.endorsed[account].signature) == account
    except SignatureInvalid:
        return False
