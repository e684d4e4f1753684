"""What an observer of updates can learn about a hospital's pictures: two known attacks, with what they were given.

Invariant: an attack gets what the protocol shows to somebody: one hospital's update (sealed rounds: coordinator and
auditors), the mean of all (masked rounds: members), and the public recipe. It never sees pictures or draws of noise.

Source: L. T. Phong et al., 2018, and J. Geiping et al., "Inverting Gradients", NeurIPS 2020, proposition 3.1 (the
input of a linear layer from its gradient); S. Yeom et al., "Privacy Risk in Machine Learning", CSF 2018 (membership
by the loss).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as tnf
from torch import Tensor, nn

from fl.training.data.dataset import Dataset
from fl.training.local.config import LocalConfig
from fl.training.local.private import PrivateSteps
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.inputs import normalise, to_tensor
from fl.training.model.lite0 import Lite0
from fl.training.model.network import build_model
from fl.training.model.spec import HEMANET, ModelSpec
from fl.training.model.tensors import load_vector
from fl.training.model.weights import Vector
from fl.training.pictures.preparation import prepare_all

Seen = Tensor
"""What a network sees of pictures, float32 [n, ...]."""
HIDDEN = 64
"""Units of the network that inversion attacks."""


@dataclass(frozen=True)
class Scene:
    """What is public: the network, how hospitals train it, and the weights they start from."""

    spec: ModelSpec
    config: LocalConfig
    start: Vector
    seed: int = 1

    def update(self, pictures: Dataset, name: str = "victim") -> LocalResult:
        """Return what a hospital with these training pictures learns in round 1."""
        return train_local(self.spec, self.start, pictures, self.config, TrainContext(self.seed, 1, name, "cpu"))

    def mean(self, hospitals: Sequence[Dataset]) -> Vector:
        """Return what a masked round shows: the mean of the hospitals' weights, by their pictures."""
        return mean_of([self.update(each, f"hospital-{index}") for index, each in enumerate(hospitals)])


def mean_of(learned: Sequence[LocalResult]) -> Vector:
    """Return the mean of what hospitals learned, by their pictures, float32 [d]."""
    total = sum(one.samples for one in learned)
    return np.asarray(sum(one.vector.astype(np.float64) * one.samples / total for one in learned), np.float32)


# --- Inversion -------------------------------------------------------------------------------------------------------


def flat_network(size_px: int, seed: int) -> nn.Sequential:
    """Return a network whose first layer is linear: a consortium may bring one, and no network leaks more."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * size_px**2, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2))
    with torch.no_grad():
        for tensor in model.parameters():
            fan_in = tensor.shape[-1] if tensor.dim() > 1 else HIDDEN
            tensor.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=generator)
    return model


def gradient_of(model: nn.Module, pictures: Dataset) -> list[Tensor]:
    """Return the gradient of the mean loss, one tensor per layer: what a step of plain SGD would send."""
    loss = tnf.cross_entropy(model(_seen(pictures)), torch.from_numpy(pictures.labels))
    return list(torch.autograd.grad(loss, list(model.parameters())))


def change_of(model: nn.Module, pictures: Dataset, config: LocalConfig) -> list[Tensor]:
    """Return how the weights change in one epoch of one batch, with noise if the configuration has some."""
    before = [each.detach().clone() for each in model.parameters()]
    optimiser = torch.optim.AdamW(model.parameters(), config.lr, weight_decay=0.0)
    labels, inputs = torch.from_numpy(pictures.labels), _seen(pictures)
    if config.privacy.on:
        PrivateSteps(model, optimiser, config, labels, lambda rows: inputs[rows]).run_epoch(lambda: None)
    else:
        torch.autograd.backward(tnf.cross_entropy(model(inputs), labels))
        optimiser.step()
    return [old - new.detach() for old, new in zip(before, model.parameters(), strict=True)]


def observed(hospitals: Sequence[Dataset], how: tuple[LocalConfig, LocalConfig], seed: int) -> dict[str, Tensor]:
    """Return what inversion finds of the first hospital's picture, by what is seen; `how`: without and with noise."""
    plain, private = how
    victim, side = hospitals[0], hospitals[0].size_px
    every = [change_of(flat_network(side, seed), each, plain) for each in hospitals]
    total = [torch.stack(tensors).mean(dim=0) for tensors in zip(*every, strict=True)]
    return {
        "gradient": invert(gradient_of(flat_network(side, seed), victim)),
        "update": invert(every[0]),
        "masked sum": invert(total),
        "private update": invert(change_of(flat_network(side, seed), victim, private)),
        "nothing: another hospital's picture": to_tensor(hospitals[1].images)[0].reshape(-1).to(torch.float32),
    }


def invert(change: Sequence[Tensor]) -> Tensor:
    """Return the input of the first layer as its change tells it, [3 S S].

    The gradient of a unit's weights is the input times the gradient of its bias, if there was one picture.
    """
    weight, bias = change[0], change[1]
    told = bias.abs() > 0.1 * bias.abs().max()
    return (weight[told] / bias[told, None]).median(dim=0).values


@dataclass(frozen=True)
class Likeness:
    """How near a found picture is to the most similar one of the victim, after the best brightness and contrast."""

    correlation: float
    """Of all values, 0 to 1."""
    psnr: float
    """In decibel, at most 100."""


