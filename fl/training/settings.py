"""A file of settings: a task, what its classes are called in people's data, and how to train it.

Invariant: a parsed file has a valid task and a training that can run. Only the task travels to other members; names
stay with the member who gives the file, and the training goes into the rounds of the coordinator who gives it.

Source: docs/tasks.md (the format, for people).
Not here: the task's own rules (fl/protocol/task.py); words that are known without a file (data/labels.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid, WeightsMismatch
from fl.protocol.task import IGNORE, Origin, Task, TaskKind
from fl.protocol.task_catalogue import PICTURE
from fl.training.aggregation.choice import FEDERATED_AVERAGING, SCAFFOLD, Aggregation
from fl.training.local.config import LocalConfig
from fl.training.model.spec import OWN, ModelSpec
from fl.training.presets import PRESETS, SGD_LR, Preset

_WHAT = "file of settings"
_OF_TASK = ("classes", "outputs")
"""Fields of a network that follow from the task."""
MAX_ROUNDS = 100_000
MAX_NAMES = 1000


@dataclass(frozen=True)
class Training:
    """How to train: the document as it was, and what it means."""

    document: Mapping[str, JsonValue]
    preset: Preset
    aggregation: Aggregation
    own_rate: bool = False
    """Whether the file names a learning rate."""

    def preset_for(self, rule: Aggregation) -> Preset:
        """Return what to train under a rule: scaffold's plain steps have a usual rate, unless the file names one."""
        if rule.rule != SCAFFOLD or self.own_rate:
            return self.preset
        return replace(self.preset, local=self.preset.local.at_rate(SGD_LR))

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> Training:
        """Parse `preset` (the one to start from), `rounds`, `model`, `local` and `aggregation`; all are optional.

        Raises:
            EncodingError: a field is unknown, of another type, or out of its range.
        """
        fields = Fields(dict(raw), _WHAT)
        fields.only("aggregation", "local", "model", "preset", "rounds")
        name = fields.text("preset") if "preset" in raw else "real"
        if name not in PRESETS:
            raise EncodingError(_WHAT, f"the preset {name[:80]!r} is not one of {', '.join(PRESETS)}")
        base = PRESETS[name]
        rounds = fields.integer("rounds") if "rounds" in raw else base.rounds
        if not 1 <= rounds <= MAX_ROUNDS:
            raise EncodingError(_WHAT, f"rounds is not 1 to {MAX_ROUNDS}")
        spec = _spec(base.spec, fields.mapping("model") if "model" in raw else {})
        changes = fields.mapping("local") if "local" in raw else {}
        local = _local(base.local, changes)
        rule = Aggregation.of(raw) if "aggregation" in raw else FEDERATED_AVERAGING
        return cls(raw, Preset(spec, local, rounds), rule, own_rate="lr" in changes)


@dataclass(frozen=True)
class Settings:
    """A parsed file."""

    task: Task
    names: Mapping[str, str]
    """A name in people's data -> the code of a class, or `ignore`."""
    training: Training | None = None

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> Settings:
        """Parse a file of settings, or the document of a task alone.

        Raises:
            EncodingError: it is neither.
        """
        if "task" not in raw:
            return cls(Task.from_dict(dict(raw)), {})
        fields = Fields(dict(raw), _WHAT)
        fields.only("called", "task", "training")
        task = Task.from_dict(_whole(fields.mapping("task")))
        names = _names(fields.mapping("called"), task) if "called" in raw else {}
        return cls(task, names, Training.from_dict(fields.mapping("training")) if "training" in raw else None)


def _whole(raw: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a task's document with what a person may leave out."""
    classes = raw.get("classes")
    listed = classes if isinstance(classes, list) else []
    filled = [{"disease": False, **one} if isinstance(one, dict) else one for one in listed]
    ill = sum(isinstance(one, dict) and one.get("disease") is True for one in filled)
    kind = TaskKind.BINARY if (len(filled), ill) == (2, 1) else TaskKind.CLASSES
    usual = {"kind": kind.value, "origin": Origin.REAL.value, "reported": "", "units": PICTURE}
    whole = {**usual, **raw}
    return cast("dict[str, JsonValue]", {**whole, "classes": filled} if isinstance(classes, list) else whole)


def _names(raw: Mapping[str, JsonValue], task: Task) -> dict[str, str]:
    """Return what names mean, from `{code: [name, ...]}`; the code `ignore` lists names that are not used."""
    found: dict[str, str] = {}
    for code, names in raw.items():
        if code not in (*task.codes, IGNORE):
            raise EncodingError(_WHAT, f"called names {code[:80]!r}, which is no class of {task.code}")
        for name in names if isinstance(names, list) else [None]:
            if not isinstance(name, str) or found.setdefault(name, code) != code:
                raise EncodingError(_WHAT, f"called does not list texts for {code}, or one name for two classes")
    if len(found) > MAX_NAMES:
        raise EncodingError(_WHAT, f"called has more than {MAX_NAMES} names")
    return found


def _spec(base: ModelSpec, changes: Mapping[str, JsonValue]) -> ModelSpec:
    """Return a network with some fields changed."""
    if fixed := sorted(set(changes) & {*_OF_TASK, "weights"}):
        raise EncodingError(_WHAT, f"the model's {fixed[0]} follows from the task and the kind of network")
    if changes.get("kind") == OWN or "source" in changes:
        raise EncodingError(_WHAT, "a network of your own is named by --backbone MODULE:BUILD@SHA256, not by a file")
    try:
        return ModelSpec.from_dict({**base.to_dict(), "weights": "", **changes})
    except WeightsMismatch as error:
        raise EncodingError(_WHAT, error.why) from error


def _local(base: LocalConfig, changes: Mapping[str, JsonValue]) -> LocalConfig:
    """Return a local training with some fields changed."""
    if fixed := sorted(set(changes) & {"held_back", "horizon"}):
        raise EncodingError(_WHAT, f"{fixed[0]} of local follows from rounds, or from --calibrate and --no-calibrate")
    try:
        return LocalConfig.from_dict({**base.to_dict(), **changes})
    except SettingInvalid as error:
        raise EncodingError(_WHAT, f"{error.setting}: {error.why}") from error
