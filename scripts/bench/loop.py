"""One epoch of a hospital's training against a bare PyTorch loop over the same pictures with the same changes.

Both train the same network with the same batches, random changes and optimiser. The bare loop is what one would write
without a federation: prepared pictures in one tensor, convolutions with a bias in place of fixed scales, no seeds per
epoch, no checkpoint, no counts. They take turns, and each epoch is compared with its neighbour, so that whatever else
the machine does hits both alike. The product's time contains the preparation of its pictures.

On a busy machine the time of the processor is the better measure: it does not count the waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import torch
import torch.nn.functional as tnf
from torch import Tensor, nn

from fl.training.data.dataset import TRAIN, Dataset
from fl.training.data.load import load_source
from fl.training.data.synthetic import draw_dataset
from fl.training.local.augment import GAIN, SATURATION, SCALE, SHIFT
from fl.training.local.sampling import draw_order
from fl.training.local.train import TrainContext, train_local
from fl.training.model.device import mixed_dtype, pick_device, place, use_threads
from fl.training.model.inputs import to_tensor
from fl.training.model.lite0 import ScaledConv2d
from fl.training.model.network import build_model
from fl.training.model.scales import MEAN_AND_STD
from fl.training.model.tensors import to_vector
from fl.training.pictures.preparation import prepare_all
from fl.training.presets import PRESETS, SYNTHETIC_PLAN
from fl.training.recipe import Recipe
from scripts.bench._data import images_at_hand, labelled
from scripts.bench._table import keep, median, show

SEED = 2026


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC if there, else drawn cells.")
@click.option("--preset", type=click.Choice(sorted(PRESETS)), default="real", show_default=True)
@click.option("--images", type=click.IntRange(32), default=256, show_default=True, help="Of one hospital.")
@click.option("--turns", type=click.IntRange(2), default=8, show_default=True, help="The first one is not counted.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--device", default="auto", show_default=True)
def main(data: Path | None, preset: str, images: int, turns: int, threads: int, device: str) -> None:
    """Measure both loops."""
    use_threads(threads)
    source = data or images_at_hand()
    whole = labelled(load_source(source) if source else draw_dataset(SYNTHETIC_PLAN, SEED)).part(TRAIN)
    chosen = PRESETS[preset]
    dataset = whole.take(np.random.default_rng(SEED).permutation(len(whole))[:images])
    spec = replace(chosen.spec, classes=len(dataset.class_names))
    recipe = Recipe(spec, replace(chosen.local, epochs=1, horizon=1), SEED)
    loops = {"product": _product(dataset, recipe, device), "bare loop": _bare(dataset, recipe, device)}
    seconds = take_turns(loops, turns)
    ratios = [ratio_of(*pair) for pair in zip(*seconds.values(), strict=True)]
    wall, processor = (median(column) for column in zip(*ratios, strict=True))
    rows = [(name, *(median(column) for column in zip(*times, strict=True))) for name, times in seconds.items()]
    show(
        f"One epoch of {len(dataset)} images, {preset} network, {threads} threads, median of {turns - 1} turns",
        ("Loop", "s", "s of the processor"),
        [*rows, ("product's share of the bare loop's speed", wall, processor)],
    )
    keep("loop", {"seconds": seconds, "ratio": [wall, processor], "threads": threads, "preset": preset})


def ratio_of(product: tuple[float, float], bare: tuple[float, float]) -> tuple[float, float]:
    """Return the product's share of the bare loop's speed by the clock and by the time of the processor."""
    return bare[0] / product[0], bare[1] / product[1]


def take_turns(loops: dict[str, Callable[[], object]], turns: int) -> dict[str, list[tuple[float, float]]]:
    """Return each loop's seconds by the clock and of the processor in each turn but the first.

    The loops change who comes first.
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    for turn in range(turns):
        for name in list(loops)[:: 1 if turn % 2 else -1]:
            began, worked = time.perf_counter(), time.process_time()
            loops[name]()
            seconds[name].append((time.perf_counter() - began, time.process_time() - worked))
    return {name: times[1:] for name, times in seconds.items()}


