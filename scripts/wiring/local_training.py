"""A training on a hospital's own images outside any round: from the current model to a file of weights.

Invariant: it reads the ledger and the vault and writes nothing there. Its result starts from the model whose digest is
in the file, so no round with another model can use it.

Source: fl/training/local/train.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fl.files import write_atomic
from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Digest
from fl.replay.round_documents import digest_of
from fl.replay.trained_rounds import newest_configuration
from fl.roles.serving.current_model import Predictor, VerifiedModelCache, WholeModel
from fl.training.data.dataset import load_dataset
from fl.training.local.checkpoint import Progress
from fl.training.local.train import TrainContext, train_local
from fl.training.model.handed_in import BASE, own_rows
from fl.training.model.spec import ModelSpec
from fl.training.model.tensor_file import write_tensors
from fl.training.model.weights import Manifest, Vector
from fl.training.recipe import Recipe
from scripts.wiring.clock import now
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.roles import open_ledger, stored_keyring


@dataclass(frozen=True)
class Trained:
    """The result of a local training."""

    base: Digest
    samples: int
    correct: int
    loss: float


def current_model(home: Home, member: MemberHome) -> tuple[WholeModel, Recipe]:
    """Return the model that the next round starts from, and how the newest round trains.

    Raises:
        FederationNotOpened: there is no model yet.
        SettingInvalid: no round has said how to train, or rounds train privately.
        UnavailableError, TamperedError: ledger or vault.
    """
    ledger = open_ledger(home, member)
    keyring = stored_keyring(member)
    reader = VerifiedModelCache(ledger, home.vault, ledger.account, keyring, now, _no_predictor)
    whole = reader.whole()
    config = newest_configuration(whole.federation, home.vault)
    if config is None:
        raise SettingInvalid("model", "no round has said how to train yet; wait for the first one")
    recipe = Recipe.of(config)
    if recipe.local.privacy.on:
        raise SettingInvalid("model", "this federation trains privately; only the agent may train, inside a round")
    return whole, recipe


def train_here(
    home: Home, member: MemberHome, file: Path, passes: int, device: str, tell: Callable[[Digest, Progress], None]
) -> Trained:
    """Train on the hospital's own images, and write the weights.

    Args:
        home: The run.
        member: The hospital.
        file: Where the weights go, as safetensors.
        passes: Over the images.
        device: See `device.pick_device`.
        tell: Called after every pass, with the digest of the base model.
    """
    whole, recipe = current_model(home, member)
    base = digest_of(whole.source)
    context = TrainContext(
        recipe.seed,
        whole.federation.last_round + 1,
        member.name,
        device,
        progress=lambda progress: tell(base, progress),
    )
    weights, local = whole.manifest.weights_of(whole.vector), replace(recipe.local, epochs=passes)
    result = train_local(recipe.spec, weights, load_dataset(member.data_file), local, context)
    rows = own_rows(whole.manifest)
    own = Manifest(tuple(name for name, _ in rows), tuple(shape for _, shape in rows))
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(file, write_tensors(own, result.vector[: own.length], {BASE: base.hex()}), mode=0o600)
    return Trained(base, result.samples, result.correct, result.loss)


def _no_predictor(_spec: ModelSpec, _weights: Vector) -> Predictor:
    raise SettingInvalid("model", "this program answers no questions about pictures")
