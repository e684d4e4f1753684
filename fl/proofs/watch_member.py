"""The rules of a monitor about its own member: what is in its name, which rounds left it out, which files are gone.

Invariant: what this program signed for the member is never a finding; nor is a round without a step of the member.

Source: PROTOCOL.md 8T.7.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from fl.proofs.evidence import Evidence, Item, Kind, ProofItem
from fl.proofs.evidence_pieces import account_of
from fl.proofs.finding import Records
from fl.proofs.watch_rules import Case, Scene, note_item
from fl.proofs.words import named
from fl.protocol.errors import FileWithheld, HemaledgerError, InMyName, LeftOut
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Address, Digest, Role, StatementKind
from fl.protocol.ports import Vault
from fl.protocol.records import (
    FederationOpened,
    KeyRegistered,
    MemberRegistered,
    MemberRevoked,
    ModelAttested,
    ModelProposed,
    Record,
    RoundFrozen,
    RoundOpened,
    StepsAnchored,
    UpdateCommitted,
    WideFinalised,
    WideProposed,
    WideRoundOpened,
)
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.tlog.checkpoint import Checkpoint
from fl.protocol.tlog.extra import InnerClusterStep, InnerStep
from fl.replay.retention import Update


@dataclass(frozen=True)
class OwnMember:
    """The member whose monitor this is."""

    account: Address
    role: Role
    lacks: Callable[[bytes, Callable[[], int]], bool]
    """lacks(hash, nonce): whether this program would know a transaction of the account, and does not."""
    journal: Callable[[str], bytes | None]
    """What the member promised under a key."""
    cosigned: Checkpoint | None = None
    """The largest checkpoint that the member's program cosigned."""
    is_witness: bool = False
    """Whether `cosigned` is known: None then means that it cosigned none."""


@dataclass(frozen=True)
class Consortium:
    """The ledger, folded, and its files."""

    federation: Federation
    vault: Vault
    records: Records
    deletable: Collection[Update]
    """Updates that may be missing, by a record on the ledger."""
    grace_s: int
    """For so many seconds a file may be missing."""
    looks_for_files: bool = True
    """Whether this look asks the vault for every file that must be there."""


def in_my_name(scene: Scene, me: OwnMember, consortium: Consortium) -> Iterator[Case]:
    """Yield each record that the member's key signed elsewhere, and each decision about its membership."""
    for index in range(len(scene.live)):
        place = scene.live.place(index)
        record = place.record
        foreign = record.sender == me.account and me.lacks(place.transaction, partial(_nonce, scene, index))
        if foreign or _decides(record, me):
            yield _named(scene, me, index, None)
    began = False
    for current in consortium.federation.rounds:
        if current.wide is None or me.account not in current.commitments:
            continue
        promised = me.journal(f"step {Phase.MASK.name.lower()}/{current.context.hex()}")
        began = began or promised is not None
        found = _step(consortium, current, me.account) if began else None
        if found is not None and found[1].step != promised:
            yield _named(scene, me, found[0], found[1])


def cosigned_in_my_name(scene: Scene, me: OwnMember) -> Iterator[Case]:
    """Yield each cosignature of the member's key that its program did not make: of a larger size, or another root."""
    if not me.is_witness:
        return
    size, root = (me.cosigned.size, me.cosigned.root) if me.cosigned else (0, NO_DIGEST)
    for signed in scene.notes:
        found = signed.checkpoint
        own = any(account_of(scene.trust.policy.witnesses[name].name) == me.account for name in signed.cosigned)
        if own and (found.size > size or (found.size == size and found.root != root)):
            claim = scene.speak(Kind.IN_MY_NAME, found.root, found.size, scene.now)
            evidence = Evidence(Kind.IN_MY_NAME, (note_item(signed), claim))
            yield Case(f"cosigned/{found.size}/{found.root.hex()}", evidence)


def _nonce(scene: Scene, index: int) -> int:
    return scene.facts.sent(scene.live.sight(index).transaction).nonce


def _decides(record: Record, me: OwnMember) -> bool:
    """Return whether a record gives the member another role than its own, or ends its membership."""
    if isinstance(record, MemberRegistered):
        return record.member == me.account and record.role != me.role
    return isinstance(record, MemberRevoked) and record.member == me.account


def _named(scene: Scene, me: OwnMember, index: int, inner: InnerStep | InnerClusterStep | None) -> Case:
    leaf = Digest(scene.live.leaves[index])
    cover, key = scene.over(scene.live, index), f"name/{leaf.hex()}"
    finding = InMyName(named(scene.trust, me.account), leaf)
    if cover is None:
        return Case(key, None, finding)
    claim = scene.speak(Kind.IN_MY_NAME, leaf, index, scene.now)
    proof = ProofItem(scene.live.proof(index, cover, inner))
    return Case(key, Evidence(Kind.IN_MY_NAME, (proof, claim)), finding)


def left_out(scene: Scene, me: OwnMember, consortium: Consortium) -> Iterator[Case]:
    """Yield each round that goes, or went, on without the hospital although it was ready in time."""
    federation = consortium.federation
    if me.role != Role.HOSPITAL or any(
        each.sender == me.account for _, each in federation.stated(StatementKind.WITHDRAWAL)
    ):
        return
    places = _places(scene)
    for current in federation.rounds:
        without = LeftOut(named(scene.trust, me.account), current.number)
        if me.account not in current.roster:
            yield from _not_in_roster(scene, me, current, places, without)
        elif current.frozen is not None and me.account not in current.hospitals:
            digest = current.commitments.get(me.account)
            if digest is not None and consortium.vault.has(digest):
                yield _not_in_set(scene, me, current, consortium, places)


