"""What auditors state about the updates of a checked round, and what follows from it for everybody.

Invariant: all of it follows from the ledger's statements and the documents whose digests they name. Of each auditor's
statements about a round the newest counts. A document that cannot be read counts as no statement.

Source: PROTOCOL.md 5C (Verdict).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from fl.protocol.errors import (
    AggregationUnusable,
    CheckUnusable,
    EncodingError,
    HashMismatch,
    MalformedError,
    SketchDisputed,
    TooLarge,
    UpdateAgainstOthers,
    VaultMissing,
)
from fl.protocol.federation import Federation
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address, Protection, Role, StatementKind, Suite
from fl.protocol.ports import Vault
from fl.protocol.records import Entry, Position, StatementMade
from fl.protocol.rounds.config import Check, RoundConfig
from fl.protocol.rounds.mask_graph import is_answered
from fl.protocol.rounds.round import Phase, Round
from fl.replay.round_documents import read_config
from fl.replay.vault_files import read_document
from fl.replay.verdict import FAULTS, Verdict
from fl.training.aggregation.choice import FEDADAM, FEDAVG, FEDAVGM, FEDYOGI, Aggregation
from fl.training.aggregation.lengths import next_bound
from fl.training.aggregation.work import SumSpec

VERDICT_CAP = 1 << 20
"""Bytes of an auditor's document about a round of at most 1,024 hospitals."""
WORDS_PER_BUCKET = 256
"""A model needs so many weights for each bucket, so that a sketch is a small part of an update."""
LARGEST_RATIO = 128
"""C / c with words of 32 bits, so that no sum of an honest hospital wraps."""


# --- Which rounds ----------------------------------------------------------------------------------------------


def check_usable(config: RoundConfig, protection: Protection, weights: int, auditors: int) -> None:
    """Check that a round can be checked under its masks, if its configuration says so.

    `weights`: d of the terms; `auditors`: how many have a key.

    Raises:
        CheckUnusable: it cannot.
    """
    check = config.check
    if check is None:
        return
    if protection != Protection.MASKED:
        raise CheckUnusable("only masked rounds that are not wide can be; other protections show each update or none")
    if SumSpec.from_dict(config.training) is not None or config.release:
        raise CheckUnusable("it sums lanes, or trustees hold its model back")
    if config.suite != Suite.P256:
        raise CheckUnusable("its files are sealed to long keys, and sketches cannot be")
    if _rule(config) not in (FEDAVG, FEDAVGM, FEDADAM, FEDYOGI):
        raise CheckUnusable(f"the rule {_rule(config)} has other updates")
    if weights < WORDS_PER_BUCKET * check.buckets:
        most = weights // WORDS_PER_BUCKET
        raise CheckUnusable(f"a model of {weights} weights bears {most} buckets, not {check.buckets}")
    if config.word_bits == 32 and config.l2_bound > LARGEST_RATIO * config.clip:  # noqa: PLR2004 - of two widths
        raise CheckUnusable(f"l2_bound is more than {LARGEST_RATIO} times clip, so sums of 32 bits could wrap")
    if auditors < check.auditors:
        raise CheckUnusable(f"it needs {check.auditors} auditors with a key, and there are {auditors}")


def _rule(config: RoundConfig) -> str:
    try:
        return Aggregation.of(config.training).rule
    except (EncodingError, AggregationUnusable):
        return "?"


def check_round(current: Round, config: RoundConfig, book: KeyBook) -> None:
    """Check a round as `check_usable` does."""
    check_usable(config, current.terms.protection, current.terms.parameters, len(auditors_of(current, book)))


def auditors_of(current: Round, book: KeyBook) -> list[Address]:
    """Return the auditors who had a key when a round opened, ascending."""
    return sorted(account for account in current.keys if book.members[account].role == Role.AUDITOR)


def checked(current: Round, vault: Vault) -> Check | None:
    """Return how a round's updates are checked; None if they are not, or if its configuration is not there."""
    if not current.masked or current.wide is not None:
        return None
    try:
        return read_config(current, vault).check
    except (VaultMissing, HashMismatch, TooLarge, MalformedError):
        return None


