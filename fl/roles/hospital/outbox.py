"""What a hospital promised in a round: keys and files, made once and stored before they leave; and used updates.

Invariant: after any crash the same promise gives the same bytes; nothing is made twice. A hospital never masks weights
again whose shares may have left.

Source: PROTOCOL.md 5 (what is on disk before what leaves; Spent updates).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fl.crypto.envelope_form import MAX_RECIPIENTS, sealed_size
from fl.crypto.pair_sketches import OPENING_BYTES
from fl.crypto.round_keys import RoundKeys
from fl.crypto.share_delivery import SEALED_BYTES
from fl.crypto.share_encryption import bundle_from_bytes
from fl.events import Event
from fl.protocol.codec import sha256
from fl.protocol.errors import FolderCopied, UpdateSpent, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.merkle import root_of
from fl.protocol.names import NO_DIGEST, Address, Blob, Digest, Suite
from fl.protocol.rounds.clusters import terms_of
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.parts import LIST_CAP, PartList
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import ANSWER_CAP
from fl.replay.ledger_view import Ports
from fl.replay.participants import BUNDLE_CAP
from fl.replay.round_sketches import largest_body
from fl.replay.vault_files import Presence
from fl.timing import timed
from fl.training.aggregation.blockwise import PIECE
from fl.training.aggregation.lanes import Entries
from fl.training.aggregation.quantise import LANES, Vector, body_bytes
from fl.training.aggregation.work import Learned, secret_of

SPENT = (
    "the round was aborted after this hospital had revealed shares, so it never sends that update again; the next "
    "update is trained with another seed, but will be similar"
)
SPENT_PREFIX = "spent/"
"""Of the journal keys that a backup keeps: SHA-256 of used weights in hexadecimal digits -> number of their round."""


class RoundOutbox:
    """A hospital's journal and outbox, by round."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._presence = Presence(ports.vault)
        self._own: set[tuple[bytes, str]] = set()
        """The recorded promises, by round's context, that were compared with the journal."""
        self._parts: dict[Digest, tuple[Digest, ...]] = {}
        """The parts of promised lists."""
        self._posted = b""
        """The context of the newest round with clusters whose parcels this process put on the board."""
        self._settled = 0
        """How many rounds ended and have no secrets on this disk any more."""

    def check_own(self, current: Round, account: Address) -> None:
        """Compare what the ledger has of this account with what this folder promised.

        Raises:
            FolderCopied: another folder made it: a copy of this one, or this one before an old backup was restored.
        """
        if self._ports.journal.get(key_of("restored", current)) is not None:
            return  # this folder came from a backup, and takes no part in this round (after_restore.py)
        recorded: tuple[tuple[str, str, Callable[[], bool]], ...] = (
            ("keys", "keys", lambda: self._advertised(current, account)),
            ("bundle", "shares", lambda: self._has_dealt(current, current.dealt[account].bundle_digest)),
            ("update", "an update", lambda: self.promised("update", current) == current.commitments[account]),
            ("answer", "an answer", lambda: self.promised("answer", current) == current.revealed[account].digest),
        )
        there = (current.advertised, current.dealt, current.commitments, current.revealed)
        for (what, words, same), those in zip(recorded, there, strict=True):
            if account in those and (current.context, what) not in self._own:
                if not same():
                    raise FolderCopied(account, current.number, words)
                self._own.add((current.context, what))

    def _advertised(self, current: Round, account: Address) -> bool:
        keys, found = self._ports.journal.get(key_of("keys", current)), current.advertised[account]
        return keys is not None and RoundKeys.from_bytes(keys).advert() == found.mask_key + found.transport_key

    def _has_dealt(self, current: Round, recorded: Digest) -> bool:
        promised = self.promised("bundle", current)
        return promised is not None and self.dealt(current, promised) == recorded

    def keys(self, current: Round) -> RoundKeys:
        """Return the round's keys; they are drawn once and journalled before they are used."""
        key = key_of("keys", current)
        keys = self._ports.journal.get(key)
        if keys is None:
            keys = self._ports.journal.once(key, RoundKeys.generate(current.terms.threshold).to_bytes())
        return RoundKeys.from_bytes(keys)

    def kept_secret(self, current: Round) -> int | None:
        """Return the secret of this hospital's masks, None if the keys of the round are gone."""
        keys = self._ports.journal.get(key_of("keys", current))
        return None if keys is None else RoundKeys.from_bytes(keys).mask_secret

    def promised(self, what: str, current: Round) -> Digest | None:
        """Return the digest of the round's one file of this kind, None before the file was made."""
        digest = self._ports.journal.get(key_of(what, current))
        return None if digest is None else Digest(digest)

    def promise(self, what: str, current: Round, file: Blob) -> Digest:
        """Store the round's one file of this kind for good, and return its digest; an earlier file stays."""
        return Digest(self._ports.journal.once(key_of(what, current), self._ports.outbox.put(file)))

    def divide(self, what: str, current: Round) -> None:
        """Journal that the file which is promised next is a list of parts; its parts are in the outbox already."""
        self._ports.journal.once(_divided(what, current), b"parts")

    def check_kept(self, what: str, current: Round) -> None:
        """Raise VaultMissing unless the outbox has a promised file and all its parts."""
        for digest in self._files(what, current):
            if not self._ports.outbox.has(digest):
                raise VaultMissing(digest)

    def dealt(self, current: Round, promised: Digest) -> Digest:
        """Return what the ledger must have of a promised file of parcels: its digest; with clusters their root."""
        if terms_of(current) is None:
            return promised
        file, me = self._ports.outbox.get(promised, BUNDLE_CAP), self._ports.ledger.account
        return root_of(bundle_from_bytes(file, len(graph_of(current).neighbours(me)), SEALED_BYTES))

    def deliver(self, what: str, current: Round) -> bool:
        """Put a promised file into the vault unless it is there unchanged; False when there was nothing to do.

        Its parts go first: who sees the list finds them. With clusters, parcels go to the board while they are awaited.
        """
        promised = self.promised(what, current)
        if promised is None:
            return False
        if what == "bundle" and terms_of(current) is not None:
            return self._post_parcels(current, promised)
        if self.delivered(what, current):
            return False
        for each in self._files(what, current):
            if not self._presence.holds(each, _cap(what, current)):
                digest = self._ports.vault.put(self._ports.outbox.get(each, _cap(what, current)))
                self._presence.remember(digest, self._ports.vault.mark(digest))
        return True

    def _post_parcels(self, current: Round, promised: Digest) -> bool:
        if current.phase != Phase.SHARE or current.context == self._posted:
            return False
        self._ports.post_parcels(current, self._ports.outbox.get(promised, BUNDLE_CAP))
        self._posted = current.context
        return True

    def delivered(self, what: str, current: Round) -> bool:
        """Return whether the vault holds a promised file unchanged, and its parts."""
        cap = _cap(what, current)
        there = self.promised(what, current) is not None
        return there and all(self._presence.holds(each, cap) for each in self._files(what, current))

    def _files(self, what: str, current: Round) -> tuple[Digest, ...]:
        """Return the digests of the parts of a promised file, and its own; none before it was promised."""
        digest = self.promised(what, current)
        if digest is None or self._ports.journal.get(_divided(what, current)) is None:
            return () if digest is None else (digest,)
        if digest not in self._parts:
            words = current.terms.parameters + LANES
            file = self._ports.outbox.get(digest, LIST_CAP)
            self._parts[digest] = PartList.from_bytes(file, current.mask_context, words).digests
        return (*self._parts[digest], digest)

    def deliver_recorded(self, current: Round, account: Address) -> bool:
        """Deliver every file that this hospital recorded on the ledger; after a crash, also in a later phase."""
        recorded = (
            ("bundle", current.dealt),
            ("update", current.commitments),
            ("answer", current.revealed),
            ("sketch", current.revealed),
        )
        delivered = [account in those and self.deliver(what, current) for what, those in recorded]
        return any(delivered)

    def refuse(self, current: Round, reason: str, rule: str = "") -> bool:
        """Leave a round, for a reason that is journalled and reported once; `rule` is what the others hear of it."""
        self._ports.journal.once(key_of("rule", current), rule.encode())
        self._ports.journal.once(key_of("refused", current), reason.encode())
        self._ports.notify(Event.ROUND_REFUSED, {"round": current.number, "reason": reason})
        return True

    def refused(self, current: Round) -> bool:
        """Return whether this hospital left a round."""
        return self._ports.journal.get(key_of("refused", current)) is not None

    def untold(self, current: Round) -> str | None:
        """Return by which rule this hospital left a round, None if it did not or if the ledger has it."""
        rule = self._ports.journal.get(key_of("rule", current))
        if rule is None or not self.refused(current) or self._ports.journal.get(key_of("declined", current)):
            return None
        return rule.decode()

    def note_declined(self, current: Round) -> None:
        """Journal that the ledger has it."""
        self._ports.journal.once(key_of("declined", current), b"stated")

    def note_once(self, what: str, current: Round, why: str) -> bool:
        """Journal something for good; False when it was journalled before."""
        key = key_of(what, current)
        if self._ports.journal.get(key) is not None:
            return False
        self._ports.journal.once(key, why.encode())
        return True

    def await_upload(self, current: Round) -> None:
        """Report once that this hospital waits for weights from its staff."""
        if self.note_once("awaited", current, "upload"):
            self._ports.notify(Event.UPLOAD_AWAITED, {"round": current.number})

    # --- Used updates ------------------------------------------------------------------------------------------

    def offer(self, current: Round, previous: Vector, learned: Learned) -> None:
        """Journal the digest of the weights or lanes before they are masked; `spend` needs it after a crash.

        A training that runs again after a crash may learn other weights; the first ones never left this hospital.
        Weights that no training changed (a learning rate of 0) reveal nothing, so they may be sent any number of times.

        Raises:
            UpdateSpent: this hospital already revealed shares for exactly these weights or lanes.
        """
        values = secret_of(learned)
        if isinstance(learned, tuple) and _same(previous, values):
            return
        digest = _digest(values)
        spent = self._ports.journal.get(spent_key(digest))
        if spent is not None:
            raise UpdateSpent(int(spent))
        key = key_of("learned", current)
        if self._ports.journal.get(key) not in {None, digest}:
            self._ports.journal.erase(key)
        self._ports.journal.once(key, digest)

    def spend(self, current: Round) -> None:
        """Mark a round's update as used before any share leaves that helps to unmask it."""
        self._ports.journal.once(
            spent_key(self.promised("learned", current) or NO_DIGEST), str(current.number).encode()
        )

    # --- After the end -----------------------------------------------------------------------------------------

    def settle_ended(self, federation: Federation, needs_keys: Callable[[Round], bool]) -> None:
        """Erase the secrets of every round that has ended, even if this hospital was not running at its end.

        `needs_keys` says of a round that its keys must wait a little longer.
        """
        while self._settled < len(federation.rounds) and federation.rounds[self._settled].ended:
            ended = federation.rounds[self._settled]
            if needs_keys(ended):
                return
            key = key_of("keys", ended)
            if self._ports.journal.get(key) is not None:
                self._ports.journal.erase(key)
            self._report_spent(ended)
            self._settled += 1

    def _report_spent(self, ended: Round) -> None:
        """Report once that an aborted round used up an update."""
        if ended.phase != Phase.ABORTED or self._ports.journal.get(key_of("answer", ended)) is None:
            return
        if self.note_once("spent update", ended, SPENT):
            self._ports.notify(Event.UPDATE_SPENT, {"round": ended.number, "reason": SPENT})


