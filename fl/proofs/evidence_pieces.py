"""The pieces of evidence, each checked on its own: what is signed in it, and by whom.

Invariant: everything here follows from the piece's bytes and the trust file. The quorum is not asked for: one log and
one witness are bound by what they signed, with or without the others.

Source: PROTOCOL.md 8T.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from fl.proofs.evidence import (
    Claim,
    HeaderItem,
    Item,
    Kind,
    NoteItem,
    ProofItem,
    TransactionItem,
    claim_digest,
)
from fl.proofs.verify import Proven, check_log, check_witnesses, verify
from fl.proofs.words import at, named, what_of
from fl.protocol.errors import EvidenceWeak, HemaledgerError
from fl.protocol.names import Address, Digest
from fl.protocol.ports import ChainFacts, Sent
from fl.protocol.records import (
    CheckpointAnchored,
    KeysAdvertised,
    ModelAttested,
    ModelProposed,
    Record,
    RecordsAnchored,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    SetEndorsed,
    SharesDealt,
    SharesRevealed,
    StepsAnchored,
    UpdateCommitted,
    WideFinalised,
    WideProposed,
    WideRoundOpened,
)
from fl.protocol.tlog.checkpoint import Checkpoint
from fl.protocol.tlog.entry import leaf_hash
from fl.protocol.tlog.extra import InnerClusterStep, InnerStep
from fl.protocol.tlog.notes import Note, VerifierKey, parse_note
from fl.protocol.tlog.policy import NONE
from fl.protocol.tlog.proof_file import parse_proof
from fl.protocol.tlog.trust import Trust

SLOTS: Mapping[type[Record], tuple[str, ...]] = {
    RoundOpened: ("round",),
    WideRoundOpened: ("round",),
    KeysAdvertised: ("round",),
    SharesDealt: ("round",),
    UpdateCommitted: ("round",),
    RoundFrozen: ("round",),
    SetEndorsed: ("round",),
    SharesRevealed: ("round",),
    ModelProposed: ("round",),
    ModelAttested: ("round",),
    RoundFinalised: ("round",),
    StepsAnchored: ("round", "phase"),
    WideProposed: ("round",),
    WideFinalised: ("round",),
    RecordsAnchored: ("batch",),
    CheckpointAnchored: ("size",),
}
"""Where a ledger takes one record of a member: its fields that say for what; the first one is a number for people."""
PROMISED = (UpdateCommitted, KeysAdvertised, SharesDealt, SetEndorsed, SharesRevealed, CheckpointAnchored)
"""Records that a member promises on its own disk before it signs: it never signs two, included or not."""


CLOCK_S = 300
"""Clocks of honest members may differ by so much; in seconds."""
LATE_S = 600
"""A node of an honest witness may be so far behind the chain; in seconds."""
HISTORIES = (
    "It does not show who made the other history, or which of the two is the right one: compare both with the ledger."
)
WORD = "It shows what members say, signed by them, not that they are right: look at the ledger by a node of your own."


@dataclass(frozen=True)
class Verdict:
    """What evidence shows."""

    finding: HemaledgerError
    """Its sentence says who did what."""
    shows: tuple[str, ...]
    """The facts, a sentence each."""
    limits: str
    """What it does not show."""


@dataclass(frozen=True)
class Signed:
    """A checkpoint with the log's signature."""

    note: Note
    checkpoint: Checkpoint
    key: VerifierKey
    """Of the log that signed."""
    cosigned: Mapping[str, int]
    """By the policy's name of a witness: when, in seconds since 1970."""


@dataclass(frozen=True)
class Shown:
    """A proof that holds."""

    proven: Proven
    leaf: Digest
    key: VerifierKey
    goes_on: bool
    """False if it shows a step of a hospital that does not go on."""


@dataclass(frozen=True)
class Answer:
    """A record, or a signed call that would make one."""

    kind: type[Record]
    sender: Address
    contract: Address
    values: Mapping[str, object]
    included: bool
    """Whether it is in a log; a call alone need not be."""


