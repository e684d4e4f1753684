"""A consortium on paper whose log can have two histories: real keys, transactions, trees and notes, but no chain."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import rlp
from eth_utils.crypto import keccak

from chain.contracts.events import encode_call, encode_log
from chain.proofs.facts import OfflineFacts
from chain.transactions.keystore import AccountKey
from fl.crypto.note_keys import NoteKey
from fl.proofs.evidence import (
    Claim,
    Evidence,
    HeaderItem,
    Kind,
    NoteItem,
    ProofItem,
    TransactionItem,
    claim_digest,
)
from fl.proofs.evidence_pieces import Signed
from fl.proofs.monitor import signed_notes
from fl.proofs.watch_history import History, seen
from fl.proofs.watch_rules import Scene
from fl.protocol.names import Address, Digest, Role
from fl.protocol.ports import Sight
from fl.protocol.records import (
    CheckpointAnchored,
    MemberRegistered,
    Record,
    RecordsAnchored,
    RoundFrozen,
    UpdateCommitted,
)
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, origin_of, witness_key
from fl.protocol.tlog.entry import LogEntry
from fl.protocol.tlog.notes import Note, cosign, sign_log
from fl.protocol.tlog.policy import Group, Policy
from fl.protocol.tlog.tree import GrowingTree
from fl.protocol.tlog.trust import Trust, TrustedMember
from tests.support.proof_world import CHAIN_ID, LEDGER, T0, home_of, sealed

FACTS = OfflineFacts()
NAMES = {"boss": Role.COORDINATOR, "ada": Role.HOSPITAL, "ben": Role.HOSPITAL, "eve": Role.AUDITOR}
WITNESSES = ("ada", "ben", "eve")
STEP_S = 10
"""Between two blocks."""


@dataclass
class PaperLog:
    """One history; `branch` makes another one that begins the same."""

    world: WatchWorld
    sights: list[Sight] = field(default_factory=list)
    nonces: dict[str, int] = field(default_factory=dict)

    def branch(self) -> PaperLog:
        return PaperLog(self.world, list(self.sights), dict(self.nonces))

    def add(self, name: str, record: Record, time: int | None = None) -> int:
        """Append a record, in a block of its own; return its place."""
        place, world = len(self.sights), self.world
        raw = world.signed(name, record, self.nonces.setdefault(name, 0))
        self.nonces[name] += 1
        topics, data = encode_log(record)
        at = T0 + STEP_S * place if time is None else time
        home = LEDGER if home_of(record) == LEDGER else world.authority
        chain = (world.consortium, CHAIN_ID, home, place + 1, 0, at, world.draw(32), bytes(keccak(raw)))
        event = LogEntry(*chain, topics, data)
        self.sights.append(Sight(event.leaf(), event.encoded(), b"", raw))
        return place

    def fill(self, count: int) -> PaperLog:
        """Append records that no rule is about."""
        for number in range(count):
            account = Address(self.world.draw(20))
            self.add("boss", MemberRegistered(self.world.account("boss"), account, Role.TRUSTEE, f"t{number}"))
        return self

    def leaves(self) -> Sequence[bytes]:
        return [each.leaf for each in self.sights]

    def sight(self, place: int) -> Sight:
        return self.sights[place]

    @property
    def history(self) -> History:
        return seen(self, FACTS, self.world.trust.authority)  # type: ignore[arg-type]  # only these two are asked

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        upto = len(self.sights) if size is None else size
        return Checkpoint(origin_of(self.world.consortium), upto, GrowingTree(self.leaves()[:upto]).root())

    def note(self, size: int | None = None, times: Mapping[str, int] | None = None) -> Note:
        """Return a signed checkpoint; `times` says who cosigned when, all of them now by default."""
        checkpoint = self.checkpoint(size)
        return self.world.note(checkpoint, times)

    def anchor(self, size: int | None = None, time: int | None = None) -> int:
        """Record a checkpoint on the ledger; return its place."""
        checkpoint = self.checkpoint(size)
        return self.add("boss", CheckpointAnchored(self.world.account("boss"), checkpoint.size, checkpoint.root), time)


@dataclass
class WatchWorld:
    """Keys of four members, a log and three witnesses."""

    seed: int = 1

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - the same bytes each time
        self.consortium = self.draw(32)
        self.keys = {name: AccountKey(self.draw(32)) for name in NAMES}
        self.operator = AccountKey(self.draw(32))
        self.log_key = NoteKey.of_seed(self.draw(32))
        self.witness_keys = {name: NoteKey.of_seed(self.draw(32)) for name in WITNESSES}
        self.sealers = [AccountKey(self.draw(32)) for _ in range(4)]
        named = {
            f"w-{name}": witness_key(self.consortium, self.account(name), key.public)
            for name, key in self.witness_keys.items()
        }
        members = [TrustedMember(self.account(name), role, name) for name, role in NAMES.items()]
        self.authority = Address(keccak(rlp.encode([self.operator.address, 0]))[-20:])
        self.trust = Trust(
            self.consortium,
            CHAIN_ID,
            self.authority,
            (LEDGER,),
            Policy((log_key(self.consortium, self.log_key.public),), named, {"all": Group(2, tuple(named))}, "all"),
            (self.account("boss"),),
            (*members, TrustedMember(self.operator.address, Role.OPERATOR, "op")),
            T0,
            "qbft",
            tuple(each.address for each in self.sealers),
        )

    def draw(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def digest(self) -> Digest:
        return Digest(self.draw(32))

    def account(self, name: str) -> Address:
        return self.keys[name].address

    def log(self, count: int = 5) -> PaperLog:
        return PaperLog(self).fill(count)

    def signed(self, name: str, record: Record, nonce: int) -> bytes:
        to = self.authority if home_of(record) != LEDGER else LEDGER
        return self.transaction(self.keys[name], nonce, to, encode_call(record))

    def transaction(self, key: AccountKey, nonce: int, to: bytes, data: bytes, chain_id: int = CHAIN_ID) -> bytes:
        fields = {"chainId": chain_id, "nonce": nonce, "gas": 1_000_000, "value": 0, "to": to, "data": data}
        return key.sign({**fields, "maxFeePerGas": 10, "maxPriorityFeePerGas": 1})[0]

    def founding(self, consortium: bytes) -> bytes:
        return self.transaction(self.operator, 0, b"", b"code of the authority" + consortium)

    def note(self, checkpoint: Checkpoint, times: Mapping[str, int] | None = None) -> Note:
        text = checkpoint.text()
        lines = [sign_log(log_key(self.consortium, self.log_key.public), self.log_key.sign, text)]
        now = T0 + STEP_S * checkpoint.size
        for name, at in (dict.fromkeys(WITNESSES, now) if times is None else times).items():
            key = self.witness_keys[name]
            lines.append(cosign(witness_key(self.consortium, self.account(name), key.public), key.sign, text, at))
        return Note(text, tuple(lines))

    def signed_notes(self, *notes: Note) -> list[Signed]:
        return list(signed_notes(notes, self.trust))

    def claim(self, name: str, kind: Kind, digest: Digest, number: int, time: int) -> Claim:
        signature = self.keys[name].sign_digest(claim_digest(kind, self.consortium, digest, number, time))
        return Claim(self.account(name), digest, number, time, signature)

    def scene(self, known: PaperLog, live: PaperLog, notes: Sequence[Note] = (), now: int = T0 + 10_000) -> Scene:
        """Return what ada's monitor sees."""

        def speak(kind: Kind, digest: Digest, number: int, time: int) -> Claim:
            return self.claim("ada", kind, digest, number, time)

        parts = (known.history, live.history, self.signed_notes(*notes))
        return Scene(self.trust, FACTS, *parts, speak, now, now - 100)

    def header(self, sealers: Sequence[AccountKey]) -> bytes:
        """Return a QBFT header of number 11 with the seals of some validators."""
        numbers = [b"\1", b"\x0b", b"\x01\xc9\xc3\x80", b"\x01\x00", T0.to_bytes(4, "big")]
        fields = [self.draw(32), self.draw(32), bytes(20), *(self.draw(32) for _ in range(3)), bytes(256)]
        return sealed([*fields, *numbers, b"", self.draw(32), bytes(8), b"\x07"], list(sealers))


