"""Predictions by an encrypted head: time of each step, and what whole numbers cost in accuracy.

Two heads are fitted to C-NMC's training persons on what two fixed networks see: hemanet of width 64 with its first,
drawn weights (512 x 2), and lite0 with its published ones (1280 x 2). Only the heads are trained, so this measures
heads, not the best model. Everything runs on one thread, one step after another, without HTTP and without the chain;
times are that thread's processor time.
Beside it, in the same run: the network's own forward pass, and the plain head on the same features.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import click
import numpy as np
import numpy.typing as npt

from fl.crypto.discrete_log import Logarithms, make_table
from fl.crypto.encrypted_head import EncryptedHead, HeadFacts, HeadQuestion, answer_part, combine, encrypt
from fl.protocol.names import Digest
from fl.training.data.dataset import TEST, Dataset
from fl.training.data.load import load_source
from fl.training.evaluation.int8_head import Int8Head, ceilings_of
from fl.training.evaluation.metrics import auroc
from fl.training.evaluation.predict import Predictor
from fl.training.model.device import use_threads
from fl.training.model.spec import LITE0, ModelSpec
from fl.training.pictures.preparation import CELL_COLOURS
from fl.training.presets import DEFAULT_LOCAL
from fl.training.recipe import Recipe
from scripts.bench._data import images_at_hand
from scripts.bench._table import BUILD, keep, median, show
from scripts.bench.threshold import Scene
from scripts.wiring.plans import first_model

TARGET_MS = 300.0
NETWORKS = {
    "hemanet": ModelSpec(width=64),
    "lite0": ModelSpec(kind=LITE0, preparation=CELL_COLOURS),
}
BLOCKS = {"hemanet": 2, "lite0": 1}
"""hemanet's features are means, then maxima."""
FIT_LR, FIT_DECAY, FIT_STEPS = 3e-3, 1e-4, 500
Figures = dict[str, float]
Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What a network sees of a data set, and the labels."""

    features: Floats
    """[n, d], of one view."""
    labels: npt.NDArray[np.int64]
    test: npt.NDArray[np.bool_]
    forward_ms: float
    """The median for one picture."""


@click.command()
@click.option(
    "--answers", type=click.IntRange(1), default=100, show_default=True, help="encrypted answers of each head"
)
@click.option("--threshold", "-t", type=click.IntRange(2, 32), default=2, show_default=True)
@click.option("--trustees", "-m", type=click.IntRange(2, 32), default=3, show_default=True)
@click.option("--pictures", type=click.IntRange(100), default=None, help="only so many pictures; default: all")
def main(answers: int, threshold: int, trustees: int, pictures: int | None) -> None:
    """Measure private answers of both heads on C-NMC."""
    source = images_at_hand()
    if source is None:
        raise click.ClickException("C-NMC is not here; name its folder in HEMALEDGER_DATA")
    use_threads(1)
    dataset = load_source(source)
    scene, began = Scene.of(trustees, threshold), time.perf_counter()
    logarithms = Logarithms(make_table())
    figures: dict[str, object] = {"table_ms": 1000 * (time.perf_counter() - began)}
    for name in NETWORKS:
        seen = _seen(name, dataset, pictures)
        head, quality = _fitted(seen, BLOCKS[name])
        times = _answers(head, seen, scene, logarithms, answers)
        figures[name] = {**quality, **times}
        _tell(name, seen, quality, times)
    keep("private_head", {"threshold": threshold, "trustees": trustees, "answers": answers, **figures})


def _seen(name: str, dataset: Dataset, pictures: int | None) -> Seen:
    """Return what a network sees of a data set, one picture after another; kept for the next run."""
    spec, count = NETWORKS[name], min(pictures or len(dataset.images), len(dataset.images))
    chosen = np.sort(np.random.default_rng(0).permutation(len(dataset.images))[:count])
    file = BUILD / f"private_head-{name}-{count}.npz"
    if not file.is_file():
        predictor = Predictor(spec, first_model(Recipe(spec, DEFAULT_LOCAL, 1)).vector)
        rows, seconds = [], []
        for at in chosen:
            began = time.perf_counter()
            rows.append(predictor.features(dataset.images[at : at + 1])[0])
            seconds.append(time.perf_counter() - began)
        BUILD.mkdir(parents=True, exist_ok=True)
        np.savez(file, features=np.stack(rows), forward_ms=1000 * median(seconds))
    with np.load(file) as kept:
        features, forward_ms = kept["features"], float(kept["forward_ms"])
    return Seen(features, dataset.labels[chosen], dataset.split[chosen] == TEST, forward_ms)


def _fitted(seen: Seen, blocks: int) -> tuple[Int8Head, dict[str, float]]:
    """Fit a head to the training part; return it in whole numbers, and what that costs on the test part."""
    train = ~seen.test
    ceilings = ceilings_of(seen.features[train], blocks)
    scale = float(seen.features[train].std())
    weights, biases = _trained(seen.features[train] / scale, seen.labels[train])
    weights /= scale
    head, tested, truth = Int8Head.of(weights, biases, ceilings), seen.features[seen.test], seen.labels[seen.test]
    exact = tested.astype(np.float64) @ weights.T + biases
    whole = head.logits(head.sums(head.features(tested)))
    return head, {
        "test_pictures": float(len(truth)),
        "auroc": auroc(_spread(exact), truth == 1) or 0.0,
        "auroc_int8": auroc(_spread(whole), truth == 1) or 0.0,
        "accuracy": float((exact.argmax(axis=1) == truth).mean()),
        "accuracy_int8": float((whole.argmax(axis=1) == truth).mean()),
        "other_label": float((exact.argmax(axis=1) != whole.argmax(axis=1)).sum()),
        "largest_change_of_a_share": float(np.abs(_softmax(exact) - _softmax(whole)).max()),
    }


def _trained(inputs: Floats, labels: npt.NDArray[np.int64]) -> tuple[Reals, Reals]:
    """Return weights [2, d] and biases [2] of a softmax regression, fitted with Adam on all pictures at once."""
    rows = np.hstack([inputs.astype(np.float64), np.ones((len(inputs), 1))])
    truth, found = np.eye(2)[labels], np.zeros((2, rows.shape[1]))
    mean, square = np.zeros_like(found), np.zeros_like(found)
    for step in range(1, FIT_STEPS + 1):
        slope = (_softmax(rows @ found.T) - truth).T @ rows / len(rows) + FIT_DECAY * found
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        found -= FIT_LR * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return found[:, :-1], found[:, -1]


def _answers(plain: Int8Head, seen: Seen, scene: Scene, logarithms: Logarithms, answers: int) -> Figures:
    """Return the median milliseconds of each step of an answer, of one core; each must be that of the plain head."""
    committee, holders = scene.committee, list(zip(scene.committee.accounts, scene.shares, strict=True))
    facts = HeadFacts(bytes(32), Digest(bytes(32)), plain.weights.shape[1], plain.ceilings, plain.scales, plain.biases)
    began = time.process_time()
    data = encrypt(facts, plain.weights.tolist(), committee.key, os.urandom(32)).data
    encrypted, began = time.process_time() - began, time.process_time()
    head = EncryptedHead.from_bytes(data, committee.key)
    loaded = time.process_time() - began
    rows = np.random.default_rng(0).permutation(np.flatnonzero(seen.test))[:answers]
    times: dict[str, list[float]] = {}
    for count, row in enumerate(rows, 1):
        features = plain.features(seen.features[row : row + 1])
        began = time.process_time()
        right = plain.sums(features)[0].tolist()
        _add(times, "the plain head", began)
        began = start = time.process_time()
        question = HeadQuestion.draw(head, 1, count, features.tobytes())
        head.evaluate(question.features, question.rho)
        began = _add(times, "host: sums", began)
        parts = {}
        for account, share in holders[: committee.threshold]:
            asked = HeadQuestion.from_bytes(question.to_bytes(), head)
            parts[account] = answer_part(head, asked, share)
            began = _add(times, "one trustee: sums, part, proof", began)
        answer = combine(head, question, parts, committee, logarithms)
        _add(times, "requester: sums, proofs, logarithms", began)
        _add(times, "all, one after the other", start)
        if list(answer.sums) != right or answer.wrong:
            raise click.ClickException(f"an encrypted answer is {answer.sums}, the plain one {right}")
    once = {"once: encrypt the head": 1000 * encrypted, "once: load it": 1000 * loaded}
    kept = {"head_bytes": float(len(data)), "slowest": 1000 * max(times["all, one after the other"])}
    return {**{step: 1000 * median(each) for step, each in times.items()}, **once, **kept}


def _add(times: dict[str, list[float]], step: str, began: float) -> float:
    now = time.process_time()
    times.setdefault(step, []).append(now - began)
    return now


def _tell(name: str, seen: Seen, quality: Figures, times: Figures) -> None:
    size = f"{seen.features.shape[1]} x 2"
    show(f"{name} ({size}) in whole numbers, on C-NMC's test part", ("", ""), list(quality.items()))
    rows = [("the network's forward pass", seen.forward_ms), *times.items()]
    show(f"A private answer, {size}, ms of one core (all: at most {TARGET_MS:.0f})", ("step", "median (ms)"), rows)


def _spread(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return logits[:, 1] - logits[:, 0]


def _softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


if __name__ == "__main__":
    main()
