"""No protection, sealed rounds and masked rounds: the product's own functions, without ledger and disk.

Source: fl/roles/hospital/masked_update.py, fl/replay/unmasking.py (the same calls in the same order);
PROTOCOL.md 5 and 5S.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fl.crypto import masking
from fl.crypto.envelope import receive, seal
from fl.crypto.envelope_form import Core, Expected, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.round_keys import Participant, RoundKeys, mask_context
from fl.crypto.share_delivery import Parcel, SharePair, open_shares, own_shares, seal_shares
from fl.crypto.sharing import dealers_of_invalid_shares
from fl.crypto.unmasking_shares import answer, parse_answer, uncover
from fl.protocol.codec import sha256
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Anchor
from fl.training.aggregation.quantise import LANES, Vector, Words, from_bytes, to_bytes
from fl.training.aggregation.sum import Sum
from fl.training.model.weights import model_digest
from scripts.bench.schemes.base import CONFIG, Case, Cost, draw_update, least, words_of

CONTEXT = bytes(range(32))
READER = PrivateKey.generate(1)


@dataclass(frozen=True)
class Scene:
    """All hospitals' keys of one masked round."""

    keys: tuple[RoundKeys, ...]
    participants: tuple[Participant, ...]
    context: Digest


@lru_cache(maxsize=8)
def scene(hospitals: int, threshold: int) -> Scene:
    """Return a round in which all hospitals advertised and dealt."""
    keys = tuple(RoundKeys.generate(threshold) for _ in range(hospitals))
    parts = tuple(
        Participant.parse(index, _account(index), each.advert(), each.dealing(), threshold)
        for index, each in enumerate(keys, 1)
    )
    return Scene(keys, parts, mask_context(CONTEXT, parts))


def _account(index: int) -> Address:
    return Address(index.to_bytes(20, "big"))


def _core(kind: Kind) -> Core:
    anchor = Anchor(bytes(32), 1, Address(bytes(20)), Address(bytes(20)))
    return Core(kind, anchor, Address(bytes(20)), 1, 1, CONTEXT)


def seal_body(kind: Kind, body: bytes | memoryview, readers: int) -> bytes:
    """Return an envelope to READER and `readers - 1` others."""
    return bytes(seal(_core(kind), _readers(readers), body))


@lru_cache(maxsize=8)
def _readers(count: int) -> tuple[MemberKey, ...]:
    return (READER.member_key, *(PrivateKey.generate(1).member_key for _ in range(count - 1)))


def open_body(kind: Kind, file: bytes, key: PrivateKey = READER) -> bytes:
    """Check and open an envelope as a role does."""
    return receive(file, Expected(_core(kind), sha256(file), len(file)), key)


class Plain:
    """Federated averaging in floats: everybody with access sees every update."""

    name = "none"
    needs: tuple[str, ...] = ()

    def cost(self, case: Case) -> Cost:
        update = draw_update(case.parameters, 1)
        send_s, body = least(lambda: update.astype("<f4").tobytes())
        total = np.zeros(case.parameters, np.float64)
        sum_s, _ = least(lambda: np.add(total, np.frombuffer(body, "<f4") / case.hospitals, out=total))
        return Cost({"encode": send_s}, {"sum": sum_s * case.hospitals}, len(body), case.parameters)

    def total(self, updates: Sequence[Vector]) -> Vector:
        return np.asarray(np.sum(np.stack(updates).astype(np.float64), axis=0), np.float32)