def item(note: Note) -> NoteItem:
    return NoteItem(note.encoded())


def proof(log: PaperLog, place: int, note: Note) -> ProofItem:
    [signed, *_] = log.world.signed_notes(note)
    return ProofItem(log.history.proof(place, signed))


def examples(world: WatchWorld) -> Iterator[tuple[str, Evidence]]:
    """Yield evidence of every kind in every form, each of which holds."""
    mine, theirs = world.log(), world.log()
    theirs.sights[:3] = mine.sights[:3]
    ours, other = item(mine.note()), item(theirs.note())
    yield "two notes", Evidence(Kind.CHECKPOINT_FORKED, (ours, other))
    entries = (proof(mine, 4, mine.note()), proof(theirs, 4, theirs.note()))
    yield "two entries", Evidence(Kind.CHECKPOINT_FORKED, entries)
    anchored = theirs.branch()
    anchor = TransactionItem(anchored.sights[anchored.anchor(5)].transaction)
    yield "note and anchor", Evidence(Kind.CHECKPOINT_FORKED, (ours, anchor))
    kind, root = Kind.CHECKPOINT_DISPUTED, theirs.checkpoint().root
    yield "note and claim", Evidence(kind, (ours, world.claim("ada", kind, root, 5, T0)))
    yield (
        "one nonce",
        Evidence(Kind.CHAIN_FORKED, tuple(TransactionItem(each.sights[4].transaction) for each in (mine, theirs))),
    )
    headers = tuple(HeaderItem(world.header(part)) for part in (world.sealers[:3], world.sealers[1:]))
    yield "two blocks", Evidence(Kind.CHAIN_FORKED, headers)
    foundings = (world.founding(world.consortium), world.founding(world.draw(32)))
    yield "reset", Evidence(Kind.LEDGER_RESET, tuple(map(TransactionItem, foundings)))
    kind = Kind.LEDGER_ROLLED_BACK
    before = world.claim("ada", kind, mine.checkpoint().root, 5, T0)
    after = world.claim("ada", kind, mine.checkpoint(3).root, 3, T0 + 100)
    yield "rollback", Evidence(kind, (ours, before, after))
    gap = world.claim("ada", Kind.LOG_GAP, mine.checkpoint(3).root, 3, T0 + 1000)
    yield "gap", Evidence(Kind.LOG_GAP, (ours, gap))
    yield from _acts(world, mine)


