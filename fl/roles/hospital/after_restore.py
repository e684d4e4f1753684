"""What a hospital does first after its folder came back from a backup, without the journal of its rounds.

Invariant: every round that was open is left for good: this folder sends no update, share, set or attestation in it, so
no mask and no share is used twice. What earlier trainings cost is counted again from the ledger; nothing is forgotten.

Source: PROTOCOL.md 5 (what is on disk before what leaves; Spent updates).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fl.protocol.federation import Federation
from fl.protocol.names import Digest
from fl.protocol.rounds.round import Phase, Round
from fl.replay.ledger_view import Ports
from fl.replay.round_documents import read_config
from fl.roles.hospital.outbox import key_of, spent_key
from fl.roles.hospital.privacy_limit import PLAIN_ROUNDS, Account
from fl.roles.hospital.uploads import barred_key
from fl.training.aggregation.work import SumSpec
from fl.training.recipe import private_spend

LEFT = "this folder was restored from a backup while the round was open, and takes part from the next round on"


@dataclass(frozen=True)
class Settled:
    """What was done, for a person."""

    left: tuple[int, ...]
    """The numbers of the rounds that this hospital leaves."""
    charged: int
    """How many rounds with noise the privacy account did not know."""
    barred: bool
    """Whether uploads wait for the next model, because an unknown one may have been unmasked."""


def settle_restored(
    ports: Ports, federation: Federation, spent: Iterable[tuple[Digest, int]], costs: Account
) -> Settled:
    """Bring journal and privacy account up to what the ledger has of this hospital; it may be repeated.

    Args:
        ports: The restored hospital's.
        federation: The ledger up to now.
        spent: Digest and round of every update of the backup whose shares were revealed.
        costs: The privacy account.

    Raises:
        VaultMissing: the configuration of a round is missing, so nobody knows what it cost.
    """
    account = ports.ledger.account
    for digest, number in spent:
        ports.journal.once(spent_key(digest), str(number).encode())
    own = [each for each in federation.rounds if account in each.roster]
    charged = sum(_charge(ports, each, costs) for each in own if account in each.commitments)
    open_rounds = [each for each in own if not each.ended]
    for each in open_rounds:
        ports.journal.once(key_of("restored", each), b"")
        ports.journal.once(key_of("refused", each), LEFT.encode())
    barred = _revealed_in_vain(ports, federation, own)
    if barred:
        ports.journal.once(barred_key(federation.model_digest), b"")
    return Settled(tuple(each.number for each in open_rounds), charged, barred)


def _charge(ports: Ports, current: Round, costs: Account) -> bool:
    """Charge a round whose update this hospital sent; return whether the account did not know it."""
    known = costs.spends()
    if current.context in known:
        return False
    config = read_config(current, ports.vault)
    if SumSpec.from_dict(config.training) is not None:
        return False
    spend = private_spend(config)
    costs.record(current.context if spend.noise else PLAIN_ROUNDS, spend)
    return bool(spend.noise)


def _revealed_in_vain(ports: Ports, federation: Federation, own: list[Round]) -> bool:
    """Return whether shares were revealed in a round that gave no model and left no trace in the journal."""
    account, since = ports.ledger.account, federation.source.opened.position if federation.openings else None
    return any(
        account in each.revealed and each.phase != Phase.FINAL and (since is None or each.opened.position > since)
        for each in own
    )
