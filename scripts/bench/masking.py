"""Measures masking and the check of shares at a hospital, and unmasking at the coordinator.

The yardstick is the unavoidable work: quantising, and for each of the n masks of a hospital one AES-256-CTR
keystream and one addition over all words, written as a plain loop. Times are processor time of one thread, so that
other programs disturb them less. Each ratio compares the smallest times of one run, in which the parts took turns.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from fl.crypto.group import ENGINES, use
from fl.crypto.masking import Masks, accumulate, apply, from_bytes, hospital_masks, remaining_masks
from fl.crypto.round_keys import Participant, RoundKeys, mask_context
from fl.crypto.share_delivery import own_shares
from fl.crypto.sharing import Commitments, dealers_of_invalid_shares
from fl.crypto.unmasking_shares import Uncovered, answer, parse_answer, uncover
from fl.protocol.names import Address, Digest
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.coordinator.plan import masked_threshold
from fl.training.aggregation.quantise import LocalMetrics, Words, quantise
from scripts.bench._table import keep, median, show

CONTEXT = bytes(32)
CONFIG = RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA)
METRICS = LocalMetrics(100, 80, 0.5)
GONE = 0.2
"""The share of hospitals that drop out, if the threshold allows it."""
MASKING_TARGET = 1.5
VERIFY_TARGETS_MS = {10: 50.0, 50: 500.0}
MEBI = 1 << 20
STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Round:
    """The keys of a round, and the public data that its ledger would record."""

    threshold: int
    keys: list[RoundKeys]
    participants: list[Participant]
    context: Digest

    @classmethod
    def of(cls, hospitals: int) -> Round:
        """Return a round with the protocol's default threshold."""
        threshold = masked_threshold(hospitals)
        keys = [RoundKeys.generate(threshold) for _ in range(hospitals)]
        participants = [
            Participant.parse(index, Address(index.to_bytes(20, "big")), each.advert(), each.dealing(), threshold)
            for index, each in enumerate(keys, 1)
        ]
        return cls(threshold, keys, participants, mask_context(CONTEXT, participants))

    @property
    def alive(self) -> int:
        return max(len(self.keys) - int(GONE * len(self.keys)), self.threshold)


@click.command()
@click.option("--hospitals", "-n", type=click.IntRange(3, 1024), multiple=True, default=(3, 10, 50), show_default=True)
@click.option("--words", "-w", type=click.IntRange(1), multiple=True, default=(100_000, 1_000_000, 11_000_000))
@click.option("--repeats", type=click.IntRange(1), default=7, show_default=True)
def main(hospitals: tuple[int, ...], words: tuple[int, ...], repeats: int) -> None:
    """Measure masking, verification of shares, unmasking, and the memory of the sum."""
    rounds = {count: Round.of(count) for count in hospitals}
    figures = {
        "masking": [masking(rounds[count], size, repeats) for size in words for count in hospitals],
        "verifying": [verifying(each, name, repeats) for each in rounds.values() for name in ENGINES],
        "unmasking": [unmasking(rounds[count], size, repeats) for size in words for count in hospitals],
        "memory": [memory(rounds[count], max(words)) for count in hospitals],
    }
    titles = {
        "masking": f"One hospital quantises and masks, ms, smallest of {repeats} (ratio: at most {MASKING_TARGET})",
        "verifying": f"One receiver verifies all its shares of both secrets, ms (at most {VERIFY_TARGETS_MS})",
        "unmasking": "The sum is unmasked after drop-out, ms",
        "memory": f"The sum and its unmasking, {max(words):,} words of 4 bytes, in its own process",
    }
    for name, rows in figures.items():
        show(titles[name], tuple(rows[0]), [tuple(row.values()) for row in rows])
    keep("masking", {"backends": list(ENGINES), **figures})


Row = dict[str, object]
"""One line of a table: heading to cell."""


def masking(scene: Round, words: int, repeats: int) -> Row:
    """Compare quantising and masking one update with the yardstick; also measure the seeds alone."""
    draw = np.random.default_rng(1)
    previous, trained = (draw.normal(0, 1e-3, words).astype(np.float32) for _ in range(2))
    place = len(scene.keys) // 2
    own = scene.participants[place].account
    seeds = [os.urandom(32) for _ in scene.keys]

    words_of = quantise(previous, trained, METRICS, CONFIG)

    def seeded() -> Masks:
        return hospital_masks(scene.keys[place], own, scene.participants, scene.context)

    quantising, bare, whole, seeding = take_turns(
        repeats,
        lambda: quantise(previous, trained, METRICS, CONFIG),
        lambda: plain(words_of, seeds),
        lambda: apply(words_of, seeded()),
        seeded,
    )
    return {
        "words": words,
        "n": len(scene.keys),
        "quantise": quantising[0],
        "plain": bare[0],
        "masking": whole[0],
        "its seeds": seeding[0],
        "ratio": (quantising[0] + whole[0]) / (quantising[0] + bare[0]),
        "bare ratio": whole[0] / bare[0],
    }


