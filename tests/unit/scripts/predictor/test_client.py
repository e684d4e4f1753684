"""The model's own process: the same answers, and an error in time whatever it does."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.errors import NetworkNotAllowed, NonFinite, PredictorSilent, PretrainedMissing, WeightsMismatch
from fl.training.calibration.numbers import ALL, Calibration
from fl.training.calibration.sketch import SKETCH
from fl.training.evaluation.predict import Predictor
from fl.training.model.consent import Consent
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import OWN, ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector
from fl.training.presets import DEFAULT_SPEC
from scripts.predictor.client import CHILD, PredictorProcess
from scripts.predictor.process import Patience
from tests.support.consent import consenting, installed, source_of, write_package

TINY = ModelSpec(size_px=32, classes=3, width=8)
WAIT_S = 30


def weights(seed: int, spec: ModelSpec = TINY) -> Vector:
    return to_vector(build_model(spec, seed))


def pictures(count: int, side: int = 32) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, 3), np.uint8)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As in the process: sums of two threads are rounded in another order."""
    use_threads(1)


@pytest.fixture
def process() -> Iterator[PredictorProcess]:
    found = PredictorProcess()
    yield found
    found.close()


def scripted(code: str, answer_s: float = 5.0) -> PredictorProcess:
    """Return a process that runs `code` instead; there `site` is the connection, and `ask()` reads a question."""
    start = """
    import json, os, socket, struct, sys
    from scripts.predictor.messages import Message, receive, send
    from scripts.predictor.client import fingerprint
    from fl.training.model.spec import ModelSpec
    site = socket.socket(fileno=0)
    def ask():
        return receive(site, 2**32)
    def name(question):
        return fingerprint(ModelSpec.from_dict(question.head["spec"]), question.body)
    """
    whole = textwrap.dedent(start) + textwrap.dedent(code)
    return PredictorProcess(Patience(WAIT_S, answer_s), (sys.executable, "-c", whole))


GOOD_OPEN = "first = name(ask())\nsend(site, Message({'model': first}))\nask()\n"


def test_the_answers_are_those_of_a_model_in_this_process_to_the_bit(process: PredictorProcess) -> None:
    for spec, side in ((DEFAULT_SPEC, 128), (TINY, 45)):
        vector = weights(1, spec)
        model, here = process.open(spec, vector), Predictor(spec, vector)
        for picture in pictures(3, side):
            assert model.probability(picture).tobytes() == here.probability(picture).tobytes()


def test_what_the_network_saw_comes_with_the_same_answer(process: PredictorProcess) -> None:
    model, here = process.open(TINY, weights(1)), Predictor(TINY, weights(1))
    for picture in pictures(2):
        answer, seen = model.see(picture)
        assert answer.to_bytes() == here.answer(picture).to_bytes()
        assert seen is not None
        mine = here.see(picture)[1]
        assert mine is not None
        assert (seen.heat == mine.heat).all()
        assert (seen.picture == picture).all()


def test_a_map_of_another_size_is_refused() -> None:
    bad = scripted(
        GOOD_OPEN
        + "send(site, Message({'model': first}, bytes([0, 0, 0, 12]) + struct.pack('<3f', 1, 0, 0) + bytes(5)))\nask()"
    )
    with pytest.raises(PredictorSilent, match="another form") as caught:
        bad.open(TINY, weights(1)).see(pictures(1)[0])
    assert "5 bytes of pictures" in str(caught.value.__cause__)
    bad.close()


def test_the_answer_of_a_calibrated_model_is_that_of_this_process_to_the_bit(process: PredictorProcess) -> None:
    known = Calibration(
        ALL, 0.5, 0.0, 1.0, 2.0, np.full(3, -1.0), np.ones(3), np.ones((3, SKETCH)), 0.3 * np.eye(SKETCH)
    )
    vector = np.concatenate([weights(1), known.to_vector()])
    model, here = process.open(TINY, vector), Predictor(TINY, vector)
    for picture in pictures(3):
        there, expected = model.answer(picture), here.answer(picture)
        assert there.to_bytes() == expected.to_bytes()
        assert there.kept is not None
        assert (there.distance, there.foreign) == (expected.distance, expected.foreign)


def test_every_model_answers_for_itself_whichever_came_last(process: PredictorProcess) -> None:
    picture = pictures(1)[0]
    first, second = process.open(TINY, weights(1)), process.open(TINY, weights(2))
    expected = [Predictor(TINY, weights(seed)).probability(picture) for seed in (1, 2)]
    with ThreadPoolExecutor(4) as threads:
        rows = list(threads.map(lambda turn: (first, second)[turn % 2].probability(picture), range(12)))
    for turn, row in enumerate(rows):
        assert (row == expected[turn % 2]).all()


def test_a_killed_process_is_started_again_for_the_next_picture(process: PredictorProcess) -> None:
    model, picture = process.open(TINY, weights(1)), pictures(1)[0]
    before, pid = model.probability(picture), process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert (model.probability(picture) == before).all()
    assert process.pid not in (None, pid)