def _acts(world: WatchWorld, base: PaperLog) -> Iterator[tuple[str, Evidence]]:
    ada, ben, boss = map(world.account, ("ada", "ben", "boss"))
    logs = [base.branch(), base.branch()]
    for log in logs:
        log.add("ben", UpdateCommitted(ben, 7, world.digest()))
        log.add("ada", RecordsAnchored(ada, 2, world.digest()))
    updates = tuple(TransactionItem(log.sights[5].transaction) for log in logs)
    yield "two updates", Evidence(Kind.TWO_ROOTS, updates)
    yield "two roots", Evidence(Kind.TWO_ROOTS, tuple(proof(log, 6, log.note()) for log in logs))
    log = logs[0]
    early = log.note(times={"ben": T0 - 1000})
    yield "early", Evidence(Kind.CHECKPOINT_BACKDATED, (proof(log, 6, early),))
    small, large = log.note(4, {"eve": T0 + 2000}), log.note(6, {"eve": T0 + 1000})
    yield "sinking", Evidence(Kind.CHECKPOINT_BACKDATED, (item(small), item(large)))
    late, place = log.note(4, {"eve": T0 + 5000}), log.anchor()
    yield "block", Evidence(Kind.RECORD_BACKDATED, (item(late), proof(log, place, log.note())))
    digest = Digest(FACTS.call_of(FACTS.sent(log.sights[5].transaction), of_authority=False)[1]["digest"])  # type: ignore[arg-type]
    claims = tuple(world.claim(name, Kind.FILE_WITHHELD, digest, 5, T0 + 100) for name in ("ada", "eve"))
    yield "file", Evidence(Kind.FILE_WITHHELD, (proof(log, 5, log.note()), *claims))
    log.add("boss", RoundFrozen(boss, 7, (ada,), world.digest()))
    yield "set", Evidence(Kind.LEFT_OUT, (proof(log, 5, log.note()), proof(log, 8, log.note())))
    leaf = log.sights[6].leaf
    claim = world.claim("ada", Kind.IN_MY_NAME, leaf, 6, T0 + 100)
    yield "name", Evidence(Kind.IN_MY_NAME, (proof(log, 6, log.note()), claim))
    root = log.checkpoint().root
    claim = world.claim("ben", Kind.IN_MY_NAME, root, 9, T0 + 100)
    yield "cosignature", Evidence(Kind.IN_MY_NAME, (item(log.note()), claim))