@dataclass(frozen=True)
class Bench:
    """Reads the pieces of one file."""

    kind: Kind
    items: Sequence[Item]
    trust: Trust
    facts: ChainFacts

    @property
    def loose(self) -> Trust:
        return without_quorum(self.trust)

    def forms(self, *kinds: type[Item]) -> bool:
        """Return whether the pieces are of exactly these kinds, in this order."""
        return tuple(map(type, self.items)) == kinds

    def weak(self, why: str) -> EvidenceWeak:
        return EvidenceWeak(why)

    def note(self, place: int, *, quorum: bool = False) -> Signed:
        """Return a checkpoint that a log of the trust file signed; raises as verify's steps 2 and 3."""
        item = self.items[place]
        if not isinstance(item, NoteItem):
            raise self.weak(f"its piece {place + 1} is not a checkpoint")
        note = parse_note(item.data)
        checkpoint, key = check_log(note, self.trust)
        return Signed(note, checkpoint, key, check_witnesses(note, self.trust if quorum else self.loose))

    def proof(self, place: int) -> Shown:
        """Return what a proof shows; raises as verify, but asks for no quorum."""
        item = self.items[place]
        if not isinstance(item, ProofItem):
            raise self.weak(f"its piece {place + 1} is not a proof")
        proven, parsed = verify(item.data, self.loose, self.facts), parse_proof(item.data)
        inner = parsed.extra.inner
        goes_on = not (isinstance(inner, InnerStep | InnerClusterStep) and inner.goes_on == 0)
        return Shown(proven, leaf_hash(parsed.extra.entry), check_log(parsed.note, self.trust)[1], goes_on)

    def sent(self, place: int) -> Sent:
        """Return a transaction that a member signed for this chain, or raise EvidenceWeak or EncodingError."""
        item = self.items[place]
        if not isinstance(item, TransactionItem):
            raise self.weak(f"its piece {place + 1} is not a transaction")
        sent = self.facts.sent(item.data)
        if sent.chain_id != self.trust.chain_id:
            raise self.weak("a transaction in it was signed for another chain")
        return sent

    def header(self, place: int) -> tuple[int, bytes, frozenset[Address]]:
        """Return number, hash and sealers of a header, or raise EvidenceWeak or EncodingError."""
        item = self.items[place]
        if not isinstance(item, HeaderItem):
            raise self.weak(f"its piece {place + 1} is not a header")
        return self.facts.sealed(item.data)

    def claim(self, place: int) -> Claim:
        """Return what a member of the trust file says, signed by its account; raises also SignatureInvalid."""
        item = self.items[place]
        if not isinstance(item, Claim):
            raise self.weak(f"its piece {place + 1} is not what a member says")
        digest = claim_digest(self.kind, self.trust.consortium, item.digest, item.number, item.time)
        if self.facts.signer(digest, item.signature) != item.account:
            raise self.weak("another account signed what the member says")
        if not any(each.account == item.account for each in self.trust.members):
            raise self.weak("who signed what a member says is no member of your trust file")
        return item

    def answer(self, place: int) -> Answer:
        """Return the record of a proof, or the call of a transaction to a contract of the trust file."""
        if isinstance(self.items[place], ProofItem):
            proven = self.proof(place).proven
            record = proven.record
            given = {field.name: getattr(record, field.name) for field in fields(record)[1:]}
            return Answer(type(record), record.sender, proven.event.contract, given, included=True)
        sent = self.sent(place)
        if sent.to is None or sent.to not in (self.trust.authority, *self.trust.ledgers):
            raise self.weak("a transaction in it goes to another contract than your trust file names")
        kind, values = self.facts.call_of(sent, of_authority=sent.to == self.trust.authority)
        return Answer(kind, sent.account, sent.to, values, included=False)

    def keeper_of(self, key: VerifierKey) -> str:
        """Return who keeps the log with this key, as far as the trust file says it."""
        logs, keepers = self.trust.policy.logs, self.trust.keepers
        if len(logs) != len(keepers) or key not in logs:
            return f"the log with the key {key.id.hex()}"
        return named(self.trust, keepers[logs.index(key)])

    def witness(self, name: str) -> str:
        """Return a witness by the policy's name of it."""
        account = account_of(self.trust.policy.witnesses[name].name)
        return name if account is None else named(self.trust, account)


def without_quorum(trust: Trust) -> Trust:
    """Return the same trust, which asks for no cosignature."""
    return replace(trust, policy=replace(trust.policy, quorum=NONE))


def account_of(key_name: str) -> Address | None:
    """Return the account at the end of a witness's key name; None if there is none."""
    try:
        account = bytes.fromhex(key_name.rpartition("/0x")[2])
    except ValueError:
        return None
    return Address(account) if len(account) == 20 else None  # noqa: PLR2004


def is_member(bench: Bench, account: Address) -> bool:
    """Return whether the trust file names an account."""
    return any(each.account == account for each in bench.trust.members)


def of(bench: Bench, shown: Shown) -> str:
    """Say what a proof shows, with its block."""
    proven = shown.proven
    record: Record = proven.step or proven.record
    said = what_of(record, named(bench.trust, record.sender))
    return f"{said} Block {proven.event.block}, {at(proven.event.time)}."


def seen_by(bench: Bench, signed: Signed) -> str:
    """Say who cosigned a checkpoint, and when."""
    names = [f"{bench.witness(name)} ({at(seen)})" for name, seen in sorted(signed.cosigned.items())]
    return f"Cosigned by {len(names)} of {len(bench.trust.policy.witnesses)} witnesses: {', '.join(names) or 'none'}."


def both(first: str, second: str) -> str:
    """Return two names, or one if they are the same."""
    return first if first == second else f"{first} and {second}"
