"""The sum of a masked round: the hospitals' masked files added, the remaining masks taken away.

Invariant: the result depends on the ledger's digests alone; any t right answers give the same sum, and nothing but the
sum of the frozen set ever appears in the clear.

Source: PROTOCOL.md 5 (Unmasking) and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fl.crypto import masking
from fl.crypto.reveal import parse_answer, uncover
from fl.crypto.sharing import Share
from fl.protocol.errors import (
    BelowThreshold,
    HemaledgerError,
    MalformedError,
    RefusedError,
    SetMismatch,
    SignatureInvalid,
    TamperedError,
    TooFewReveals,
    UnavailableError,
)
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Endorser, SetStatement, Vault
from fl.protocol.round import Round
from fl.roles.artefacts import Reader
from fl.roles.participants import honest, participants
from fl.roles.view import Stopwatch
from fl.training.quantise import Words


@dataclass(frozen=True)
class Unmasked:
    """The hospitals' summed words, and who revealed wrong shares."""

    words: Words
    """int32 or int64 [d + LANES], summed mod 2^32 or 2^64."""
    wrong: tuple[Address, ...]


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
    current: Round, reader: Reader, watch: Stopwatch, skip: Callable[[Address, HemaledgerError], None]
) -> Unmasked:
    """Return the sum; `skip` is told of every answer that had to be left out.

    Raises:
        TooFewReveals, BelowThreshold: fewer than t answers, or shares in them, could be used.
        VaultMissing: the same, but some answers that were recorded are not there.
        TamperedError, MalformedError, UnavailableError: a masked file, or the shares of a secret.
    """
    parts = participants(current, current.sharers)
    survivors = frozenset(current.hospitals)
    answers: dict[Address, dict[Address, Share]] = {}
    missing: list[UnavailableError] = []
    for part in parts:
        if part.account not in current.revealed:
            continue
        try:
            answers[part.account] = parse_answer(reader.answer(current, part.account), part, parts, survivors)
        except (TamperedError, MalformedError, RefusedError) as error:
            skip(part.account, error)
        except UnavailableError as error:
            missing.append(error)
    try:
        if len(answers) < current.terms.threshold:
            raise TooFewReveals(len(answers), current.terms.threshold)
        with watch("reconstruct"):
            uncovered = uncover(answers, parts, survivors)
    except (TooFewReveals, BelowThreshold):
        if missing:  # with them it might have been enough
            raise missing[0] from None
        raise
    total = reader.masked_sum.take(current)
    with watch("unmask"):
        context = Digest(current.mask_context)
        masks = masking.remaining_masks(parts, uncovered.self_secrets, uncovered.mask_secrets, context)
        words = masking.to_signed(masking.apply(total, masks))
    return Unmasked(words, tuple(sorted({who for who, _ in uncovered.wrong})))


def _signed(endorser: Endorser, wanted: SetStatement, account: Address, current: Round) -> bool:
    if account not in current.endorsed:
        return False
    try:
        return endorser.recover(wanted, current.endorsed[account].signature) == account
    except SignatureInvalid:
        return False
