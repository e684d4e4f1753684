"""One round of a plan in plain lines, for a person who reviews it."""

from __future__ import annotations

from collections.abc import Iterator

from fl.protocol.errors import EncodingError
from fl.protocol.names import Protection, Suite, shown
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.work import SumSpec
from fl.training.recipe import Recipe


def lines_of(protection: Protection, hospitals: int, parameters: int, config: RoundConfig) -> Iterator[str]:
    """Yield what a round asks for."""
    classes = ", ".join(each.code for each in config.task.classes)
    yield f"Task: {shown(config.task.name)} ({classes})"
    yield f"  protection: {protection.name.lower()}; hospitals: at least {hospitals}"
    yield f"  numbers in an update: {parameters}"
    if config.suite == Suite.HYBRID:
        yield "  files sealed for decades: suite 2 (ML-KEM-768 and P-256), experimental"
    spec = SumSpec.from_dict(config.training)
    if spec is not None:
        yield f"  no network is trained: the round adds up numbers (rule {shown(spec.rule)})"
        return
    try:
        recipe = Recipe.from_dict(config.training)
    except EncodingError:
        yield "  what it trains is unknown to this version"
        return
    local, own = recipe.local, recipe.spec
    yield f"  network: {own.kind} (width {own.width}, pictures of {own.size_px} pixels)"
    yield f"  joined by: {recipe.aggregation.rule}"
    yield f"  training: {local.epochs} epochs a round; step {local.lr:g}"
    private = local.privacy
    noise = f"noise {private.noise:g}, clip {private.clip:g}, sampling {private.rate:g}, delta {private.delta:g}"
    yield f"  privacy: {noise if private.on else 'no noise'}"
