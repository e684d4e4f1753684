"""The newest final model of a federation, judged, compared, written up and explained."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from fl.audit.reports import CARD_CAP, REPORT_CAP
from fl.protocol.errors import DatasetUnusable, FederationNotOpened, NoAnswer, SettingInvalid
from fl.protocol.names import Digest, show
from fl.protocol.task import TaskClass
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import Keyring
from fl.replay.privacy import PrivacyStatement
from fl.roles.auditor import Auditor
from fl.roles.coordinator.agent import Coordinator
from fl.roles.serving.current_model import VerifiedModelCache
from fl.training.data.dataset import TEST, TRAIN, Dataset, save_dataset
from fl.training.data.labels import LabelMap, propose
from fl.training.data.synthetic import SyntheticPlan, draw_cell, draw_dataset
from fl.training.evaluation.bootstrap import Bootstrap
from fl.training.evaluation.explain import explain
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.evaluation.quality import NAMES
from fl.training.model.device import use_threads
from fl.training.model.sources import LITE0_IMAGENET
from fl.training.model.tensors import to_vector
from fl.training.privacy.terms import Privacy
from scripts.commands.evaluate import compared, evaluated, write
from scripts.output.card import Evaluated, attested_card, shown, to_html, to_json
from scripts.output.plots import draw
from scripts.predictor.client import PredictorProcess
from scripts.wiring.evaluation import OpenedModel, opened, read_parts, training_parts
from scripts.wiring.explanation import explained
from scripts.wiring.options import LabelOptions
from scripts.wiring.training import evaluator
from tests.support.federation import CONFIG, initial, settle
from tests.support.world import RECIPE, World, audit, run_rounds

HOW = Bootstrap(draws=20)


def open_current(world: World) -> OpenedModel:
    party = world.party("alpha")
    ports = (world.consortium.operator, world.consortium.vault, party.account, Keyring(party.keys))
    return opened(VerifiedModelCache(*ports, world.clock, Predictor), world.consortium.vault)


def cells(seed: int, subjects: int = 8) -> Dataset:
    """Return drawn cells under the names of the task that a world trains."""
    drawn = draw_dataset(SyntheticPlan(subjects=subjects, cells=3, size_px=16), seed)
    return LabelMap(LEUKEMIA, propose(drawn.class_names, LEUKEMIA)).apply(replace(drawn, drawn=False))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    use_threads(1)


@pytest.fixture
def model(world: World) -> OpenedModel:
    run_rounds(world, 2)
    return open_current(world)


def test_before_a_final_round_there_is_nothing_to_judge(world: World) -> None:
    with pytest.raises(FederationNotOpened):
        open_current(world)


def test_the_newest_final_model_is_judged_per_hospital_and_person(model: OpenedModel) -> None:
    images = {"alpha": cells(1), "beta": cells(2)}
    done, answers = evaluated(model, images, {}, 0.5, HOW)
    assert (done.release.round, done.release.rounds) == (2, 2)
    assert done.release.model == show(model.current.federation.model_digest)
    assert {name: part.images for name, part in done.judgement.hospitals.items()} == {
        name: len(part) for name, part in images.items()
    }
    assert done.judgement.whole.people == sum(len(set(part.groups)) for part in images.values()), "names may repeat"
    alone = evaluate(model.predictor, images["alpha"], LEUKEMIA)
    assert done.judgement.hospitals["alpha"].figures["accuracy"].value == alone.accuracy
    assert len(answers) == sum(map(len, images.values()))


def test_the_same_evaluation_has_the_same_figures_but_for_the_times(model: OpenedModel) -> None:
    one, other = (json.loads(to_json(evaluated(model, {"a": cells(1)}, {}, 0.5, HOW)[0])) for _ in range(2))
    for document in (one, other):
        for part in (document["whole"], document["hospitals"]["a"]):
            del part["figures"]["median_s"], part["figures"]["p95_s"]
        del document["at"]
    assert one == other
    assert set(NAMES) - {"median_s", "p95_s"} == set(one["whole"]["figures"])


def test_local_and_centralised_models_stand_beside_it(model: OpenedModel) -> None:
    parts = {"alpha": cells(1), "beta": cells(2)}
    others = compared(model, ("local", "centralised"), parts)
    assert list(others) == ["local, alpha", "local, beta", "centralised"]
    done, _ = evaluated(model, {"holdout": cells(3)}, others, 0.5, HOW)
    assert set(done.compared) == set(others)
    weights = [np.concatenate([w.detach().ravel() for w in o.predictor.network.parameters()]) for o in others.values()]
    assert not np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[1], weights[2])
    card = to_html(done, {})
    assert all(f"<th>{name}</th>" in card for name in others)


class Reader(HTMLParser):
    """Collects what a browser would load, and the texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def whole(model: OpenedModel) -> tuple[Evaluated, dict[str, str]]:
    done, answers = evaluated(model, {"alpha": cells(1)}, {}, 0.3, HOW)
    return done, draw(answers, done.judgement, done.task)