def test_a_process_that_hangs_is_an_error_in_time_and_is_ended() -> None:
    process = scripted(GOOD_OPEN + "ask()", answer_s=0.5)
    model = process.open(TINY, weights(1))
    pid = process.pid
    assert pid is not None
    with pytest.raises(PredictorSilent, match="too long"):
        model.probability(pictures(1)[0])
    assert process.pid is None
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("os._exit(1)", "it ended"),
        ("site.sendall(struct.pack('>IQ', 20, 0) + b'{'); os._exit(1)", "it ended"),
        ("site.sendall(struct.pack('>IQ', 2**31, 0))", "bytes"),
        ("site.sendall(struct.pack('>IQ', 2, 2**40) + b'{}')", "bytes"),
        ("site.sendall(struct.pack('>IQ', 2, 0) + b'[]')", "not a JSON object"),
        ("site.sendall(struct.pack('>IQ', 3, 0) + b'\\xff}{')", "message"),
        ("site.sendall(b'\\x00\\x00\\x00\\x08' * 16000)", "bytes"),
        ("send(site, Message({}))", "another model"),
        ("send(site, Message({'model': first}))", "0 bytes"),
        ("send(site, Message({'model': first}, b'1234'))", "4 bytes"),
        ("send(site, Message({'model': '0' * 64}, struct.pack('<3f', 1, 0, 0)))", "another model"),
        ("send(site, Message({'model': first}, struct.pack('<3f', 2, -1, 0)))", "not probabilities"),
        ("send(site, Message({'model': first}, struct.pack('<3f', 1, 1, 1)))", "not probabilities"),
        ("send(site, Message({'error': 'SettingInvalid', 'facts': {'setting': 'x', 'why': 'y'}}))", "another model"),
        ("send(site, Message({'error': 'NonFinite', 'facts': {'what': 1, 'count': 'many'}}))", "refusal"),
        ("send(site, Message({'error': 'NonFinite', 'facts': {}}))", "refusal"),
    ],
)
def test_what_is_no_answer_is_an_error_and_ends_the_process(code: str, why: str) -> None:
    process = scripted(GOOD_OPEN + code + "\nask()")
    model = process.open(TINY, weights(1))
    with pytest.raises(PredictorSilent) as caught:
        model.probability(pictures(1)[0])
    assert why in f"{caught.value} {caught.value.__cause__}"
    assert process.pid is None
    process.close()


def test_an_answer_of_no_numbers_keeps_its_meaning() -> None:
    process = scripted(
        GOOD_OPEN + "send(site, Message({'model': first}, struct.pack('<3f', 1, float('nan'), 0)))\nask()"
    )
    with pytest.raises(NonFinite) as caught:
        process.open(TINY, weights(1)).probability(pictures(1)[0])
    assert caught.value.count == 1
    process.close()


def test_weights_that_do_not_fit_are_refused_and_the_model_before_still_answers(process: PredictorProcess) -> None:
    model, picture = process.open(TINY, weights(1)), pictures(1)[0]
    before = model.probability(picture)
    with pytest.raises(WeightsMismatch, match="float32"):
        process.open(DEFAULT_SPEC, weights(1))
    assert (model.probability(picture) == before).all()


def test_words_of_a_refusal_are_short_and_do_nothing_in_a_terminal() -> None:
    facts = "{'why': chr(27) + '[2J' + 'x' * 3000}"
    process = scripted(f"ask(); send(site, Message({{'error': 'WeightsMismatch', 'facts': {facts}}}))\nask()")
    with pytest.raises(WeightsMismatch) as caught:
        process.open(TINY, weights(1))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300
    process.close()


def test_what_the_process_lacks_is_said_with_what_to_do() -> None:
    facts = "{'package': 'weights-of-somebody', 'version': '1.0'}"
    process = scripted(f"ask(); send(site, Message({{'error': 'PretrainedMissing', 'facts': {facts}}}))\nask()")
    with pytest.raises(PretrainedMissing, match=r"pip install weights-of-somebody==1\.0"):
        process.open(TINY, weights(1))
    process.close()


def test_the_process_ends_with_the_site_even_if_that_was_killed() -> None:
    code = """
    import os, signal, sys
    from scripts.predictor.client import PredictorProcess
    from fl.training.model.spec import ModelSpec
    process = PredictorProcess()
    process.start()
    print(process.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    try:
        handle = os.pidfd_open(int(done.stdout))
    except ProcessLookupError:
        return
    assert select.select([handle], [], [], WAIT_S)[0], "it outlives the site"
    os.close(handle)


def test_the_process_gets_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEMALEDGER_PASSWORD", "very secret")
    process = scripted(
        "ask(); send(site, Message({'error': 'WeightsMismatch', 'facts': {'why': str(dict(os.environ))}}))"
    )
    with pytest.raises(WeightsMismatch) as caught:
        process.open(TINY, weights(1))
    assert "very secret" not in str(caught.value)
    process.close()


def test_a_consortiums_own_network_runs_with_the_sites_consent_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts two processes, because a process has its consent from its start."""
    write_package(
        tmp_path / "child_net",
        model="""
        from torch import nn
        def build(classes, size_px):
            return nn.Sequential(nn.Flatten(), nn.Linear(3 * size_px ** 2, classes))
        """,
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with installed(tmp_path):
        source = source_of("child_net.model:build")
        spec, consent = ModelSpec(kind=OWN, size_px=32, classes=3, source=str(source)), Consent((source,))
        with consenting(consent):
            vector = weights(1, spec)
            here = Predictor(spec, vector)
    for arguments in ((), consent.arguments()):
        process = PredictorProcess(command=(*CHILD, *arguments))
        if arguments:
            picture = pictures(1)[0]
            assert process.open(spec, vector).probability(picture).tobytes() == here.probability(picture).tobytes()
        else:
            with pytest.raises(NetworkNotAllowed, match=f"--allow-network {source}"):
                process.open(spec, vector)
        process.close()