def _product(dataset: Dataset, recipe: Recipe, device: str) -> Callable[[], object]:
    start = to_vector(build_model(recipe.spec, SEED))
    context = TrainContext(SEED, 1, "alpha", device)
    return lambda: train_local(recipe.spec, start, dataset, recipe.local, context)


def _bare(dataset: Dataset, recipe: Recipe, name: str) -> Callable[[], object]:
    device, local = pick_device(name), recipe.local
    images = to_tensor(prepare_all(recipe.spec.preparation, dataset.images))
    labels = torch.from_numpy(dataset.labels)
    model = place(_plain(build_model(recipe.spec, SEED)), device).train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=local.lr, weight_decay=local.weight_decay, fused=True)
    mean, deviation = MEAN_AND_STD[recipe.spec.kind]

    def epoch() -> None:
        for rows in torch.split(draw_order(labels, local.class_balance, torch.Generator()), local.batch):
            pixels = (change(images[rows].to(device).float()) - mean) / deviation
            with torch.autocast(device.type, dtype=mixed_dtype(device), enabled=device.type == "cuda"):
                logits = model(pixels.contiguous(memory_format=torch.channels_last))
            loss = tnf.cross_entropy(logits.float(), labels[rows].to(device), label_smoothing=local.smoothing)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(weights, local.clip_norm)
            optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return epoch


def change(pixels: Tensor) -> Tensor:
    """Return float32 [B, 3, S, S] in 0..255 with the kinds of random changes that the product makes."""
    count, device = len(pixels), pixels.device
    turn = (torch.rand(count, device=device) * 2 - 1) * torch.pi
    zoom, (right, down) = 1 + _within(count, SCALE, device), _within((2, count), 2 * SHIFT, device)
    side = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)  # noqa: PLR2004  # mirror every second one
    rows = [[turn.cos() / zoom * side, turn.sin() / zoom, right], [-turn.sin() / zoom * side, turn.cos() / zoom, down]]
    places = torch.stack([torch.stack(row, 1) for row in rows], 1)
    grid = tnf.affine_grid(places, list(pixels.shape), align_corners=False)
    moved = tnf.grid_sample(pixels, grid, align_corners=False)
    grey = (moved * torch.tensor([0.2989, 0.587, 0.114], device=device)[:, None, None]).sum(1, keepdim=True)
    keeps = 1 + _within((count, 1, 1, 1), SATURATION, device)
    gains = 1 + _within((count, 3, 1, 1), GAIN, device)
    return (((moved - grey) * keeps + grey).clamp(0, 255) * gains).clamp(0, 255)


def _within(shape: int | tuple[int, ...], most: float, device: torch.device) -> Tensor:
    return (torch.rand(shape, device=device) * 2 - 1) * most


def _plain(model: nn.Module) -> nn.Module:
    """Return the network with each fixed scale folded into its convolution's weights, and each shift as a bias."""
    for parent, name, child in list(_children(model)):
        if isinstance(child, ScaledConv2d):
            setattr(parent, name, _Folded(child))
    return model


def _children(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    for parent in model.modules():
        for name, child in parent.named_children():
            yield parent, name, child


class _Folded(nn.Module):
    """An ordinary convolution with the padding of the published network."""

    def __init__(self, scaled: ScaledConv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(scaled.weight.detach() * scaled.scale[:, None, None, None])
        self.bias = nn.Parameter(scaled.shift.clone(), requires_grad=False)
        self.side, self.step, self.groups = scaled.side, scaled.step, scaled.groups

    def forward(self, x: Tensor) -> Tensor:
        if self.step == 1:
            return tnf.conv2d(x, self.weight, self.bias, 1, self.side // 2, 1, self.groups)
        most = [max((-(-side // self.step) - 1) * self.step + self.side - side, 0) for side in x.shape[-2:]]
        x = tnf.pad(x, (most[1] // 2, most[1] - most[1] // 2, most[0] // 2, most[0] - most[0] // 2))
        return tnf.conv2d(x, self.weight, self.bias, self.step, 0, 1, self.groups)


if __name__ == "__main__":
    main()
