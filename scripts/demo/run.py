"""The options of a demo, stored in its folder so that it can continue after an interruption.

Invariant: demo.json is the first file of a run and never changes. Every later stage can be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fl.files import write_atomic
from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.names import Protection
from fl.protocol.task import Task
from scripts.wiring.founding import check_unfounded
from scripts.wiring.home import Home

WHAT = "demo.json"


@dataclass(frozen=True)
class Wanted:
    """The options of a demo that decide what it computes."""

    task: Task
    labels: dict[str, str]
    """Own name -> class code."""
    data: str
    """Absolute path of the images; empty: draw cells."""
    hospitals: int
    rounds: int
    seed: int
    protection: Protection
    calibrate: bool = False
    training: Mapping[str, JsonValue] | None = None
    """The training of a file of settings; None: the preset for the kind of data."""
    epsilon: float | None = None
    """None: train without noise."""
    encrypted_head: bool = False
    """Whether only the last layer is trained, so that the site offers private predictions."""

    @property
    def source(self) -> Path | None:
        """Return the path of the images; None: draw cells."""
        return Path(self.data) if self.data else None

    def save(self, home: Home) -> None:
        labels: dict[str, JsonValue] = {**self.labels}
        document: dict[str, JsonValue] = {
            "calibrate": self.calibrate,
            "data": self.data,
            "hospitals": self.hospitals,
            "labels": labels,
            "protection": self.protection.name.lower(),
            "rounds": self.rounds,
            "seed": self.seed,
            "task": self.task.to_dict(),
        }
        if self.training is not None:
            document["training"] = dict(self.training)
        if self.epsilon is not None:
            document["epsilon"] = self.epsilon
        if self.encrypted_head:
            document["encrypted_head"] = True
        write_atomic(_file(home), write_document(document))

    @classmethod
    def load(cls, home: Home) -> Wanted:
        """Read demo.json.

        Raises:
            SettingInvalid: it is missing or damaged.
        """
        try:
            fields = Fields(parse_document(_file(home).read_bytes(), WHAT), WHAT)
            fields.only(
                *("calibrate", "data", "epsilon", "hospitals", "labels", "protection", "rounds", "seed", "task"),
                *("encrypted_head", "training"),
            )
            labels = Fields(fields.mapping("labels"), WHAT)
            return cls(
                task=Task.from_dict(fields.mapping("task")),
                labels={own: labels.text(own) for own in labels.value},
                data=fields.text("data"),
                hospitals=fields.integer("hospitals"),
                rounds=fields.integer("rounds"),
                seed=fields.integer("seed"),
                protection=Protection[fields.text("protection").upper()],
                calibrate=fields.truth("calibrate"),
                training=fields.mapping("training") if "training" in fields.value else None,
                epsilon=fields.number("epsilon") if "epsilon" in fields.value else None,
                encrypted_head=fields.truth("encrypted_head") if "encrypted_head" in fields.value else False,
            )
        except FileNotFoundError as error:
            raise SettingInvalid("resume", f"{home.folder} holds no demo: {WHAT} is missing") from error
        except (OSError, KeyError, EncodingError) as error:
            raise SettingInvalid("resume", f"{_file(home)} is damaged") from error


def check_new(home: Home) -> None:
    """Raise SettingInvalid if the folder holds an earlier run; for a demo, the error says how to continue it."""
    if _file(home).exists():
        raise SettingInvalid(
            "home",
            f"{home.folder} holds an earlier demo; continue it with: hemaledger demo --resume --home {home.folder}",
        )
    check_unfounded(home)


def _file(home: Home) -> Path:
    return home.folder / WHAT