def judged(current: Round) -> bool:
    """Return whether a checked round has come so far that auditors can judge it: its answers cannot change any more."""
    over = current.phase in (Phase.PROPOSED, Phase.FINAL, Phase.ABORTED)
    return over and current.frozen is not None and is_answered(current)


# --- What was stated -------------------------------------------------------------------------------------------


def statements(federation: Federation, current: Round, vault: Vault) -> Iterator[tuple[Entry, Verdict]]:
    """Yield what auditors stated about a round, in ledger order; what cannot be read is left out."""
    auditors = auditors_of(current, federation.book)
    for entry, made in federation.stated(StatementKind.CHECKED):
        if made.round != current.number or made.sender not in auditors or entry.position < current.opened.position:
            continue
        verdict = _read(made, vault)
        if verdict is not None and (verdict.set_digest, verdict.round) == (current.set_digest, current.number):
            yield entry, verdict


def _read(made: StatementMade, vault: Vault) -> Verdict | None:
    try:
        verdict = Verdict.from_bytes(read_document(vault, made.digest, VERDICT_CAP))
    except (VaultMissing, HashMismatch, TooLarge, MalformedError):
        return None
    return verdict if verdict.auditor == made.sender else None


def verdicts(federation: Federation, current: Round, vault: Vault) -> dict[Address, Verdict]:
    """Return the newest verdict of each auditor about a round."""
    return {verdict.auditor: verdict for _, verdict in statements(federation, current, vault)}


def directions_before(
    federation: Federation, current: Round, auditor: Address, vault: Vault, before: Position | None = None
) -> list[Mapping[Address, int]]:
    """Return the directions that an auditor stated about earlier rounds, the oldest first, before a position.

    They begin behind the last round in which the auditor named, or lifted, a hospital for its direction: that hospital
    turned the sum with which the others were compared. Empty if directions do not count in this round.
    """
    check = checked(current, vault)
    if check is None or not check.direction:
        return []
    found: list[Mapping[Address, int]] = []
    for earlier in reversed(federation.rounds):
        if earlier.number >= current.number or not judged(earlier):
            continue
        stated = statements(federation, earlier, vault)
        own = [
            each for entry, each in stated if each.auditor == auditor and (before is None or entry.position < before)
        ]
        if own and (UpdateAgainstOthers.__name__ in own[-1].named.values() or own[-1].lifted):
            break
        found += [own[-1].directions] if own else []
    return found[::-1]


def blame(found: Mapping[Address, Verdict], book: KeyBook) -> str:
    """Return what auditors found wrong, for people; empty if nothing."""
    return "; ".join(
        f"{book.name_of(who)} says: {each.sentence(book)}" for who, each in found.items() if not each.clean
    )


def cleared(check: Check, found: Mapping[Address, Verdict]) -> bool:
    """Return whether enough auditors found every update in order, and none something else."""
    return len(found) >= check.auditors and all(each.clean for each in found.values())


def left_out(federation: Federation, vault: Vault) -> dict[Address, str]:
    """Return who must not take part in the next round, with the round and the error.

    A hospital counts if as many auditors say so as its round asks for. Who is named is left out until they lift it, and
    both partners of a disputed mask until one of them opens it. Who was absent and looks bad is left out of one round.
    """
    rounds = [each for each in federation.rounds if judged(each) and checked(each, vault)]
    newest = federation.rounds[-1].number if federation.rounds else 0
    out: dict[Address, str] = {}
    for current in rounds:
        check, found = checked(current, vault), verdicts(federation, current, vault)
        fewest = check.auditors if check else 1
        for kind in ("named", "unclear"):
            counted = Counter((who, name) for each in found.values() for who, name in getattr(each, kind).items())
            for (who, name), count in counted.items():
                passing = kind == "unclear" and name != SketchDisputed.__name__ and current.number != newest
                if count >= fewest and not passing:
                    out[who] = f"{FAULTS.get(name, name)} (round {current.number})"
    return out


def bound_after(federation: Federation, config: RoundConfig, vault: Vault) -> float:
    """Return C of the next round: that of the plan, or less after a checked round that became final."""
    for current in reversed(federation.rounds):
        if current.phase == Phase.FINAL and checked(current, vault):
            usual = [each.usual for each in verdicts(federation, current, vault).values() if each.clean]
            return next_bound(config.l2_bound, max(usual, default=0.0))
    return config.l2_bound
