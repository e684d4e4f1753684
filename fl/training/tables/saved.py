"""A model of a table as one document: design, kind and the vector of the last round.

Invariant: a loaded model is whole: its vector has the digest that the document names, the length that its kind needs,
and the width of its design. The digest is that of every model (PROTOCOL.md 7), so it can be compared with the ledger's.

Source: PROTOCOL.md 7 (modelDigest).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fl.files import write_atomic
from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue, write_document
from fl.protocol.errors import EncodingError, SettingInvalid, WeightsMismatch
from fl.protocol.names import Digest, parse_hex
from fl.training.aggregation.newton import NewtonSettings
from fl.training.model.weights import Manifest, model_digest, vector_from_bytes, vector_to_bytes
from fl.training.tables.answer import Risk
from fl.training.tables.design import Design
from fl.training.tables.document import FORMAT
from fl.training.tables.logistic import Logistic, manifest_of
from fl.training.tables.mlp import TableSpec
from fl.training.tables.network import Network, manifest_of_network
from fl.training.tables.risk import chances, logistic_risk, network_risk
from fl.training.tables.suggestions import Suggestions
from fl.training.vector import Vector

CAP = 1 << 26
_WHAT = "table model"
_FIELDS = ("design", "digest", "format", "vector")


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A model that can answer."""

    design: Design
    kind: NewtonSettings | TableSpec
    """The settings of a regression, or the shape of a network."""
    vector: Vector
    """float32 [manifest.length]"""

    def __post_init__(self) -> None:
        """Raise WeightsMismatch if the kind does not fit the design."""
        columns = self.kind.columns if isinstance(self.kind, NewtonSettings) else self.kind.inputs + 1
        if columns != self.design.width:
            raise WeightsMismatch(f"the model has {columns} columns, its design {self.design.width}")

    @property
    def manifest(self) -> Manifest:
        return _manifest(self.kind)

    @property
    def digest(self) -> Digest:
        """Return the model's digest as the ledger would name it."""
        return model_digest(self.manifest.digest, self.vector)

    @cached_property
    def model(self) -> Logistic | Network:
        """Return what answers.

        Raises:
            WeightsMismatch: the network's last round is missing.
            NonFinite, WeightsTooLarge: a number is no weight.
        """
        if isinstance(self.kind, NewtonSettings):
            return Logistic.from_vector(self.vector, self.kind)
        return Network.from_vector(self.vector, self.kind)

    def risk(self, values: npt.NDArray[np.float64], texts: Suggestions) -> Risk:
        """Return one person's risk, for values as in a row of `Table.values`; raises as `model` and `logistic_risk`."""
        model = self.model
        if isinstance(model, Logistic):
            return logistic_risk(model, self.design, values, texts)
        return network_risk(model, self.design, values, texts)

    def risks(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return float64 [n, 3], probability and interval of many persons, without parts; raises as `risk`."""
        return chances(self.model, self.design, values)

    def to_bytes(self) -> bytes:
        return write_document(
            {
                "design": self.design.to_dict(),
                "digest": self.digest.hex(),
                "format": FORMAT,
                "settings" if isinstance(self.kind, NewtonSettings) else "network": self.kind.to_dict(),
                "vector": vector_to_bytes(self.vector).hex(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> SavedModel:
        """Parse what `to_bytes` wrote.

        Raises:
            EncodingError: it is no such document, or the digest is not that of the vector.
            WeightsMismatch, NonFinite: the vector does not fit.
        """
        raw = strict_json.loads(data, _WHAT, CAP)
        if not isinstance(raw, dict):
            raise EncodingError(_WHAT, "it is not an object")
        fields = Fields(raw, _WHAT)
        if fields.text("format") != FORMAT:
            raise EncodingError(_WHAT, f"its format is not {FORMAT}")
        kind = _kind(raw, fields)
        length = _manifest(kind).length
        body = parse_hex("0x" + fields.text("vector"), 4 * length, _WHAT)
        model = cls(Design.from_dict(fields.mapping("design")), kind, vector_from_bytes(body, length))
        if model.digest.hex() != fields.text("digest"):
            raise EncodingError(_WHAT, "its digest is not that of its numbers; the file was changed")
        return model


def _kind(raw: Mapping[str, JsonValue], fields: Fields) -> NewtonSettings | TableSpec:
    if "network" in raw:
        fields.only(*_FIELDS, "network")
        return TableSpec.from_dict(fields.mapping("network"))
    fields.only(*_FIELDS, "settings")
    return NewtonSettings.from_dict(fields.mapping("settings"))


def _manifest(kind: NewtonSettings | TableSpec) -> Manifest:
    return manifest_of(kind) if isinstance(kind, NewtonSettings) else manifest_of_network(kind)


def save_model(model: SavedModel, path: Path) -> None:
    """Write a model whole or not at all; raise StorageFull if the disk refuses."""
    write_atomic(path, model.to_bytes())


def load_model(path: Path) -> SavedModel:
    """Read what `save_model` wrote.

    Raises:
        SettingInvalid: the file cannot be read.
        EncodingError, WeightsMismatch, NonFinite: see `SavedModel.from_bytes`.
    """
    try:
        with path.open("rb") as file:
            return SavedModel.from_bytes(file.read(CAP + 1))
    except OSError as error:
        raise SettingInvalid("model", f"{path} cannot be read") from error
