"""The small network of the published designs for tables: 64 and 32 units, ReLU, Adam, cross-entropy.

Invariant: as in network.py and train.py: initial weights depend on spec and seed only, and a local training on its
arguments and the number of threads only. torch's global random state is not used.

Adam is AdamW with `weight_decay` 0. `augment` must be 0: pictures only.

Source: D. Kingma, J. Ba, "Adam", 2015; K. He et al., "Delving Deep into Rectifiers", 2015 (initial weights).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as tnf
from torch import Tensor, nn

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import DatasetUnusable, EncodingError, NonFinite, SettingInvalid, WeightsMismatch
from fl.training.aggregation.newton import REACH
from fl.training.local.config import LocalConfig
from fl.training.local.sampling import draw_order
from fl.training.local.train import LocalResult, TrainContext, epoch_seed
from fl.training.model.tensors import load_vector, manifest_of, to_vector
from fl.training.model.weights import Manifest, Vector

Reals = npt.NDArray[np.float64]
MAX_INPUTS, MAX_UNITS, MAX_LAYERS, MAX_CLASSES = 2048, 1024, 4, 100
KIND = "table-mlp"
_WHAT = "table network"


@dataclass(frozen=True)
class TableSpec:
    """The shape of a network for tables.

    Attributes:
        inputs: Columns of the design matrix without the intercept.
        hidden: Units of each hidden layer.
        classes: Number of outputs (logits).
    """

    inputs: int
    hidden: tuple[int, ...] = (64, 32)
    classes: int = 2

    def __post_init__(self) -> None:
        """Raise WeightsMismatch if a field is out of its range."""
        sizes_fit = all(1 <= units <= MAX_UNITS for units in self.hidden) and len(self.hidden) <= MAX_LAYERS
        if not 1 <= self.inputs <= MAX_INPUTS or not 2 <= self.classes <= MAX_CLASSES or not sizes_fit:  # noqa: PLR2004
            raise WeightsMismatch("the shape of a network for tables is out of its range")

    def to_dict(self) -> dict[str, JsonValue]:
        return {"classes": self.classes, "hidden": list(self.hidden), "inputs": self.inputs, "kind": KIND}

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> TableSpec:
        """Parse what `to_dict` wrote, or raise EncodingError or WeightsMismatch."""
        fields = Fields(dict(raw), _WHAT)
        fields.only("classes", "hidden", "inputs", "kind")
        hidden = raw.get("hidden")
        if fields.text("kind") != KIND or not isinstance(hidden, list) or not all(type(each) is int for each in hidden):
            raise EncodingError(_WHAT, f"its kind is not {KIND}, or hidden is not a list of integers")
        return cls(fields.integer("inputs"), tuple(cast("list[int]", hidden)), fields.integer("classes"))


def build_network(spec: TableSpec, seed: int) -> nn.Sequential:
    """Return the network with initial weights drawn from `seed`."""
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    with torch.device("meta"):
        for inputs, outputs in pairwise((spec.inputs, *spec.hidden, spec.classes)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    for layer in network:
        if isinstance(layer, nn.Linear):
            weight = torch.randn(layer.weight.shape, generator=generator) * math.sqrt(2.0 / layer.in_features)
            layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(torch.zeros(layer.out_features))
    return network


def initial_vector(spec: TableSpec, seed: int) -> Vector:
    """Return the initial weights, float32 [d]."""
    return to_vector(build_network(spec, seed))


def manifest_of_spec(spec: TableSpec) -> Manifest:
    """Return names and shapes of the network's tensors."""
    return manifest_of(build_network(spec, 0))