def test_the_card_states_the_facts_of_ledger_recipe_and_evaluation(model: OpenedModel) -> None:
    done, plots = whole(model)
    page = Reader(to_html(done, plots))
    anchor, proposal = model.current.federation.anchor, model.current.round.proposal
    assert proposal is not None
    digests = (proposal.model_digest, proposal.envelope_digest, anchor.contract, anchor.authority, anchor.consortium)
    for fact in (
        *map(show, digests),
        *(
            "alpha, beta, gamma",
            "auditor",
            "2 final rounds",
            "plain/1",
            "hemanet",
            "above 0.3",
            "random numbers, seed 1",
        ),
        *(shown(figure) for figure in done.judgement.whole.figures.values()),
        *(one.name for one in LEUKEMIA.classes),
    ):
        assert fact in page.text, fact
    assert page.tags.count("svg") == 3
    lite = replace(done.recipe, spec=replace(done.recipe.spec, kind="lite0", width=40))
    assert LITE0_IMAGENET.sha256 in to_html(replace(done, recipe=lite), {})


def test_the_card_is_one_page_without_scripts_other_files_or_names_of_persons(model: OpenedModel) -> None:
    done, plots = whole(model)
    card = to_html(done, plots)
    page = Reader(card)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(place.startswith("#") for place in page.loads)
    assert "@import" not in card
    assert not any(f">{row.person}<" in card for row in done.judgement.people)
    for text in plots.values():
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314  # our own text
    ids = [line for text in plots.values() for line in text.split() if line.startswith('id="')]
    assert len(ids) == len(set(ids))


def test_names_from_outside_are_text_and_nothing_else(model: OpenedModel) -> None:
    nasty = "<script>alert(1)</script> & $x^2$"
    classes = tuple(TaskClass(one.code, f"{one.code} {nasty}", one.disease) for one in LEUKEMIA.classes)
    task = replace(LEUKEMIA, classes=classes, name=nasty, reported=nasty)
    done, answers = evaluated(model, {nasty: cells(1)}, {"<b>other": model}, 0.5, HOW)
    release = replace(done.release, hospitals=(nasty,), attested_by=(nasty,))
    done = replace(done, task=task, release=release)
    page = Reader(to_html(done, draw(answers, done.judgement, task)))
    assert not {"script", "b"} & set(page.tags)
    assert page.text.count(nasty) >= 8


def test_the_files_are_written_and_the_digest_is_the_cards(
    model: OpenedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    digest = write(*evaluated(model, {"alpha": cells(1)}, {}, 0.5, HOW), tmp_path / "out")
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"evaluation.json", "model-card.html", "roc.svg", "reliability.svg", "persons.svg"}
    assert hashlib.sha256((tmp_path / "out" / "model-card.html").read_bytes()).hexdigest() == digest
    assert digest in capsys.readouterr().out
    document = json.loads((tmp_path / "out" / "evaluation.json").read_bytes())
    assert {row["person"] for row in document["persons"]} == set(cells(1).groups.tolist())
    assert (tmp_path / "out" / "evaluation.json").stat().st_mode & 0o077 == 0


def test_a_figure_without_a_value_or_an_interval_says_so(model: OpenedModel) -> None:
    only = cells(1)
    done, answers = evaluated(model, {"alpha": only.take(only.labels == 0)}, {}, 0.5, HOW)
    assert shown(done.judgement.whole.figures["auroc"]) == "not defined"
    assert json.loads(to_json(done))["whole"]["figures"]["auroc"]["value"] is None
    assert math.isnan(done.judgement.whole.figures["recall"].value)
    assert "not defined" in to_html(done, draw(answers, done.judgement, done.task))


def test_sources_are_read_by_name_and_only_their_test_part_is_judged(tmp_path: Path) -> None:
    drawn = replace(draw_dataset(SyntheticPlan(subjects=8, cells=3, size_px=16), 1), drawn=False)
    save_dataset(drawn, tmp_path / "cells.npz")
    save_dataset(drawn.part(TRAIN), tmp_path / "mine.npz")
    plain = LabelOptions()
    sources = (f"alpha={tmp_path / 'cells.npz'}", str(tmp_path / "cells.npz"))
    found = read_parts(sources, plain, LEUKEMIA, everything=False)
    assert {name: len(part) for name, part in found.items()} == dict.fromkeys(("alpha", "cells"), len(drawn.part(TEST)))
    assert found["alpha"].class_names == LEUKEMIA.codes
    with pytest.raises(DatasetUnusable, match="--everything"):
        read_parts((str(tmp_path / "mine.npz"),), plain, LEUKEMIA, everything=False)
    mine = read_parts((str(tmp_path / "mine.npz"),), plain, LEUKEMIA, everything=True)
    assert len(mine["mine"]) == len(drawn.part(TRAIN))
    with pytest.raises(SettingInvalid, match="name of its own"):
        read_parts((sources[1], sources[1]), plain, LEUKEMIA, everything=False)
    save_dataset(drawn.part(TEST), tmp_path / "holdout.npz")
    assert list(training_parts(tmp_path, plain, LEUKEMIA)) == ["cells", "mine"]
    with pytest.raises(SettingInvalid, match="data divide"):
        training_parts(tmp_path / "nothing", plain, LEUKEMIA)


