"""A logistic regression of a table as one document: design, settings and the vector of the last round.

Invariant: a loaded model is whole: its vector has the digest that the document names, the length that its settings
need, and the width of its design. The digest is that of every model (PROTOCOL.md 7), so it can be compared with the
ledger's.

Source: PROTOCOL.md 7 (modelDigest).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fl.files import write_atomic
from fl.protocol import strict_json
from fl.protocol.codec import Fields, write_document
from fl.protocol.errors import EncodingError, SettingInvalid, WeightsMismatch
from fl.protocol.names import Digest, parse_hex
from fl.training.aggregation.newton import NewtonSettings
from fl.training.model.weights import Vector, model_digest, vector_from_bytes, vector_to_bytes
from fl.training.tables.design import Design
from fl.training.tables.logistic import Logistic, manifest_of

FORMAT = "hemaledger-table-model/1"
CAP = 1 << 26
_WHAT = "table model"


@dataclass(frozen=True, eq=False)
class SavedModel:
    """A logistic regression that can answer."""

    design: Design
    settings: NewtonSettings
    vector: Vector
    """float32 [settings.length]"""

    def __post_init__(self) -> None:
        """Raise WeightsMismatch if the settings are not those of the design."""
        if self.settings.columns != self.design.width:
            raise WeightsMismatch(f"the model has {self.settings.columns} columns, its design {self.design.width}")

    @property
    def digest(self) -> Digest:
        """Return the model's digest as the ledger would name it."""
        return model_digest(manifest_of(self.settings).digest, self.vector)

    @property
    def logistic(self) -> Logistic:
        return Logistic.from_vector(self.vector, self.settings)

    def to_bytes(self) -> bytes:
        return write_document(
            {
                "design": self.design.to_dict(),
                "digest": self.digest.hex(),
                "format": FORMAT,
                "settings": self.settings.to_dict(),
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
        fields.only("design", "digest", "format", "settings", "vector")
        if fields.text("format") != FORMAT:
            raise EncodingError(_WHAT, f"its format is not {FORMAT}")
        settings = NewtonSettings.from_dict(fields.mapping("settings"))
        body = parse_hex("0x" + fields.text("vector"), 4 * settings.length, _WHAT)
        model = cls(Design.from_dict(fields.mapping("design")), settings, vector_from_bytes(body, settings.length))
        if model.digest.hex() != fields.text("digest"):
            raise EncodingError(_WHAT, "its digest is not that of its numbers; the file was changed")
        return model


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
