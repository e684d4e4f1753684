"""A round as a value, and its state tables: `NEXT` says what may follow, `MAY` says who may record it.

Invariant: NEXT is the only list of transitions; rules.py and FederationLedger.sol add conditions to it, no phases.

Source: PROTOCOL.md 5 (masked rounds) and 5S (sealed rounds).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

from fl.protocol.codec import Writer, sha256
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import NO_DIGEST, Address, Digest, Protection, Role
from fl.protocol.ports import Anchor
from fl.protocol.records import (
    ClustersClosed,
    ClustersFrozen,
    Entry,
    KeysAdvertised,
    ModelAttested,
    ModelProposed,
    PhaseClosed,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    RoundRecord,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    Terms,
    UpdateCommitted,
    WideOpening,
    WideTerms,
)
from fl.protocol.rounds.memo import Memo


class Phase(IntEnum):
    """The phase of a round; the contract has the same numbers."""

    NONE = 0
    OPEN = 1
    """Sealed rounds: hospitals commit."""
    ADVERTISE = 2
    SHARE = 3
    COMPLAIN = 4
    MASK = 5
    """Masked rounds: hospitals commit."""
    FROZEN = 6
    """Sealed rounds: the coordinator sums."""
    AGREE = 7
    """Masked rounds: hospitals endorse the frozen set."""
    UNMASK = 8
    PROPOSED = 9
    FINAL = 10
    ABORTED = 11


ENDED = (Phase.NONE, Phase.FINAL, Phase.ABORTED)

_SEALED: dict[tuple[Phase, type[RoundRecord]], Phase] = {
    (Phase.OPEN, UpdateCommitted): Phase.OPEN,
    (Phase.OPEN, RoundFrozen): Phase.FROZEN,
    (Phase.FROZEN, ModelProposed): Phase.PROPOSED,
    (Phase.PROPOSED, ModelAttested): Phase.PROPOSED,
    (Phase.PROPOSED, RoundFinalised): Phase.FINAL,
}
_MASKED: dict[tuple[Phase, type[RoundRecord]], Phase] = {
    (Phase.ADVERTISE, KeysAdvertised): Phase.ADVERTISE,
    (Phase.ADVERTISE, PhaseClosed): Phase.SHARE,
    (Phase.SHARE, SharesDealt): Phase.SHARE,
    (Phase.SHARE, PhaseClosed): Phase.COMPLAIN,
    (Phase.COMPLAIN, SharesChecked): Phase.COMPLAIN,
    (Phase.COMPLAIN, PhaseClosed): Phase.MASK,
    (Phase.MASK, UpdateCommitted): Phase.MASK,
    (Phase.MASK, RoundFrozen): Phase.AGREE,
    (Phase.AGREE, SetEndorsed): Phase.AGREE,
    (Phase.UNMASK, SetEndorsed): Phase.UNMASK,
    (Phase.UNMASK, SharesRevealed): Phase.UNMASK,
    (Phase.UNMASK, ModelProposed): Phase.PROPOSED,
    (Phase.PROPOSED, ModelAttested): Phase.PROPOSED,
    (Phase.PROPOSED, RoundFinalised): Phase.FINAL,
}
_TABLES = {Protection.MASKED: _MASKED, Protection.SEALED: _SEALED, Protection.WIDE: _MASKED}
NEXT: Mapping[tuple[Protection, Phase, type[RoundRecord]], Phase] = MappingProxyType(
    {(how, phase, kind): then for how, table in _TABLES.items() for (phase, kind), then in table.items()}
    | {(how, phase, RoundAborted): Phase.ABORTED for how, table in _TABLES.items() for phase, _ in table}
)
AT_THRESHOLD: Mapping[tuple[Phase, type[RoundRecord]], Phase] = MappingProxyType(
    {(Phase.AGREE, SetEndorsed): Phase.UNMASK}
)
"""The phase that the threshold-th record of a kind begins, in place of the one in NEXT."""

MAY: Mapping[type[RoundRecord], tuple[Role, ...]] = MappingProxyType(
    {
        RoundOpened: (Role.COORDINATOR,),
        WideOpening: (Role.COORDINATOR,),
        KeysAdvertised: (Role.HOSPITAL,),
        SharesDealt: (Role.HOSPITAL,),
        SharesChecked: (Role.HOSPITAL,),
        PhaseClosed: (Role.COORDINATOR,),
        UpdateCommitted: (Role.HOSPITAL,),
        RoundFrozen: (Role.COORDINATOR,),
        SetEndorsed: (Role.HOSPITAL,),
        SharesRevealed: (Role.HOSPITAL,),
        ModelProposed: (Role.COORDINATOR,),
        ModelAttested: (Role.AUDITOR, Role.HOSPITAL),
        RoundFinalised: (Role.COORDINATOR,),
        RoundAborted: (),
    }
)
"""Record -> the roles that may make it; () means every active member. Only the opener makes a coordinator's records."""

_SEEN_AS: Mapping[type[RoundRecord], type[RoundRecord]] = MappingProxyType(
    {ClustersClosed: PhaseClosed, ClustersFrozen: RoundFrozen}
)


