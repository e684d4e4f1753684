"""Hospitals of a wide round whose steps are signed by real keys, and whose contents are made cheaply.

What is real: each account, each signature, each advertised point, and all that a real hospital or a replayer reads: the
parcels for real hospitals, and (`whole`) commitments, self masks, masked files and answers, so that the sum is exact.

What is cheap: masks between two cheap hospitals are left out, because they cancel; a parcel between two of them is
random bytes, because nobody complains; they attest a model without summing it again. With `whole=False` also these: a
hospital that is no neighbour of a real one deals one point t times, and files that no real hospital reads are not
there, only a digest. With clusters only those sign whose steps a real hospital reads.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from fl.crypto import masking
from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Kind
from fl.crypto.masking import Masks
from fl.crypto.round_keys import RoundKeys, pair_seed, self_seed
from fl.crypto.share_delivery import SEALED_BYTES, Parcel, SharePair, seal_shares
from fl.crypto.share_encryption import bundle_to_bytes
from fl.crypto.sharing import Polynomial
from fl.crypto.unmasking_shares import answer
from fl.protocol import merkle
from fl.protocol.batches import Step, StepRecord, body_of, statement
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.ports import PARCELS, Board, Vault
from fl.protocol.records import (
    KeysAdvertised,
    ModelAttested,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    UpdateCommitted,
)
from fl.protocol.rounds.clusters import clusters_of
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.replayers import drawn
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.set_statement import set_statement
from fl.replay.cluster_batches import OF_PARTNERS
from fl.replay.expected_files import masked_core
from fl.replay.group_key import group_key
from fl.replay.participants import advertised, participant, participants, sharing_with
from fl.replay.round_documents import digest_of
from fl.training.aggregation.quantise import Words
from scripts.bench._stage import Member

KeysOf = Callable[[Address], RoundKeys]


@dataclass
class CheapHospitals:
    """All hospitals of a stage but the real ones."""

    members: dict[Address, Member]
    """By account, without the real ones."""
    real: dict[Address, Callable[[Round], RoundKeys]]
    """The real hospitals, each with its keys of a round."""
    words: Words
    """What each of them learned, int32 [d + LANES]."""
    vault: Vault
    board: Board
    whole: bool
    keys: dict[Address, RoundKeys] = field(default_factory=dict)
    parcels: dict[Address, tuple[bytes, ...]] = field(default_factory=dict)
    """With clusters: what each dealer deals."""

    def steps(self, current: Round) -> list[Step]:
        """Return the signed steps of all cheap hospitals in a phase, and put their files into the vault."""
        made: dict[Phase, Callable[[Round, Address], StepRecord]] = {
            Phase.ADVERTISE: self._advertise,
            Phase.SHARE: self._deal,
            Phase.COMPLAIN: lambda current, who: SharesChecked(who, current.number, b""),
            Phase.MASK: self._mask,
            Phase.AGREE: self._endorse,
            Phase.UNMASK: self._reveal,
            Phase.PROPOSED: lambda current, who: ModelAttested(who, current.number, digest_of(current), NO_DIGEST),
        }
        return [self._signed(current, made[current.phase](current, who)) for who in self._acting(current)]

    def _acting(self, current: Round) -> Iterable[Address]:
        """Return the hospitals whose steps somebody reads."""
        if current.phase == Phase.PROPOSED:
            return drawn(current) & self.members.keys()
        clusters = clusters_of(current)
        if self.whole or clusters is None:
            return self.members.keys()
        own = {clusters.number_of(each) for each in self.real}
        near = {each for number in own for each in clusters.beside(number)} if current.phase in OF_PARTNERS else set()
        return [each for number in sorted(own | near) for each in clusters.members[number] if each in self.members]

    def _signed(self, current: Round, record: StepRecord) -> Step:
        body = body_of(record)
        endorser = self.members[record.sender].endorser
        return Step(record.sender, body, endorser.sign_step(statement(current, current.phase, body)))

    def _advertise(self, current: Round, who: Address) -> KeysAdvertised:
        threshold = current.terms.threshold if self.whole else 1
        self.keys[who] = keys = RoundKeys.generate(threshold)
        advert = keys.advert()
        return KeysAdvertised(who, current.number, advert[:33], advert[33:])

    def _deal(self, current: Round, who: Address) -> SharesDealt:
        threshold = current.terms.threshold
        near = self.real.keys() & graph_of(current).holders(who)
        if near and not self.whole:
            self.keys[who] = _longer(self.keys[who], threshold)
        keys = self.keys[who]
        dealing = keys.dealing()
        half = len(dealing) // 2
        vectors = [dealing[:half], dealing[half:]]
        if len(keys.own.coefficients) < threshold:
            vectors = [vector * threshold for vector in vectors]
        if not (near or self.whole):
            return SharesDealt(who, current.number, vectors[0], vectors[1], Digest(secrets.token_bytes(32)))
        parcels = tuple(self._parcel(current, who, each) for each in graph_of(current).neighbours(who))
        data = bundle_to_bytes(parcels, SEALED_BYTES)
        if clusters_of(current) is None:
            return SharesDealt(who, current.number, vectors[0], vectors[1], self.vault.put(data))
        if self.whole:
            self.board.post(current.context, PARCELS, who, data)
        self.parcels[who] = parcels
        return SharesDealt(who, current.number, vectors[0], vectors[1], merkle.root_of(parcels))

    def _parcel(self, current: Round, who: Address, receiver: Address) -> bytes:
        if receiver not in self.real:
            return secrets.token_bytes(SEALED_BYTES)
        parcel = Parcel(current.context, advertised(current, who), advertised(current, receiver))
        return seal_shares(self.keys[who], parcel)

    def _mask(self, current: Round, who: Address) -> UpdateCommitted:
        if not self.whole:
            return UpdateCommitted(who, current.number, Digest(secrets.token_bytes(32)))
        context, keys, holder = Digest(current.mask_context), self.keys[who], participant(current, who)
        added, taken = [self_seed(keys.self_secret, holder, context)], list[bytes]()
        for other in (advertised(current, each) for each in self.real if graph_of(current).masked(who, each)):
            seed = pair_seed(keys.mask_secret, holder, other, context)
            (added if other.index > holder.index else taken).append(seed)
        words = masking.apply(self.words.copy(), Masks(tuple(added), tuple(taken)))
        core = masked_core(current, who, Kind.MASKED)
        file = seal(core, readers_of(current), masking.to_bytes(words))
        return UpdateCommitted(who, current.number, self.vault.put(file))

    def _endorse(self, current: Round, who: Address) -> SetEndorsed:
        signature = self.members[who].endorser.endorse(set_statement(current))
        return SetEndorsed(who, current.number, current.set_digest, signature)

    def _reveal(self, current: Round, who: Address) -> SharesRevealed:
        if not self.whole:
            return SharesRevealed(who, current.number, current.set_digest, Digest(secrets.token_bytes(32)))
        near, index = sharing_with(current, who), current.index_of(who)
        pairs = {each: self._pair(current, each, index) for each in near}
        body = answer(pairs, participants(current, near), frozenset(current.hospitals) & set(near))
        core = masked_core(current, who, Kind.UNMASK)
        file = seal(core, readers_of(current), body)
        return SharesRevealed(who, current.number, current.set_digest, self.vault.put(file))

    def _pair(self, current: Round, dealer: Address, index: int) -> SharePair:
        """Return the shares of a dealer; those of a real one are computed from its own keys, not opened."""
        keys = self.real[dealer](current) if dealer in self.real else self.keys[dealer]
        share = keys.own.share(index)
        return SharePair(share, share)  # nobody dropped out, so only the share of the self mask is revealed


def readers_of(current: Round) -> list[MemberKey]:
    """Return the group key of a wide round, to which its files are sealed."""
    key = group_key(current)
    return [] if key is None else [key]


def _longer(keys: RoundKeys, threshold: int) -> RoundKeys:
    """Return the same secrets shared by polynomials of degree t - 1."""
    secret, own = (Polynomial.draw(each, threshold) for each in (keys.mask_secret, keys.self_secret))
    return RoundKeys(keys.transport, secret, own)
