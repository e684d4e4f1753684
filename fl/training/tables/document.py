"""A model of a table as one document, made from what the ledger names; the process that answers parses it (saved.py).

Invariant: the document has the design and the kind of the round's configuration and the digest of the ledger, so
whoever parses it compares the vector with that digest. Only a model whose training has ended gets a document. This
module needs no torch.

Source: PROTOCOL.md 5L and 7 (modelDigest).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from fl.protocol.codec import Fields, JsonValue, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import Digest
from fl.training.aggregation import reference
from fl.training.aggregation.newton import NEWTON, NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.aggregation.work import SumSpec
from fl.training.model.weights import vector_to_bytes
from fl.training.tables.design import Design
from fl.training.vector import Vector

FORMAT = "hemaledger-table-model/1"
_WHAT = "round configuration"


def design_in(training: Mapping[str, JsonValue]) -> Design:
    """Return the design that a round's `training` names; raise EncodingError if it is not a round of a table."""
    return Design.from_dict(Fields(dict(training), _WHAT).mapping("design"))


def has_ended(training: Mapping[str, JsonValue], vector: Vector) -> bool:
    """Return whether a round's model can answer: a regression at its optimum, or a network with its last round.

    Raises:
        EncodingError, WeightsMismatch, NonFinite: configuration and vector do not fit.
    """
    spec = SumSpec.from_dict(training)
    if spec is None:
        return False
    if spec.plan.purpose == NEWTON:
        return NewtonState.from_vector(vector, NewtonSettings.from_dict(spec.settings)).converged
    return spec.rule == reference.RULE


def document_of(training: Mapping[str, JsonValue], vector: Vector, digest: Digest) -> bytes:
    """Return the document of a model whose training has ended.

    Args:
        training: Of the configuration of its last round.
        vector: float32 [d], opened from the file that the ledger names.
        digest: The model's, as the ledger names it.

    Raises:
        EncodingError: it is not the last round of a table.
    """
    spec = SumSpec.from_dict(training)
    if spec is None:
        raise EncodingError(_WHAT, "it is not the last round of a table")
    network = training.get("model")
    kind: JsonValue = network if network is not None else cast("JsonValue", dict(spec.settings))
    return write_document(
        {
            "design": training.get("design"),
            "digest": digest.hex(),
            "format": FORMAT,
            "settings" if network is None else "network": kind,
            "vector": vector_to_bytes(vector).hex(),
        }
    )