def likeness(found: Tensor, pictures: Dataset) -> Likeness:
    """Compare an input [3 S S] with the victim's pictures."""
    true = to_tensor(pictures.images).to(torch.float64).reshape(len(pictures), -1) / 255.0
    each = [abs(float(torch.corrcoef(torch.stack([found.double(), one]))[0, 1])) for one in true]
    best = int(np.argmax(each))
    error = float(true[best].var()) * (1.0 - each[best] ** 2)
    return Likeness(each[best], min(100.0, -10.0 * float(np.log10(max(error, 1e-10)))))


def _seen(pictures: Dataset) -> Tensor:
    return normalise(to_tensor(pictures.images).to(torch.float32), HEMANET)


# --- Membership ------------------------------------------------------------------------------------------------------


def advantage(scene: Scene, seen: Vector, members: Dataset, others: Dataset) -> float:
    """Return true minus false positives when the half with the smaller loss is called members; 0 is a guess, 1 sure.

    Members and others must be equally many.
    """
    losses = np.concatenate([_losses(scene, seen, each) for each in (members, others)])
    called = losses <= np.sort(losses)[len(losses) // 2 - 1]
    return float(called[: len(members)].mean() - called[len(members) :].mean())


def both_ways(scene: Scene, groups: Sequence[Dataset], learn: Callable[[Sequence[Dataset]], Vector]) -> float:
    """Return the mean advantage over the first group as members and the last as others, and the reverse.

    So pictures that any model finds easy do not count as members. `learn` gets the members and the groups between.
    """
    first, *between, last = groups
    pairs = ((first, last), (last, first))
    found = [advantage(scene, learn([members, *between]), members, others) for members, others in pairs]
    return float(np.mean(found))


def _losses(scene: Scene, seen: Vector, pictures: Dataset) -> npt.NDArray[np.float32]:
    model = build_model(scene.spec, 0)
    load_vector(model, seen)
    with torch.no_grad():
        images = to_tensor(prepare_all(scene.spec.preparation, pictures.images)).to(torch.float32)
        logits = torch.cat([model(normalise(some, scene.spec.kind)) for some in torch.split(images, 32)])
        losses = tnf.cross_entropy(logits, torch.from_numpy(pictures.labels), reduction="none")
    return np.asarray(losses.numpy(), np.float32)


def most_advantage(epsilon: float, delta: float) -> float:
    """Return the bound that epsilon and delta put on every membership attack (Kairouz et al., 2015)."""
    return float((np.exp(epsilon) - 1.0 + 2.0 * delta) / (np.exp(epsilon) + 1.0))


# --- Networks of which a part is fixed ------------------------------------------------------------------------------


def frozen(spec: ModelSpec, images: npt.NDArray[np.uint8], view: int) -> Tensor:
    """Return what the fixed part of a lite0 makes of pictures uint8 [n, S, S, 3], seen in one of eight views."""
    model = build_model(spec, 0)
    fixed = model.divided()[0] if isinstance(model, Lite0) else model
    pictures = to_tensor(prepare_all(spec.preparation, images))
    with torch.no_grad():
        turned = (torch.rot90(some.to(torch.float32), view % 4, (2, 3)) for some in torch.split(pictures, 32))
        views = (each.flip(3) if view >= 4 else each for each in turned)  # noqa: PLR2004  # four turns, then mirrored
        return torch.cat([fixed(normalise(each, spec.kind)) for each in views])


class Trained:
    """The trained part of a lite0, over what its fixed part made of pictures."""

    def __init__(self, spec: ModelSpec, seed: int) -> None:
        model = build_model(spec, seed)
        if not isinstance(model, Lite0):
            raise TypeError(spec.kind)
        self._model = model.divided()[1]
        self._weights = self._vector()

    def load(self, weights: npt.NDArray[np.float32]) -> None:
        """Take over weights float32 [d]."""
        self._weights = torch.from_numpy(weights)
        nn.utils.vector_to_parameters(self._weights, self._model.parameters())

    def learn(
        self, inputs: Tensor, labels: npt.NDArray[np.int64], config: LocalConfig, number: int
    ) -> npt.NDArray[np.float32]:
        """Return the weights after a private round of one hospital, float32 [d]; the own ones stay."""
        nn.utils.vector_to_parameters(self._weights, self._model.parameters())
        optimiser = torch.optim.AdamW(
            self._model.parameters(), config.lr_of_round(number), weight_decay=config.weight_decay
        )
        steps = PrivateSteps(self._model, optimiser, config, torch.from_numpy(labels), lambda rows: inputs[rows])
        for _ in range(config.epochs):
            steps.run_epoch(lambda: None)
        steps.release()
        return self._vector().numpy()

    def probabilities(self, inputs: Tensor) -> npt.NDArray[np.float32]:
        """Return float32 [n, classes] of the own weights."""
        nn.utils.vector_to_parameters(self._weights, self._model.parameters())
        with torch.no_grad():
            return np.asarray(self._model(inputs).softmax(dim=1).numpy(), np.float32)

    def _vector(self) -> Tensor:
        return nn.utils.parameters_to_vector(self._model.parameters()).detach().clone()
