"""The rules of a monitor about histories and times: what must never be, and the evidence if it is.

Invariant: an honest consortium breaks no rule here, also with restarts, absent members and clocks that differ a little.

Source: PROTOCOL.md 8T.7.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from fl.proofs.evidence import Claim, Evidence, Item, Kind, NoteItem, ProofItem, TransactionItem
from fl.proofs.evidence_pieces import CLOCK_S, LATE_S, PROMISED, SLOTS, Signed
from fl.proofs.watch_history import History, first_difference
from fl.protocol.errors import HemaledgerError, HistoryChanged, LedgerRolledBack
from fl.protocol.names import Digest
from fl.protocol.ports import ChainFacts
from fl.protocol.records import CheckpointAnchored
from fl.protocol.tlog.trust import Trust

Speak = Callable[[Kind, Digest, int, int], Claim]
"""speak(kind, digest, number, time): what the member says, signed by its account."""


@dataclass(frozen=True)
class Case:
    """Something that a monitor found."""

    key: str
    """What it is about: one thing is reported once."""
    evidence: Evidence | None
    """None: nothing that another person could check."""
    finding: HemaledgerError | None = None
    """What to say without evidence."""


@dataclass(frozen=True)
class Scene:
    """Everything that one look saw."""

    trust: Trust
    facts: ChainFacts
    known: History
    """What was seen before."""
    live: History
    """What the member's node shows now."""
    notes: Sequence[Signed]
    speak: Speak
    now: int
    looked: int
    """When `known` was on the node last, in seconds since 1970."""

    def over(self, history: History, index: int) -> Signed | None:
        """Return a checkpoint of a history that covers a record, with most cosignatures; None without any."""
        fitting = [each for each in self.notes if each.checkpoint.size > index and history.has(each)]
        return max(fitting, key=lambda each: len(each.cosigned), default=None)


def histories(scene: Scene) -> Iterator[Case]:
    """Yield what is wrong between the chain now, what was seen before, and the checkpoints."""
    yield from _two_notes(scene)
    at = first_difference(scene.known.leaves, scene.live.leaves)
    if at is not None:
        yield _forked_log(scene, at)
        yield from _answers(scene, at)
    elif len(scene.live) < len(scene.known):
        yield _rolled_back(scene)
    else:
        yield from _against_notes(scene)


def _two_notes(scene: Scene) -> Iterator[Case]:
    """Yield each size for which a log signed two roots."""
    first: dict[int, Signed] = {}
    for signed in scene.notes:
        other = first.setdefault(signed.checkpoint.size, signed)
        if other.checkpoint.root != signed.checkpoint.root:
            pair = (note_item(other), note_item(signed))
            yield Case(f"notes/{signed.checkpoint.size}", Evidence(Kind.CHECKPOINT_FORKED, pair))


def _against_notes(scene: Scene) -> Iterator[Case]:
    """Yield each checkpoint that is not of the history on the chain now, or that is ahead of it for too long."""
    for signed in scene.notes:
        size = signed.checkpoint.size
        if size <= len(scene.live) and not scene.live.has(signed):
            yield _against_live(scene, signed)
        elif size > len(scene.live) and scene.now >= max(signed.cosigned.values(), default=scene.now) + LATE_S:
            claim = scene.speak(Kind.LOG_GAP, scene.live.tree.root(), len(scene.live), scene.now)
            yield Case(f"gap/{size}", Evidence(Kind.LOG_GAP, (note_item(signed), claim)))


def _forked_log(scene: Scene, at: int) -> Case:
    """Return the best evidence that two histories of the log differ from record `at` on."""
    key, without = f"fork/{at}", HistoryChanged(at)
    old, new = scene.over(scene.known, at), scene.over(scene.live, at)
    if old is not None and new is not None:
        proofs = ProofItem(scene.known.proof(at, old)), ProofItem(scene.live.proof(at, new))
        return Case(key, Evidence(Kind.CHECKPOINT_FORKED, proofs), without)
    return Case(key, _against_live(scene, old).evidence if old is not None else None, without)


def _against_live(scene: Scene, signed: Signed) -> Case:
    """Return the evidence that a signed checkpoint is not of the history on the chain now."""
    size, key = signed.checkpoint.size, f"checkpoint/{signed.checkpoint.size}"
    for index in range(size, len(scene.live)):
        record = scene.live.place(index).record
        if isinstance(record, CheckpointAnchored) and record.size == size and record.root != signed.checkpoint.root:
            items: tuple[Item, ...] = (note_item(signed), TransactionItem(scene.live.sight(index).transaction))
            if record.sender in scene.trust.keepers:
                return Case(key, Evidence(Kind.CHECKPOINT_FORKED, items))
    root = scene.live.root(size)
    if root is None:
        return Case(key, None, HistoryChanged(len(scene.live)))
    claim = scene.speak(Kind.CHECKPOINT_DISPUTED, root, size, scene.now)
    return Case(key, Evidence(Kind.CHECKPOINT_DISPUTED, (note_item(signed), claim)))


