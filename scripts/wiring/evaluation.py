"""Opens the newest final model for an evaluation or an explanation, and reads the images to judge.

Invariant: the model is opened on the path of the site (fl/roles/serving/current_model.py): digest, sender and final
round are checked on the ledger first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fl.protocol.errors import DatasetUnusable, SettingInvalid
from fl.protocol.names import Role
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Phase
from fl.protocol.task import Task
from fl.replay.privacy import PrivacyStatement, privacy_of
from fl.replay.round_documents import read_config
from fl.roles.serving.current_model import CurrentModel, VerifiedModelCache
from fl.training.aggregation.work import SumSpec
from fl.training.data.dataset import TEST, Dataset, is_stored, load_dataset
from fl.training.data.load import load_source
from fl.training.evaluation.predict import Predictor
from fl.training.model.device import use_threads
from fl.training.recipe import Recipe
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.listing import reading_of
from scripts.wiring.options import LabelOptions
from scripts.wiring.roles import open_ledger, stored_keyring
from scripts.wiring.task import Meaning, map_labels
from scripts.wiring.training import read_labels

MOST_PARTS = 100
HOLDOUT = "holdout"
"""The name of the test part that `hemaledger data divide` writes."""


@dataclass(frozen=True)
class OpenedModel:
    """The newest final model, ready to judge images in this process."""

    current: CurrentModel
    recipe: Recipe
    predictor: Predictor
    rounds: int
    """How many final rounds trained the model; rounds of lanes did not."""
    privacy: PrivacyStatement | None = None

    @property
    def task(self) -> Task:
        return self.current.task


def open_model(home: Home, name: str) -> OpenedModel:
    """Open the newest final model with a member's key; answers use one thread, as on the site.

    Raises:
        FederationNotOpened: no round is final yet.
        UnavailableError, TamperedError: see current_model.py.
    """
    member = home.member(name)
    ledger = open_ledger(home, member)
    keyring = stored_keyring(member)
    use_threads(1)
    return opened(VerifiedModelCache(ledger, home.vault, ledger.account, keyring, now, Predictor), home.vault)


def opened(cache: VerifiedModelCache, vault: Vault) -> OpenedModel:
    """Return the current model of a cache whose models run in this process."""
    current = cache.current()
    if not isinstance(current.predictor, Predictor):
        raise TypeError("the model runs in another process")
    configs = [read_config(each, vault) for each in current.federation.rounds if each.phase == Phase.FINAL]
    rounds = sum(SumSpec.from_dict(config.training) is None for config in configs)
    recipe, privacy = Recipe.of(read_config(current.round, vault)), privacy_of(current.federation, current.round, vault)
    return OpenedModel(current, recipe, current.predictor, rounds, privacy)


def own_images(home: Home, name: str, task: Task) -> dict[str, Dataset]:
    """Return a member's own images; of a hospital's only the test part, because the model learned from the others.

    Raises:
        DatasetUnusable: it has none, or no test part.
        SettingInvalid: they are labelled for another task.
    """
    member = home.member(name)
    if not member.data_file.exists():
        raise SettingInvalid("data", f"{name} has no images; give --data")
    if read_labels(member.data_file).task != task:
        raise SettingInvalid("data", f"the images of {name} are labelled for another task than the model's")
    dataset = load_dataset(member.data_file)
    return {name: dataset if member.role == Role.AUDITOR else dataset.part(TEST)}


def read_parts(
    sources: tuple[str, ...], options: LabelOptions, task: Task, *, everything: bool, size_px: int = 128
) -> dict[str, Dataset]:
    """Return the images to judge by hospital, labelled for the task.

    Args:
        sources: `PATH` or `NAME=PATH` each; without a name, that of the file or folder.
        options: How to read them, and what their labels mean.
        task: The model's.
        everything: Whether to judge training images, too.
        size_px: Side of images from a folder. With the model's, a picture is resized once, as on the site.

    Raises:
        SettingInvalid: there are too many sources, or two have one name.
        DatasetUnusable: a source has no accepted form, or no test part.
        ImageUnreadable, LabelsUnknown: see scripts/wiring/task.py.
    """
    named = [_named(source) for source in sources]
    if len(named) > MOST_PARTS or len({name for name, _ in named}) < len(named):
        raise SettingInvalid("data", f"give at most {MOST_PARTS} sources, each with a name of its own: NAME=PATH")
    return {name: _judged(_labelled(path, options, task, size_px), everything=everything) for name, path in named}


def training_parts(folder: Path, options: LabelOptions, task: Task) -> dict[str, Dataset]:
    """Return the hospitals' images in a folder that `hemaledger data divide` wrote, by name.

    Raises:
        SettingInvalid: the folder has no parts, or too many.
    """
    files = sorted(path for path in folder.glob("*.npz") if path.stem != HOLDOUT)
    if not 0 < len(files) <= MOST_PARTS:
        why = f"{folder} has {len(files)} files for hospitals; `hemaledger data divide` writes one for each"
        raise SettingInvalid("parts", why)
    return {path.stem: _labelled(path, options, task) for path in files}


def _named(source: str) -> tuple[str, Path]:
    name, mark, rest = source.partition("=")
    if mark and not Path(source).exists():
        return name, Path(rest)
    return Path(source).resolve().stem, Path(source)


def _labelled(path: Path, options: LabelOptions, task: Task, size_px: int = 128) -> Dataset:
    stored = path.suffix == ".npz" and path.is_file() and is_stored(path)
    raw = load_dataset(path) if stored else load_source(path, size_px, reading=reading_of(options))
    return map_labels(raw, task, Meaning.of(options)).apply(raw)


def _judged(dataset: Dataset, *, everything: bool) -> Dataset:
    if everything:
        return dataset
    if not dataset.has(TEST):
        raise DatasetUnusable(dataset.source, "it has no test images; add --everything to judge its training images")
    return dataset.part(TEST)


def counted(parts: Mapping[str, Dataset]) -> str:
    """Return how many images of how many persons there are, as text."""
    people = {(name, str(group)) for name, part in parts.items() for group in part.groups}
    return f"{sum(map(len, parts.values()))} images of {len(people)} persons"