def kind_of(record: RoundRecord) -> type[RoundRecord]:
    """Return under which type a record is in the tables: with clusters, readers see some with more fields."""
    return _SEEN_AS.get(type(record), type(record))


@dataclass(frozen=True)
class Round:
    """One round, from its opening to its end."""

    number: int
    terms: Terms
    roster: tuple[Address, ...]
    previous_model: Digest
    opener: Address
    anchor: Anchor
    """Its contract is the one with this round."""
    opened: Entry
    keys: Mapping[Address, MemberKey]
    """The key of every active member when the round opened; a rotation takes effect in the next round."""
    phase: Phase = Phase.OPEN
    phase_since: int = 0
    """Seconds since 1970 of the block that began the phase."""
    sharers: tuple[Address, ...] = ()
    """Masked rounds: the hospitals that continue, ascending; U2 once COMPLAIN is closed."""
    receivers: tuple[Address, ...] = ()
    """Masked rounds: U1, the hospitals that get shares, ascending."""
    advertised: Mapping[Address, KeysAdvertised] = field(default_factory=lambda: MappingProxyType({}))
    dealt: Mapping[Address, SharesDealt] = field(default_factory=lambda: MappingProxyType({}))
    checked: Mapping[Address, SharesChecked] = field(default_factory=lambda: MappingProxyType({}))
    endorsed: Mapping[Address, SetEndorsed] = field(default_factory=lambda: MappingProxyType({}))
    revealed: Mapping[Address, SharesRevealed] = field(default_factory=lambda: MappingProxyType({}))
    commitments: Mapping[Address, Digest] = field(default_factory=lambda: MappingProxyType({}))
    hospitals: tuple[Address, ...] = ()
    """The frozen set, ascending."""
    set_digest: Digest = NO_DIGEST
    """Of the frozen set."""
    frozen: Entry | None = None
    """The entry that froze the set."""
    proposal: ModelProposed | None = None
    attestations: Mapping[Address, Digest] = field(default_factory=lambda: MappingProxyType({}))
    """Auditor -> digest of its report."""
    reason: str = ""
    last: Entry | None = None
    """The round's newest entry."""
    wide: WideTerms | None = None
    """Of a wide round."""
    viewer: Address | None = None
    """In a round with clusters: whose cluster this reader looks at; None: at all. The set, those who go on and their
    steps are then those of this cluster alone; roster, terms and contexts are always those of the whole round."""
    roots: Mapping[Phase, Digest] = field(default_factory=lambda: MappingProxyType({}))
    """Of a round with clusters: the root of each phase that decides who is in the sum, over all clusters."""
    received: Mapping[Address, Digest] = field(default_factory=lambda: MappingProxyType({}))
    """Of a round with clusters: the file with the parcels for each hospital that went on after SHARE."""
    across: Mapping[Address, KeysAdvertised] = field(default_factory=lambda: MappingProxyType({}))
    """Who looks at its own cluster: the keys of its partners in other clusters that go on."""
    graph_block: bytes = b""
    """Hash of the block that ended ADVERTISE, 32 bytes: nobody knew it before the keys were recorded."""
    proposal_block: bytes = b""
    """Hash of the block with the proposal, 32 bytes."""
    before: Round | None = field(default=None, compare=False, repr=False)
    """The previous round, which may be on an earlier ledger of the consortium."""
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)
    """Contexts and indices, which stay the same for many records."""

    @property
    def earlier(self) -> Iterator[Round]:
        """Yield the rounds before this one, the newest first."""
        before = self.before
        while before is not None:
            yield before
            before = before.before

    @property
    def ended(self) -> bool:
        return self.phase in ENDED

    @property
    def complete(self) -> bool:
        return len(self.commitments) == len(self.committers)

    @property
    def masked(self) -> bool:
        """Return whether hospitals mask their updates: in a wide round too."""
        return self.terms.protection in (Protection.MASKED, Protection.WIDE)

    @property
    def endorsers(self) -> int:
        """Return how many hospitals must sign the frozen set."""
        return self.terms.min_commitments if self.wide else self.terms.threshold

    @property
    def committers(self) -> tuple[Address, ...]:
        """Return the hospitals that may commit an update: the roster, or those that passed a masked round's set-up."""
        return self.sharers if self.masked else self.roster

    @property
    def going(self) -> frozenset[Address]:
        """Return the hospitals that continue in a masked round, to look accounts up."""
        return self.memo.of("going", (self.sharers,), lambda: frozenset(self.sharers))

    @property
    def in_set(self) -> frozenset[Address]:
        """Return the hospitals of the frozen set, to look accounts up."""
        return self.memo.of("in set", (self.hospitals,), lambda: frozenset(self.hospitals))

    @property
    def step_deadline(self) -> int:
        """Return the deadline of a masked round's phase, in seconds since 1970."""
        return self.phase_since + self.terms.step_timeout

    @property
    def context(self) -> bytes:
        """Return ctx of PROTOCOL.md 5, 32 bytes: the round's identity, including the block that opened it."""
        parts = (self.anchor, self.opened, self.terms, self.wide, self.previous_model, self.roster, self.keys)
        return self.memo.of("context", (*parts, self.number), self._context)

    def _context(self) -> bytes:
        anchor, terms = self.anchor, self.terms
        return (
            Writer("round")
            .raw(anchor.consortium, 32)
            .u64(anchor.chain_id)
            .raw(anchor.contract, 20)
            .u64(self.number)
            .raw(self.opened.block_hash, 32)
            .raw(terms_digest(terms, self.wide), 32)
            .raw(self.previous_model, 32)
            .raw(self.roster_root, 32)
            .digest()
        )

    @property
    def mask_context(self) -> bytes:
        """Return ctx2 of PROTOCOL.md 5, 32 bytes: ctx and the keys and commitments of the hospitals of U2.

        SHA-256(`set2` ‖ ctx ‖ u16 n ‖ (index u16 ‖ account[20] ‖ S[33] ‖ E[33] ‖ H(A ‖ B))*); the
        index is the place in the roster, from 1.

        With clusters, that of `clusters_context`.
        """
        parts = (self.context, self.sharers, self.roster, self.advertised, self.dealt, self.roots)
        return self.memo.of("mask context", parts, self._mask_context)

    def _mask_context(self) -> bytes:
        if self.wide is not None and self.wide.clusters is not None:
            return clusters_context(self.context, self.roots)
        writer = Writer("set2").raw(self.context, 32).u16(len(self.sharers))
        for account in self.sharers:
            keys, dealt = self.advertised[account], self.dealt[account]
            writer.u16(self.index_of(account)).raw(account, 20).raw(keys.mask_key, 33).raw(keys.transport_key, 33)
            writer.raw(sha256(dealt.mask_commitments + dealt.self_commitments), 32)
        return writer.digest()

    def index_of(self, account: Address) -> int:
        """Return a hospital's index for shares: its place in the roster, from 1; ValueError for any other account."""
        places = self.memo.of("places", (self.roster,), self._places)
        if account not in places:
            raise ValueError("this account is not in the roster")
        return places[account]

    def _places(self) -> Mapping[Address, int]:
        return {account: place for place, account in enumerate(self.roster, start=1)}

    @property
    def roster_root(self) -> Digest:
        """Return SHA-256(`roster` ‖ u16 n ‖ (account[20] ‖ epoch u32 ‖ key[65])*)."""
        writer = Writer("roster").u16(len(self.roster))
        for account in self.roster:
            key = self.keys[account]
            writer.raw(account, 20).u32(key.epoch).raw(key.public_key, 65)
        return writer.digest()


