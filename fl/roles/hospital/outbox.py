"""What a hospital promised in a round: keys and files, made once, kept before they are told; and what is spent.

Invariant: the same question gives the same bytes after any crash; nothing is made twice. Weights whose shares may have
left are never masked again.

Source: PROTOCOL.md 5 (what is on disk before what leaves; Spent updates).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fl.crypto.envelope import MAX_RECIPIENTS, sealed_size
from fl.crypto.round_keys import RoundKeys
from fl.events import Event
from fl.protocol.codec import sha256
from fl.protocol.errors import UpdateSpent
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Address, Blob, Digest
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import ANSWER_CAP
from fl.replay.ledger_view import Ports
from fl.replay.participants import BUNDLE_CAP
from fl.replay.vault_files import Presence
from fl.timing import timed
from fl.training.aggregation.quantise import Vector, body_bytes

SPENT = (
    "the round was aborted after this hospital had revealed shares: what it learned there is never offered again; the "
    "next update is trained with another seed, but resembles it"
)


class RoundOutbox:
    """The journal and the outbox of rounds."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._presence = Presence(ports.vault)
        self._settled = 0
        """How many rounds ended and hold no secrets here any more."""

    def keys(self, current: Round) -> RoundKeys:
        """Return the round's keys, drawn once and journalled before anything of them leaves."""
        key = key_of("keys", current)
        kept = self._ports.journal.get(key)
        if kept is None:
            kept = self._ports.journal.once(key, RoundKeys.generate(current.terms.threshold).to_bytes())
        return RoundKeys.from_bytes(kept)

    def file(self, what: str, current: Round, make: Callable[[], Blob]) -> Digest:
        """Return the digest of the one file of this kind in this round, made and kept now if it was not yet."""
        key = key_of(what, current)
        kept = self._ports.journal.get(key)
        if kept is None:
            file = make()
            kept = self._ports.journal.once(key, self._ports.outbox.put(file))
        return Digest(kept)

    def promised(self, what: str, current: Round) -> Digest:
        """Return the digest of a promised file, NO_DIGEST when none was promised."""
        return Digest(self._ports.journal.get(key_of(what, current)) or NO_DIGEST)

    def deliver(self, what: str, current: Round) -> bool:
        """Put a promised file into the vault unless the right one is there; False when there was nothing to do."""
        kept = self._ports.journal.get(key_of(what, current))
        if kept is None or self.delivered(what, current):
            return False
        digest = self._ports.vault.put(self._ports.outbox.get(Digest(kept), _cap(what, current)))
        self._presence.remember(digest, self._ports.vault.mark(digest))
        return True

    def delivered(self, what: str, current: Round) -> bool:
        """Return whether a promised file lies in the vault as it was promised."""
        kept = self._ports.journal.get(key_of(what, current))
        return kept is not None and self._presence.holds(Digest(kept), _cap(what, current))

    def deliver_recorded(self, current: Round, account: Address) -> bool:
        """Deliver what the ledger says is to be had from this hospital, after a crash also in a later phase."""
        recorded = (
            ("bundle", current.dealt),
            ("update", current.commitments),
            ("answer", current.revealed),
        )
        delivered = [account in those and self.deliver(what, current) for what, those in recorded]
        return any(delivered)

    def refuse(self, current: Round, reason: str) -> bool:
        """Take no further part in a round, for a reason that is kept and reported once."""
        self._ports.journal.once(key_of("refused", current), reason.encode())
        self._ports.notify(Event.ROUND_REFUSED, {"round": current.number, "reason": reason})
        return True

    def refused(self, current: Round) -> bool:
        """Return whether this hospital takes no further part in a round."""
        return self._ports.journal.get(key_of("refused", current)) is not None

    def first(self, what: str, current: Round, why: str) -> bool:
        """Note something for good; return whether it was not noted before."""
        key = key_of(what, current)
        noted = self._ports.journal.get(key) is not None
        if not noted:
            self._ports.journal.once(key, why.encode())
        return not noted

    # --- Spent updates -----------------------------------------------------------------------------------------

    def offer(self, current: Round, previous: Vector, learned: Vector) -> None:
        """Keep the digest of the weights, float32 [d], that are about to be masked; `spend` needs it after a crash.

        A training that a crash made necessary again may have learned something else; nothing of the first one left.
        Weights that no training changed (a learning rate of 0) tell nothing, and may be offered as often as one likes.

        Raises:
            UpdateSpent: shares were revealed for these very weights.
        """
        if np.array_equal(previous, learned):
            return
        digest = _digest(learned)
        spent = self._ports.journal.get(_spent(digest))
        if spent is not None:
            raise UpdateSpent(int(spent))
        key = key_of("learned", current)
        if self._ports.journal.get(key) not in {None, digest}:
            self._ports.journal.erase(key)
        self._ports.journal.once(key, digest)

    def spend(self, current: Round) -> None:
        """Mark what was learned in a round as spent, before a share leaves that helps to unmask it."""
        self._ports.journal.once(_spent(self.promised("learned", current)), str(current.number).encode())

    # --- After the end -----------------------------------------------------------------------------------------

    def settle_ended(self, federation: Federation) -> None:
        """Erase the secrets of every round that has ended, also of one that this hospital missed the end of."""
        while self._settled < len(federation.rounds) and federation.rounds[self._settled].ended:
            ended = federation.rounds[self._settled]
            key = key_of("keys", ended)
            if self._ports.journal.get(key) is not None:
                self._ports.journal.erase(key)
            self._tell_spent(ended)
            self._settled += 1

    def _tell_spent(self, ended: Round) -> None:
        """Tell once of an update that was spent for nothing."""
        if ended.phase != Phase.ABORTED or self._ports.journal.get(key_of("answer", ended)) is None:
            return
        if self.first("spent update", ended, SPENT):
            self._ports.notify(Event.UPDATE_SPENT, {"round": ended.number, "reason": SPENT})


@timed("hash")
def _digest(learned: Vector) -> Digest:
    return sha256(np.ascontiguousarray(learned).data)


def _cap(what: str, current: Round) -> int:
    """Return how large a promised file may be, in bytes."""
    caps = {"bundle": BUNDLE_CAP, "update": body_bytes(current.terms.parameters), "answer": ANSWER_CAP}
    return sealed_size(caps[what], MAX_RECIPIENTS)


def _spent(learned: Digest) -> str:
    """Return the journal key of the mark that these weights are spent, in whatever round."""
    return f"spent/{learned.hex()}"


def key_of(what: str, current: Round) -> str:
    """Return the journal key of a promise in one round; the context tells consortium, chain and contract apart."""
    return f"{what}/{current.context.hex()}"