def plain(words: Words, seeds: Sequence[bytes]) -> None:
    """Add the keystreams one by one, each over the whole vector, in chunks of 1 MiB."""
    ring, zeros, stream = words.view(np.uint32), bytes(MEBI), np.empty(MEBI, np.uint8)
    step = MEBI // 4
    for seed in seeds:
        encryptor = Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor()
        for start in range(0, ring.size, step):
            part = ring[start : start + step]
            encryptor.update_into(memoryview(zeros)[: part.nbytes], stream.data)
            part += stream.view(np.uint32)[: part.size]


def verifying(scene: Round, backend: str, repeats: int) -> Row:
    """Measure how long a hospital parses all commitments and checks both shares of each, at the largest index."""
    receiver = scene.participants[-1].index
    others = list(zip(scene.keys, scene.participants, strict=True))[:-1]
    recorded = [(each.account, keys.pairwise.commitments(), keys.own.commitments()) for keys, each in others]
    shares_held = [own_shares(keys, receiver) for keys, _ in others]

    def parse() -> list[Commitments]:
        return [Commitments.from_bytes(who, data, scene.threshold) for who, *both in recorded for data in both]

    shares = [share for pair in shares_held for share in (pair.pairwise, pair.own)]
    parsed = parse()
    with use(backend):
        parsing, checking = take_turns(
            repeats, parse, lambda: dealers_of_invalid_shares(list(zip(shares, parsed, strict=True)))
        )
    total = parsing[0] + checking[0]
    target = VERIFY_TARGETS_MS.get(len(scene.keys))
    return {
        "n": len(scene.keys),
        "t": scene.threshold,
        "backend": backend,
        "parse": parsing[0],
        "check": checking[0],
        "together": total,
        "of target": "-" if target is None else total / target,
    }


def unmasking(scene: Round, words: int, repeats: int) -> Row:
    """Measure how long it takes to rebuild the secrets from all answers and to unmask the sum."""
    alive = {each.account for each in scene.participants[: scene.alive]}
    answers = {}
    for each in scene.participants[: scene.alive]:
        shares_held = {dealer.account: own_shares(keys, each.index) for keys, dealer in zip_round(scene)}
        answers[each.account] = parse_answer(
            answer(shares_held, scene.participants, alive), each, scene.participants, alive
        )

    def rebuilt() -> Uncovered:
        return uncover(answers, scene.participants, alive)

    secrets = rebuilt()

    def seeded() -> Masks:
        return remaining_masks(scene.participants, secrets.self_secrets, secrets.mask_secrets, scene.context)

    total, masks = np.zeros(words, np.uint32), seeded()
    times = take_turns(min(repeats, 3), rebuilt, seeded, lambda: apply(total, masks))
    return {
        "words": words,
        "n": len(scene.keys),
        "gone": len(scene.keys) - scene.alive,
        "masks": len(masks.added) + len(masks.taken),
        "secrets": times[0][0],
        "seeds": times[1][0],
        "masks off": times[2][0],
        "together": sum(each[0] for each in times),
    }


def zip_round(scene: Round) -> list[tuple[RoundKeys, Participant]]:
    """Return each hospital's keys with their public part."""
    return list(zip(scene.keys, scene.participants, strict=True))


def memory(scene: Round, words: int) -> Row:
    """Measure the peak memory of receiving, summing and unmasking n vectors one after the other."""
    alive = scene.alive
    masks = alive + (len(scene.keys) - alive) * alive
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, after = pool.apply(sum_alone, (words, alive, masks))
    return {
        "n": len(scene.keys),
        "vectors": alive,
        "before (MiB)": before / MEBI,
        "peak (MiB)": after / MEBI,
        "added, in vectors": (after - before) / (4 * words),
    }


def sum_alone(words: int, vectors: int, masks: int) -> tuple[int, int]:
    """Sum and unmask in this process; return its peak bytes before and after."""
    before = peak_bytes()
    total = np.zeros(words, np.uint32)
    for _ in range(vectors):
        accumulate(total, from_bytes(os.urandom(4 * words), words))
    apply(total, Masks((), tuple(os.urandom(32) for _ in range(masks))))
    return before, peak_bytes()


def peak_bytes() -> int:
    """Return the largest resident size of this process so far; getrusage would count the parent's on Linux."""
    if STATUS.exists():
        fields = dict(line.split(":", 1) for line in STATUS.read_text(encoding="ascii").splitlines())
        return int(fields["VmHWM"].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def take_turns(repeats: int, *works: Callable[[], object]) -> list[tuple[float, float]]:
    """Run the works in turn; return (smallest, median) milliseconds of processor time of each."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for place, work in enumerate(works):
            began = time.thread_time()
            work()
            times[place].append(1000 * (time.thread_time() - began))
    return [(min(each), median(each)) for each in times]


if __name__ == "__main__":
    main()