def _same(previous: Vector, values: Vector | Entries) -> bool:
    """Return whether two vectors are equal; in pieces, because a comparison of all needs a byte for each weight."""
    if previous.shape != values.shape:
        return False
    starts = range(0, previous.size, PIECE)
    return all(np.array_equal(previous[start : start + PIECE], values[start : start + PIECE]) for start in starts)


@timed("hash")
def _digest(values: Vector | Entries) -> Digest:
    return sha256(np.ascontiguousarray(values).data)


def _divided(what: str, current: Round) -> str:
    return key_of(f"{what} in parts", current)


def _cap(what: str, current: Round) -> int:
    """Return the largest size of a promised file, in bytes."""
    caps = {
        "bundle": BUNDLE_CAP,
        "update": body_bytes(current.terms.parameters),
        "answer": ANSWER_CAP,
        "sketch": largest_body(len(current.hospitals)),
    }
    return sealed_size(caps.get(what, OPENING_BYTES), MAX_RECIPIENTS, suite=Suite.HYBRID)


def spent_key(learned: Digest) -> str:
    """Return the journal key that marks these weights as used, in any round."""
    return f"{SPENT_PREFIX}{learned.hex()}"


def key_of(what: str, current: Round) -> str:
    """Return the journal key of a promise in one round; the context includes consortium, chain and contract."""
    return f"{what}/{current.context.hex()}"