def _rolled_back(scene: Scene) -> Case:
    """Return the evidence that the chain lost its newest records."""
    found = len(scene.live)
    lost = [each for each in scene.notes if each.checkpoint.size > found and scene.known.has(each)]
    key, without = f"rollback/{found}", LedgerRolledBack(len(scene.known), found)
    signed = max(lost, key=lambda each: (len(each.cosigned), each.checkpoint.size), default=None)
    if signed is None:
        return Case(key, None, without)
    kind = Kind.LEDGER_ROLLED_BACK
    before = scene.speak(kind, signed.checkpoint.root, signed.checkpoint.size, scene.looked)
    claim = scene.speak(kind, scene.live.tree.root(), found, scene.now)
    return Case(key, Evidence(kind, (note_item(signed), before, claim)), without)


def _answers(scene: Scene, at: int) -> Iterator[Case]:
    """Yield each member that answered, or sent, differently in the two histories, behind the place where they part."""
    before: dict[tuple[object, ...], int] = {}
    for index in range(at, len(scene.known)):
        for key in _keys(scene, scene.known, index):
            before.setdefault(key, index)
    for index in range(at, len(scene.live)):
        for key in _keys(scene, scene.live, index):
            if key in before:
                yield from _pair(scene, key, before[key], index)


def _keys(scene: Scene, history: History, index: int) -> Iterator[tuple[object, ...]]:
    """Yield under what a chain takes this record, or its transaction, once."""
    place = history.place(index)
    if type(place.record) in SLOTS:
        slot = tuple(getattr(place.record, name) for name in SLOTS[type(place.record)])
        yield ("answer", type(place.record), place.record.sender, place.contract, *slot)
    sent = scene.facts.sent(history.sight(index).transaction)
    yield ("sent", sent.account, sent.nonce)


def _pair(scene: Scene, key: tuple[object, ...], old: int, new: int) -> Iterator[Case]:
    """Yield the evidence for two records of one place, if they differ."""
    first, second = scene.known.sight(old).transaction, scene.live.sight(new).transaction
    transactions = (TransactionItem(first), TransactionItem(second))
    name = "/".join(each.hex() if isinstance(each, bytes) else getattr(each, "__name__", str(each)) for each in key)
    if key[0] == "sent":
        one, other = scene.facts.sent(first), scene.facts.sent(second)
        if one.to is not None and (one.to, one.data) != (other.to, other.data):
            yield Case(name, Evidence(Kind.CHAIN_FORKED, transactions))
        return
    if scene.known.place(old).record == scene.live.place(new).record:
        return
    covers = scene.over(scene.known, old), scene.over(scene.live, new)
    if covers[0] is not None and covers[1] is not None:
        proofs = ProofItem(scene.known.proof(old, covers[0])), ProofItem(scene.live.proof(new, covers[1]))
        yield Case(name, Evidence(Kind.TWO_ROOTS, proofs))
    elif key[1] in PROMISED:
        yield Case(name, Evidence(Kind.TWO_ROOTS, transactions))


def times(scene: Scene) -> Iterator[Case]:
    """Yield each time of a witness or block that cannot be right."""
    ordered = sorted(scene.notes, key=lambda each: each.checkpoint.size)
    for signed in ordered:
        history = next((each for each in (scene.live, scene.known) if each.has(signed)), None)
        last = signed.checkpoint.size - 1
        if history is None or last < 0 or not signed.cosigned:
            continue
        if min(signed.cosigned.values()) + CLOCK_S < history.place(last).time:
            proof = ProofItem(history.proof(last, signed))
            yield Case(f"early/{signed.checkpoint.size}", Evidence(Kind.CHECKPOINT_BACKDATED, (proof,)))
    yield from _sinking(ordered)
    yield from _backdated(scene)


def _sinking(ordered: Sequence[Signed]) -> Iterator[Case]:
    """Yield each witness that cosigned a smaller checkpoint later than a larger one."""
    latest: dict[str, Signed] = {}
    for signed in ordered:
        for name, seen in signed.cosigned.items():
            small = latest.setdefault(name, signed)
            smaller = small.checkpoint.size < signed.checkpoint.size
            if smaller and small.cosigned[name] > seen + CLOCK_S:
                pair = (note_item(small), note_item(signed))
                key = f"sinks/{name}/{small.checkpoint.size}/{signed.checkpoint.size}"
                yield Case(key, Evidence(Kind.CHECKPOINT_BACKDATED, pair))
            elif small.cosigned[name] <= seen:
                latest[name] = signed


def _backdated(scene: Scene) -> Iterator[Case]:
    """Yield each checkpoint on the ledger with a time at which a witness saw an older one as the newest."""
    notes = sorted((each for each in scene.notes if scene.live.has(each)), key=lambda each: each.checkpoint.size)
    sizes = [each.checkpoint.size for each in notes]
    latest = list(accumulate((max(each.cosigned.values(), default=0) for each in notes), max))
    for index in range(len(scene.live)):
        place = scene.live.place(index)
        record = place.record
        if not isinstance(record, CheckpointAnchored) or record.sender not in scene.trust.keepers:
            continue
        older = bisect_left(sizes, record.size)
        cover = scene.over(scene.live, index) if older and latest[older - 1] > place.time + LATE_S else None
        if cover is not None:
            signed = max(notes[:older], key=lambda each: max(each.cosigned.values(), default=0))
            items = (note_item(signed), ProofItem(scene.live.proof(index, cover)))
            yield Case(f"block/{index}", Evidence(Kind.RECORD_BACKDATED, items))


def note_item(signed: Signed) -> NoteItem:
    """Return a checkpoint as a piece of evidence."""
    return NoteItem(signed.note.encoded())