class Sealed:
    """Sealed rounds: only coordinator and auditors see every update."""

    name = "sealed"
    needs: tuple[str, ...] = ()

    def cost(self, case: Case) -> Cost:
        """Measure a round: two readers, the coordinator and one auditor."""
        update = draw_update(case.parameters, 1)
        quantise_s, words = least(lambda: words_of(update))
        seal_s, file = least(lambda: bytes(seal(_core(Kind.UPDATE), _readers(2), to_bytes(words))))
        open_s, opened = least(lambda: from_bytes(open_body(Kind.UPDATE, file), case.parameters, CONFIG))
        total = Sum(case.parameters)
        sum_s, _ = least(lambda: _add(total, opened))
        whole = Sum.of(opened.copy(), 1)
        apply_s, model = least(lambda: whole.apply(update, CONFIG))
        digest_s, _ = least(lambda: model_digest(bytes(32), model))
        count = case.hospitals
        server = {"open": count * open_s, "sum": count * sum_s, "decode": apply_s}
        server["replay"] = sum(server.values()) + digest_s
        return Cost({"quantise": quantise_s, "seal": seal_s}, server, len(file), case.parameters)

    def total(self, updates: Sequence[Vector]) -> Vector:
        total = Sum(updates[0].size)
        for update in updates:
            file = seal_body(Kind.UPDATE, to_bytes(words_of(update)), 2)
            total.add(from_bytes(open_body(Kind.UPDATE, file), update.size, CONFIG))
        return total.apply(np.zeros_like(updates[0]), CONFIG) * np.float32(len(updates))


def _add(total: Sum, words: Words) -> None:
    total.hospitals = 0  # measure one addition, repeated
    total.add(words)


class Masked:
    """Masked rounds: nobody sees one hospital's update."""

    name = "masked"
    needs: tuple[str, ...] = ()

    def cost(self, case: Case) -> Cost:
        """Measure a round in which 20 % of the hospitals (as the threshold allows) drop out after sharing."""
        count, readers = case.hospitals, case.hospitals + 2
        update = draw_update(case.parameters, 1)
        quantise_s, words = least(lambda: words_of(update))
        mask_s, masked = least(lambda: mask(words.copy(), case))
        copy_s, _ = least(words.copy)
        body = masking.to_bytes(masked)
        seal_s, file = least(lambda: bytes(seal(_core(Kind.MASKED), _readers(readers), body)))
        open_s, opened = least(lambda: open_body(Kind.MASKED, file))
        survivors = count - case.dropped
        total = np.zeros(words.size, np.uint32)
        sum_s, _ = least(lambda: masking.accumulate(total, masking.from_bytes(opened, total.size)))
        recover_s, unmask_s, decode_s = unmasking(case, words, update)
        digest_s, _ = least(lambda: model_digest(bytes(32), update))
        server = {"open": survivors * open_s, "sum": survivors * sum_s}
        server |= {"unprotect": recover_s + unmask_s, "decode": decode_s}
        server["replay"] = sum(server.values()) + digest_s
        keys_s, key_bytes = key_setup(case)
        hospital = {"key set-up": keys_s, "quantise": quantise_s, "mask": mask_s - copy_s, "seal": seal_s}
        return Cost(hospital, server, len(file) + key_bytes, case.parameters)

    def total(self, updates: Sequence[Vector]) -> Vector:
        """Return the sum of all but the last of four or more hospitals' updates, which drops out after sharing.

        Up to three updates are summed without a drop-out.
        """
        return self.unmasked(updates).apply(np.zeros_like(updates[0]), CONFIG) * np.float32(len(updates))

    def unmasked(self, updates: Sequence[Vector]) -> Sum:
        """Return the words' sum, through masks, shares and their reconstruction."""
        return masked_sum([words_of(update) for update in updates])


def masked_sum(everybody: Sequence[Words], extra: int = 1) -> Sum:
    """Mask and sum the words of all hospitals given; `extra` more hospitals shared keys and dropped out."""
    case = Case(everybody[0].size - LANES, len(everybody) + extra)
    parties = scene(case.hospitals, min(case.threshold, len(everybody)))
    total = np.zeros(everybody[0].size, np.uint32)
    for keys, part, words in zip(parties.keys, parties.participants, everybody, strict=False):
        masks = masking.hospital_masks(keys, part.account, parties.participants, parties.context)
        masking.accumulate(total, masking.apply(words.copy(), masks))
    masks = _remaining(parties, len(everybody), answers(parties, len(everybody)))
    return Sum.of(masking.to_signed(masking.apply(total, masks)).view(np.int32), len(everybody))