def terms_digest(terms: Terms, wide: WideTerms | None = None) -> Digest:
    """Return SHA-256 of the terms in the order of their fields; those of a wide round follow."""
    writer = Writer("terms").u8(terms.protection).u16(terms.min_commitments).u16(terms.attestations)
    writer.u16(terms.threshold).u64(terms.parameters).raw(terms.config_digest, 32).u64(terms.step_timeout)
    writer.u64(terms.commit_deadline).u64(terms.close_deadline)
    if wide is not None:
        writer.u16(wide.degree).u16(wide.replayers).raw(wide.group_key, 65).u16(len(wide.key_files))
        for digest in wide.key_files:
            writer.raw(digest, 32)
        if wide.clusters is not None:
            writer.u16(wide.clusters.count).u16(wide.clusters.fewest).u16(wide.clusters.across)
    return writer.digest()


def set_digest(current: Round, hospitals: Sequence[Address]) -> Digest:
    """Return the digest of the frozen set, as the contract computes it.

    SHA-256(`set3` ‖ consortium[32] ‖ chainId u64 ‖ contract[20] ‖ round u64 ‖ count u16 ‖ (account ‖ digest)*).
    """
    anchor = current.anchor
    writer = Writer("set3").raw(anchor.consortium, 32).u64(anchor.chain_id).raw(anchor.contract, 20)
    writer.u64(current.number).u16(len(hospitals))
    for account in hospitals:
        writer.raw(account, 20).raw(current.commitments[account], 32)
    return writer.digest()


def clusters_context(context: bytes, roots: Mapping[Phase, Digest]) -> Digest:
    """Return ctx2 of a round with clusters, from ctx and the roots of its set-up over all clusters.

    SHA-256(`set5` ‖ ctx[32] ‖ root of ADVERTISE[32] ‖ root of SHARE[32] ‖ root of COMPLAIN[32]).
    """
    writer = Writer("set5").raw(context, 32)
    for phase in (Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN):
        writer.raw(roots[phase], 32)
    return writer.digest()


def clusters_digest(anchor: Anchor, number: int, root: Digest) -> Digest:
    """Return the digest of the frozen set of a round with clusters, from the root of MASK over all of them.

    SHA-256(`set6` ‖ consortium[32] ‖ chainId u64 ‖ contract[20] ‖ round u64 ‖ root[32]).
    """
    writer = Writer("set6").raw(anchor.consortium, 32).u64(anchor.chain_id).raw(anchor.contract, 20)
    return writer.u64(number).raw(root, 32).digest()