def attest(world: World, folder: Path) -> bytes:
    """Run a round whose auditor publishes a card; return the auditor's report."""
    part = cells(1)
    save_dataset(part, folder / "data.npz")
    names = {name: name for name in LEUKEMIA.codes}
    (folder / "labels.json").write_bytes(LabelMap(LEUKEMIA, names, "drawn cells").to_bytes())
    plan = replace(world.plan(1), config=replace(CONFIG, training=RECIPE.to_dict()))
    party, vault = world.consortium.auditor, world.consortium.vault
    auditor = Auditor(party.ports(vault), evaluator(folder / "data.npz", attested_card))
    settle(Coordinator(world.consortium.coordinator.ports(vault), plan, initial()), auditor, *world.hospitals())
    return vault.get(world.current.attestations[party.account], REPORT_CAP)


def test_an_auditor_puts_a_card_without_persons_into_the_vault_and_the_audit_compares_it(
    world: World, tmp_path: Path
) -> None:
    report = json.loads(attest(world, tmp_path))
    digest = Digest(bytes.fromhex(report["card"].removeprefix("0x")))
    card = world.consortium.vault.get(digest, CARD_CAP).decode()
    assert show(world.federation.model_digest) in card
    assert f"{report['metrics']['accuracy']:.3f} (" in card
    assert "Person (number of the table)" not in card
    assert "<h2>Persons</h2>" not in card
    assert "drawn cells" not in card, "one owner needs no column of its own"
    assert audit(world).findings == []
    path = world.consortium.vault.path(digest)
    path.write_bytes(path.read_bytes() + b" ")
    assert [(one.name, one.subject) for one in audit(world).findings] == [("HashMismatch", "report of auditor")]


def test_a_card_states_epsilon_of_a_private_round_and_that_others_have_none(model: OpenedModel) -> None:
    done, _ = evaluated(model, {"alpha": cells(1)}, {}, 0.5, HOW)
    assert "no epsilon bounds" in to_html(done, {})
    statement = PrivacyStatement(3, 2.001, 7.5, Privacy(1.5, 1.0, 0.25, 1e-5), 12, ())
    card = to_html(replace(done, release=replace(done.release, privacy=statement)), {})
    assert "epsilon 2.01 for one picture of a hospital at delta 1e-05, 7.50 together with the rounds before" in card
    assert "no epsilon bounds" not in card


def test_a_card_about_training_images_says_so(model: OpenedModel) -> None:
    done, _ = evaluated(model, {"alpha": cells(1)}, {}, 0.5, HOW)
    warning = "may have trained on these images"
    assert warning not in to_html(done, {})
    assert warning in to_html(replace(done, held_out=False), {})


def test_an_answer_is_that_of_the_sites_process_to_the_last_digit(model: OpenedModel) -> None:
    part, process = cells(1), PredictorProcess()
    try:
        site = process.open(model.predictor.spec, to_vector(model.predictor.network))
        rows = np.stack([site.probability(image) for image in part.images])
    finally:
        process.close()
    _, answers = evaluated(model, {"alpha": part}, {}, 0.5, HOW)
    assert (answers.scores == rows).all()


def test_a_picture_is_explained_with_the_answer_that_the_site_gives(model: OpenedModel) -> None:
    pixels = draw_cell(1, 5)
    found = explained(model, pixels)
    target = int(np.argmax(found.probabilities))
    assert found.map.target == target
    assert sum(found.probabilities) == pytest.approx(1)
    assert (found.map.heat == explain(model.predictor, found.map.picture, target).heat).all()
    other = explained(model, pixels, LEUKEMIA.codes[1 - target])
    assert other.explained == LEUKEMIA.classes[1 - target].name
    assert show(model.current.federation.model_digest) in found.lines()[-1]
    with pytest.raises(SettingInvalid):
        explained(model, pixels, "no such class")
    with pytest.raises(NoAnswer):
        explained(model, np.zeros((128, 128, 3), np.uint8))