def mask(words: Words, case: Case) -> masking.Masked:
    """Mask the words of the first hospital, in place."""
    parties = scene(case.hospitals, case.threshold)
    masks = masking.hospital_masks(
        parties.keys[0], parties.participants[0].account, parties.participants, parties.context
    )
    return masking.apply(words, masks)


def answers(parties: Scene, survivors: int) -> dict[Address, bytes]:
    """Return the unmasking answers of the first `survivors` hospitals."""
    alive = frozenset(each.account for each in parties.participants[:survivors])
    given = {}
    for part in parties.participants[:survivors]:
        received: Mapping[Address, SharePair] = {
            dealer.account: own_shares(keys, part.index)
            for keys, dealer in zip(parties.keys, parties.participants, strict=True)
        }
        given[part.account] = answer(received, parties.participants, alive)
    return given


def _remaining(parties: Scene, survivors: int, given: Mapping[Address, bytes]) -> masking.Masks:
    parts = parties.participants
    alive = frozenset(each.account for each in parts[:survivors])
    by_account = {each.account: each for each in parts}
    parsed = {account: parse_answer(data, by_account[account], parts, alive) for account, data in given.items()}
    uncovered = uncover(parsed, parts, alive)
    return masking.remaining_masks(parts, uncovered.self_secrets, uncovered.mask_secrets, parties.context)


def unmasking(case: Case, words: Words, previous: Vector) -> tuple[float, float, float]:
    """Return seconds of: answers to seeds; masks off the sum; sum to model."""
    parties, survivors = scene(case.hospitals, case.threshold), case.hospitals - case.dropped
    given = answers(parties, survivors)
    recover_s, masks = least(lambda: _remaining(parties, survivors, given))
    total = words.view(np.uint32).copy()
    unmask_s, _ = least(lambda: masking.apply(total, masks))
    whole = Sum.of(words.copy(), 1)
    decode_s, _ = least(lambda: whole.apply(previous, CONFIG))
    return recover_s, unmask_s, decode_s


def key_setup(case: Case) -> tuple[float, int]:
    """Return one hospital's seconds from new keys to checked shares of all others, and the bytes that it sends."""
    parties = scene(case.hospitals, case.threshold)
    own, *others = parties.participants
    arrived = [
        Parcel(CONTEXT, dealer, own, seal_shares(keys, Parcel(CONTEXT, dealer, own)))
        for keys, dealer in zip(parties.keys[1:], others, strict=True)
    ]
    published = [(keys.advert(), keys.dealing()) for keys in parties.keys]

    def work() -> int:
        keys = RoundKeys.generate(case.threshold)
        sent = len(keys.advert()) + len(keys.dealing())
        sent += sum(len(seal_shares(keys, Parcel(CONTEXT, own, other))) for other in others)
        parts = [
            Participant.parse(index, _account(index), advert, dealing, case.threshold)
            for index, (advert, dealing) in enumerate(published, 1)
        ]
        for parcel in arrived:
            open_shares(parcel, parties.keys[0].transport)
        mask_context(CONTEXT, parts)
        return sent

    seconds, sent = least(work)
    reply = seal_body(Kind.UNMASK, bytes(2 + 53 * case.hospitals), case.hospitals + 2)
    return seconds, sent + len(reply)


def verify_shares(case: Case) -> float:
    """Return the seconds in which one hospital parses all commitments and verifies all its shares."""
    parties = scene(case.hospitals, case.threshold)
    published = [(keys.advert(), keys.dealing()) for keys in parties.keys[1:]]
    shares = [own_shares(keys, 1) for keys in parties.keys[1:]]

    def work() -> tuple[Address, ...]:
        parts = [
            Participant.parse(index, _account(index), advert, dealing, case.threshold)
            for index, (advert, dealing) in enumerate(published, 2)
        ]
        pairs = [
            received
            for pair, part in zip(shares, parts, strict=True)
            for received in ((pair.pairwise, part.pairwise), (pair.own, part.own))
        ]
        return dealers_of_invalid_shares(pairs)

    seconds, wrong = least(work, 7, time.perf_counter)
    if wrong:
        raise AssertionError("right shares were refused")
    return seconds
