"""A masked round in memory: n hospitals with keys, participants, shares and ctx2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fl.crypto.masking import Masked, accumulate, apply, hospital_masks, remaining_masks, to_signed
from fl.crypto.round_keys import Participant, RoundKeys, mask_context
from fl.crypto.share_delivery import Parcel, SharePair, open_shares, own_shares, seal_shares
from fl.crypto.unmasking_shares import Uncovered, answer, parse_answer, uncover
from fl.protocol.names import Address, Digest

CONTEXT = bytes(range(32))


@dataclass(frozen=True)
class Scene:
    """All of one round up to phase 3."""

    keys: tuple[RoundKeys, ...]
    participants: tuple[Participant, ...]
    held: tuple[dict[Address, SharePair], ...]
    context: Digest

    def mask(self, place: int, words: npt.NDArray[np.int32]) -> Masked:
        """Return y of the hospital at `place` (from 0); `words` is left as it is."""
        own = self.participants[place].account
        return apply(words.copy(), hospital_masks(self.keys[place], own, self.participants, self.context))

    def uncover(self, alive: Sequence[int], revealers: Sequence[int]) -> Uncovered:
        """Return the secrets that the answers of `revealers` give when U3 is `alive` (places from 0)."""
        survivors = {self.participants[place].account for place in alive}
        answers = {}
        for place in revealers:
            revealer = self.participants[place]
            data = answer(self.held[place], self.participants, survivors)
            answers[revealer.account] = parse_answer(data, revealer, self.participants, survivors)
        return uncover(answers, self.participants, survivors)

    def total(
        self, words: Sequence[npt.NDArray[np.int32]], alive: Sequence[int], revealers: Sequence[int]
    ) -> list[int]:
        """Mask, sum what the survivors sent, unmask; return the signed words."""
        summed = self.mask(alive[0], words[alive[0]])
        for place in alive[1:]:
            accumulate(summed, self.mask(place, words[place]))
        found = self.uncover(alive, revealers)
        masks = remaining_masks(self.participants, found.self_secrets, found.mask_secrets, self.context)
        return [int(word) for word in to_signed(apply(summed, masks))]


def account(place: int) -> Address:
    return Address(bytes(18) + (1000 + 7 * place).to_bytes(2, "big"))


def parse(place: int, keys: RoundKeys, threshold: int) -> Participant:
    return Participant.parse(place + 1, account(place), keys.advert(), keys.dealing(), threshold)


@lru_cache
def round_of(hospitals: int, threshold: int, *, sealed: bool = False) -> Scene:
    """Return a round; with `sealed`, every share went through HPKE and was verified."""
    keys = tuple(RoundKeys.generate(threshold) for _ in range(hospitals))
    participants = tuple(parse(place, each, threshold) for place, each in enumerate(keys))
    held: list[dict[Address, SharePair]] = [{} for _ in range(hospitals)]
    for dealer, dealt in zip(participants, keys, strict=True):
        for place, receiver in enumerate(participants):
            if sealed and dealer is not receiver:
                parcel = Parcel(CONTEXT, dealer, receiver)
                parcel = replace(parcel, sealed=seal_shares(dealt, parcel))
                held[place][dealer.account] = open_shares(parcel, keys[place].transport)
            else:
                held[place][dealer.account] = own_shares(dealt, receiver.index)
    return Scene(keys, participants, tuple(held), mask_context(CONTEXT, participants))