def _places(scene: Scene) -> dict[tuple[object, ...], int]:
    """Return where the records are that show who was ready: by kind and round or account."""
    found: dict[tuple[object, ...], int] = {}
    for index in range(len(scene.live)):
        record = scene.live.place(index).record
        match record:
            case RoundOpened() | WideRoundOpened():
                found[RoundOpened, record.round] = index
            case RoundFrozen():
                found[RoundFrozen, record.round] = index
            case UpdateCommitted():
                found[UpdateCommitted, record.round, record.sender] = index
            case MemberRegistered():
                found[MemberRegistered, record.member] = index
            case KeyRegistered():
                found[KeyRegistered, record.sender] = index
    return found


def _not_in_roster(
    scene: Scene, me: OwnMember, current: Round, places: Mapping[tuple[object, ...], int], without: HemaledgerError
) -> Iterator[Case]:
    opened = places.get((RoundOpened, current.number))
    member, key = places.get((MemberRegistered, me.account)), places.get((KeyRegistered, me.account))
    if opened is None or member is None or key is None or opened < key:
        return
    yield _proofs(scene, f"roster/{current.number}", (opened, member, key), without, whole=current.wide is None)


def _not_in_set(
    scene: Scene, me: OwnMember, current: Round, consortium: Consortium, places: Mapping[tuple[object, ...], int]
) -> Case:
    key, without = f"set/{current.number}", LeftOut(named(scene.trust, me.account), current.number)
    if current.wide is not None:
        found = _step(consortium, current, me.account)
        cover = scene.over(scene.live, found[0]) if found else None
        if found is None or cover is None or found[1].goes_on:
            return Case(key, None, without)
        return Case(key, Evidence(Kind.LEFT_OUT, (ProofItem(scene.live.proof(found[0], cover, found[1])),)), without)
    update = places.get((UpdateCommitted, current.number, me.account))
    frozen = places.get((RoundFrozen, current.number))
    if update is None or frozen is None:
        return Case(key, None, without)
    return _proofs(scene, key, (update, frozen), without)


def _proofs(scene: Scene, key: str, places: tuple[int, ...], without: HemaledgerError, *, whole: bool = True) -> Case:
    """Return a case with the proofs of some records, if a checkpoint covers all of them."""
    cover = scene.over(scene.live, max(places))
    if cover is None or not whole:
        return Case(key, None, without)
    return Case(
        key, Evidence(Kind.LEFT_OUT, tuple(ProofItem(scene.live.proof(each, cover)) for each in places)), without
    )


def withheld(scene: Scene, consortium: Consortium) -> Iterator[Case]:
    """Yield each file that the ledger names, that must be there, and that the vault does not have."""
    if not consortium.looks_for_files:
        return
    final = {each.number: each for each in consortium.federation.rounds if each.phase == Phase.FINAL}
    looked: set[Digest] = set()
    for index in range(len(scene.live)):
        place = scene.live.place(index)
        if place.time + consortium.grace_s >= scene.now:
            break
        for digest in _files(place.record, final, consortium.deletable):
            if digest not in looked and not consortium.vault.has(digest):
                yield _missing(scene, index, digest)
            looked.add(digest)


def _missing(scene: Scene, index: int, digest: Digest) -> Case:
    key, cover = f"file/{digest.hex()}", scene.over(scene.live, index)
    finding = FileWithheld(named(scene.trust, scene.live.place(index).record.sender), digest)
    if cover is None:
        return Case(key, None, finding)
    claim = scene.speak(Kind.FILE_WITHHELD, digest, index, scene.now)
    items: tuple[Item, ...] = (ProofItem(scene.live.proof(index, cover)), claim)
    return Case(key, Evidence(Kind.FILE_WITHHELD, items), finding)


def _files(record: Record, final: dict[int, Round], deletable: Collection[Update]) -> tuple[Digest, ...]:
    """Return the files that a record names and that must be there."""
    match record:  # who reads the ledger needs these, also of rounds that were aborted
        case FederationOpened():
            return (record.envelope_digest, record.manifest_digest)
        case WideRoundOpened() | StepsAnchored() | WideProposed() | WideFinalised():
            return (record.file_digest,)
    current = final.get(getattr(record, "round", 0))
    return () if current is None else _files_of_final(record, current, deletable)


def _files_of_final(record: Record, current: Round, deletable: Collection[Update]) -> tuple[Digest, ...]:
    """Return the files that a record of a final round names and that must be there."""
    match record:
        case RoundOpened():
            return (record.terms.config_digest,)
        case ModelProposed():
            return (record.envelope_digest,)
        case ModelAttested() if record.report_digest != NO_DIGEST:
            return (record.report_digest,)
        case UpdateCommitted() if record.sender in current.hospitals and (record.round, record.digest) not in deletable:
            return (record.digest,)
    return ()


def _step(consortium: Consortium, current: Round, account: Address) -> tuple[int, InnerStep | InnerClusterStep] | None:
    """Return a member's step with its masked update as the batch of a wide round has it, and the record's place."""
    try:
        found = consortium.records.update(current.number, account)
    except HemaledgerError:
        return None  # the batch's file is not there, or the round has clusters
    entries = consortium.records.entries
    index = next(place for place, each in enumerate(entries) if each.position == found.entry.position)
    return (index, found.inner) if isinstance(found.inner, InnerStep | InnerClusterStep) else None
