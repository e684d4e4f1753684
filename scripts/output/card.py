"""The model card: what a model is for, what made it, how good it is, and where that can be checked. One HTML file.

Invariant: every number comes from the ledger, the round's configuration or the evaluation; nothing is typed in. No name
of a person is in it, and no script. Names from outside are escaped by the template.

Source: M. Mitchell et al., "Model Cards for Model Reporting", 2019.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup

from fl.protocol.federation import Federation
from fl.protocol.names import show
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task import Task
from fl.replay.privacy import PrivacyStatement
from fl.training.evaluation.bootstrap import Bootstrap
from fl.training.evaluation.metrics import PAIR
from fl.training.evaluation.quality import NAMES, Figure, Judgement, Quality, judge
from fl.training.recipe import Recipe
from scripts.output.plots import draw
from scripts.wiring.clock import now
from scripts.wiring.training import Judged

FEW_PERSONS = 10
"""With fewer persons in a class, percentile intervals are too narrow."""
PERSONS = "persons"
ATTESTED = Bootstrap(draws=200)
"""An auditor writes a card in every round."""
THIS_MODEL = "this model"


@dataclass(frozen=True)
class Release:
    """What the ledger says about a model."""

    round: int
    rounds: int
    model: str
    """SHA-256 of its weights and manifest, in hexadecimal; so are the others."""
    file: str
    consortium: str
    chain_id: int
    authority: str
    ledger: str
    hospitals: tuple[str, ...]
    attested_by: tuple[str, ...]
    protection: str
    weights: int
    """Number of trained weights."""
    privacy: PrivacyStatement | None = None
    """None: the round trained without noise."""

    def to_dict(self) -> dict[str, object]:
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        return {**plain, "privacy": self.privacy.to_dict() if self.privacy else None}


@dataclass(frozen=True)
class Evaluated:
    """A finished evaluation."""

    task: Task
    recipe: Recipe
    release: Release
    judgement: Judgement
    compared: Mapping[str, Quality]
    """Other models of the same recipe on the same images, by name."""
    at: int
    """Seconds since 1970."""
    held_out: bool = True
    """Whether only test images were judged."""

    @property
    def when(self) -> str:
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M UTC")

    @property
    def few(self) -> list[str]:
        """Return the classes of so few persons that their intervals are too narrow."""
        counts = zip(self.task.classes, self.judgement.whole.persons, strict=True)
        return [f"{one.name}: {count}" for one, count in counts if count < FEW_PERSONS]

    @property
    def weights_from(self) -> str:
        spec, drawn = self.recipe.spec, f"random numbers, seed {self.recipe.seed}"
        return spec.weights or (
            f"the consortium's own {spec.source}, seed {self.recipe.seed}" if spec.source else drawn
        )


def shown(figure: Figure) -> str:
    """Return a figure with its interval, such as `0.912 (0.871 to 0.946)`, or `0.912 (-)` without one."""
    if math.isnan(figure.value):
        return "not defined"
    if math.isnan(figure.low):
        return f"{figure.value:.3f} (-)"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def meaning_of(task: Task) -> str:
    """Return what the figures of a task are about, where it is more than one class against another; else nothing."""
    if task.several:
        return (
            "Accuracy counts pictures with every finding right. Precision, sensitivity, specificity, F1, balanced "
            "accuracy, AUROC and AUPRC are means over the findings; ECE and Brier score are about all probabilities."
        )
    if not task.reports:
        return (
            "Precision, sensitivity, specificity, F1, AUROC and AUPRC are means over the classes, each against the "
            "rest. ECE and reliability are about the probability of the likeliest class."
        )
    if len(task.classes) > PAIR:
        return (
            f"Accuracy and balanced accuracy are about the single classes. The other figures compare {task.reported} "
            "with the rest."
        )
    return ""


def number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"


def columns(done: Evaluated) -> dict[str, Quality]:
    """Return what a table shows side by side: the model on all images, the compared models, each hospital's images."""
    hospitals = done.judgement.hospitals if len(done.judgement.hospitals) > 1 else {}
    return {
        THIS_MODEL: done.judgement.whole,
        **done.compared,
        **{f"{THIS_MODEL}, images of {name}": part for name, part in hospitals.items()},
    }


def to_html(done: Evaluated, plots: Mapping[str, str], *, persons: bool = True) -> str:
    """Return the card as one page without other files.

    Args:
        done: The evaluation.
        plots: SVG elements of plots.py, by name.
        persons: Whether single persons have a row, under numbers instead of names. What everybody reads has none.
    """
    folder = Path(__file__).parent / "templates"
    environment = Environment(loader=FileSystemLoader(folder), autoescape=select_autoescape(), trim_blocks=True)
    return environment.get_template("model-card.html").render(
        done=done,
        task=done.task,
        spec=done.recipe.spec,
        local=done.recipe.local,
        release=done.release,
        whole=done.judgement.whole,
        columns=columns(done),
        names=NAMES,
        shown=shown,
        number=number,
        meaning=meaning_of(done.task),
        persons=persons,
        few_persons=FEW_PERSONS,
        plots={name: Markup(text) for name, text in plots.items() if persons or name != PERSONS},  # noqa: S704  # plots.py wrote it, escaped
    )


def to_json(done: Evaluated) -> str:
    """Return the evaluation as JSON. It holds the names of persons and stays with the member."""
    document = {
        **done.judgement.to_dict(),
        "at": done.at,
        "compared": {name: part.to_dict() for name, part in done.compared.items()},
        "preparation": done.recipe.spec.preparation,
        "recipe": done.recipe.to_dict(),
        "release": done.release.to_dict(),
        "task": done.task.to_dict(),
    }
    return json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n"


def release_of(
    federation: Federation, current: Round, weights: int, privacy: PrivacyStatement | None = None
) -> Release:
    """Return what the ledger says about the model that a round proposes or made final."""
    names, proposal, anchor = federation.book.name_of, current.proposal, federation.anchor
    if proposal is None:
        raise RuntimeError("the round has no proposal")
    before = sum(each.phase == Phase.FINAL and each.number < current.number for each in federation.rounds)
    return Release(
        round=current.number,
        rounds=before + 1,
        model=show(proposal.model_digest),
        file=show(proposal.envelope_digest),
        consortium=show(anchor.consortium),
        chain_id=anchor.chain_id,
        authority=show(anchor.authority),
        ledger=show(anchor.contract),
        hospitals=tuple(sorted(names(hospital) for hospital in current.hospitals)),
        attested_by=tuple(sorted(names(member) for member in current.attestations)),
        protection=current.terms.protection.name.lower(),
        weights=weights,
        privacy=privacy,
    )


def attested_card(
    judged: Judged, federation: Federation, current: Round, privacy: PrivacyStatement | None = None
) -> bytes:
    """Return the card that an auditor puts into the vault: nothing in it is about single persons."""
    judgement = judge(judged.answers, judged.threshold, ATTESTED)
    release = release_of(federation, current, judged.weights, privacy)
    done = Evaluated(judged.task, judged.recipe, release, judgement, {}, now())
    return to_html(done, draw(judged.answers, judgement, judged.task), persons=False).encode()