class TableNetwork:
    """A network that is ready to judge rows of a design matrix."""

    def __init__(self, spec: TableSpec, vector: Vector) -> None:
        """Build it; weights that do not fit raise WeightsMismatch, NonFinite or WeightsTooLarge."""
        self.spec = spec
        self._network = build_network(spec, 0)
        load_vector(self._network, vector)

    def logits(self, rows: Reals) -> Reals:
        """Return float64 [n, classes] for rows [n, inputs + 1], whose first column is the intercept."""
        with torch.inference_mode():
            logits: Reals = self._network(_tensor(rows)).numpy().astype(np.float64)
        if bad := int(logits.size - np.count_nonzero(np.isfinite(logits))):
            raise NonFinite("model's answer", bad)
        return logits

    def log_odds(self, rows: Reals) -> Reals:
        """Return float64 [n], the log-odds of class 1 (of two)."""
        logits = self.logits(rows)
        return logits[:, 1] - logits[:, 0]

    def units(self, rows: Reals) -> Reals:
        """Return float64 [n, units + 1]: 1 and the units before the last layer, within ±16 as in a design matrix."""
        with torch.inference_mode():
            units = self._network[:-1](_tensor(rows)).numpy().astype(np.float64)
        return np.concatenate([np.ones((len(rows), 1)), np.clip(units, -REACH, REACH)], axis=1)

    @property
    def layers(self) -> list[tuple[Reals, Reals]]:
        """Return each linear layer's weights, float64 [outputs, inputs], and biases [outputs]."""
        linear = [each for each in self._network if isinstance(each, nn.Linear)]
        return [tuple(part.detach().numpy().astype(np.float64) for part in (each.weight, each.bias)) for each in linear]  # type: ignore[misc]

    @property
    def head(self) -> Reals:
        """Return float64 [units + 1], the coefficients of the log-odds over `units`, the intercept first."""
        last = cast("nn.Linear", self._network[-1])
        bias, weight = (each.detach().numpy().astype(np.float64) for each in (last.bias, last.weight))
        return np.concatenate([bias[1:2] - bias[0:1], weight[1] - weight[0]])

    def gradients(self, rows: Reals) -> Reals:
        """Return float64 [n, inputs + 1], the gradient of the log-odds at each row; 0 for the intercept."""
        tensor = _tensor(rows).requires_grad_()
        logits = self._network(tensor)
        torch.autograd.backward((logits[:, 1] - logits[:, 0]).sum(), inputs=[tensor])
        gradient = np.zeros(rows.shape)
        gradient[:, 1:] = cast("Tensor", tensor.grad).numpy()
        return gradient


def train_rows(
    spec: TableSpec,
    vector: Vector,
    rows: Reals,
    labels: npt.NDArray[np.int64],
    config: LocalConfig,
    context: TrainContext,
) -> LocalResult:
    """Train from the global weights on one hospital's rows [n, inputs + 1]; the first column (intercept) is not used.

    Raises:
        WeightsMismatch, NonFinite: the weights do not fit the spec, or are or become no numbers.
        DatasetUnusable: there are no rows, or they do not fit.
        SettingInvalid: `augment` is not 0.
    """
    if not len(rows) or rows.shape != (len(labels), spec.inputs + 1) or int(labels.max()) >= spec.classes:
        raise DatasetUnusable(context.hospital, f"rows {list(rows.shape)} do not fit the network")
    if config.augment:
        raise SettingInvalid("augment", "tables have no pictures; it must be 0")
    for name in ("mu", "held_back"):
        if getattr(config, name):
            raise SettingInvalid(name, "the network of a table has no such setting; it must be 0")
    if config.privacy.on:
        raise SettingInvalid("privacy", "the network of a table has no such setting; it must be 0")
    network = build_network(spec, 0)
    load_vector(network, vector)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.lr_of_round(context.round), weight_decay=config.weight_decay
    )
    inputs, truth = _tensor(rows), torch.from_numpy(labels)
    correct, loss_sum = 0, 0.0
    for epoch in range(config.epochs):
        generator = torch.Generator().manual_seed(epoch_seed(context, epoch, "table"))
        order = draw_order(truth, config.class_balance, generator)
        correct, loss_sum = 0, 0.0
        for part in torch.split(order, config.batch):
            loss, logits = _step(network, optimiser, inputs[part], truth[part], config)
            loss_sum += float(loss) * len(part)
            correct += int((logits.argmax(dim=1) == truth[part]).sum())
    return LocalResult(to_vector(network), len(rows), correct, loss_sum / len(rows))


def _step(
    network: nn.Module, optimiser: torch.optim.Optimizer, rows: Tensor, labels: Tensor, config: LocalConfig
) -> tuple[Tensor, Tensor]:
    optimiser.zero_grad()
    logits: Tensor = network(rows)
    loss = tnf.cross_entropy(logits, labels, label_smoothing=config.smoothing)
    torch.autograd.backward(loss)
    if config.clip_norm:
        nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
    optimiser.step()
    return loss.detach(), logits.detach()


def _tensor(rows: Reals) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rows[:, 1:], np.float32))
