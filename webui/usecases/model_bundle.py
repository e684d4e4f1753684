"""A global model as files: for training with one's own tools, and for checking the digest on the ledger.

Invariant: `manifest.json` has the canonical bytes that the ledger names, and `model.safetensors` every value that the
model's digest covers. So the digest can be computed again from these two files alone (VERIFY).

Source: PROTOCOL.md 7 (modelDigest); safetensors (the format).
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from typing import cast

from fl.protocol.codec import JsonValue
from fl.training.model.handed_in import BASE, own_rows
from fl.training.model.scales import scales_of
from fl.training.model.tensor_file import write_tensors
from webui.errors import NotFound
from webui.ports.hospital import GlobalModel

VERIFY = '''"""Compute the digest of the downloaded model again. It needs Python only.

The ledger names SHA-256 over: "BAFL/1/model", the SHA-256 of manifest.json, the number of values (8 bytes), and all
values as float32 in the order of the manifest.
"""
import hashlib, json

manifest = open("manifest.json", "rb").read()
data = open("model.safetensors", "rb").read()
start = 8 + int.from_bytes(data[:8], "little")
header, values = json.loads(data[8:start]), data[start:]
weights = b"".join(values[slice(*header[row["name"]]["data_offsets"])] for row in json.loads(manifest))
count = (len(weights) // 4).to_bytes(8, "big")
print(hashlib.sha256(b"BAFL/1/model" + hashlib.sha256(manifest).digest() + count + weights).hexdigest())
'''
CHECK_SIGNATURE = """pip install model-signing==1.1.1
model_signing verify key MODEL \\
  --signature MODEL/model.sig \\
  --public_key MODEL/member.pem
"""
"""How to check the unpacked ZIP, in a folder MODEL."""
TYPES: Mapping[str, str] = {
    "model.safetensors": "application/octet-stream",
    "manifest.json": "application/json",
    "model.json": "application/json",
    "proof.json": "application/json",
    "network.py": "text/x-python",
    "verify.py": "text/x-python",
}
"""The files of a model, and what they are."""


def file_of(model: GlobalModel, name: str) -> bytes:
    """Return one file of a model, or raise NotFound."""
    if name not in TYPES or (name == "network.py" and not model.network):
        raise NotFound
    return _MAKERS[name](model)


Sign = Callable[[GlobalModel, Mapping[str, bytes]], Mapping[str, bytes]]
"""Returns the files of a model with a signature over them (HospitalService.signed)."""


def bundle_of(model: GlobalModel, more: Mapping[str, bytes], sign: Sign) -> bytes:
    """Return all files of a model as one signed ZIP, with equal bytes for equal models and one key.

    Args:
        model: The model.
        more: Further files by name, such as the model card.
        sign: Adds the hospital's signature over all of them.
    """
    files = {name: make(model) for name, make in _MAKERS.items() if name != "network.py" or model.network}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in sign(model, {**files, **more}).items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def description(model: GlobalModel) -> dict[str, JsonValue]:
    """Return what a program must know to train from a model."""
    task, kind = model.task, str(model.recipe.get("kind", ""))
    means, deviations = scales_of(kind) if kind else ((), ())
    classes: list[JsonValue] = []
    for place, one in enumerate(task.classes if task else ()):
        classes.append({"output": place, "code": one.code, "name": one.name, "disease": one.disease})
    return {
        "digest": model.origin.digest.hex(),
        "round": model.origin.round,
        "task": {"code": task.code, "name": task.name, "reported": task.reported} if task else None,
        "classes": classes,
        "outputs": model.recipe.get("outputs", "classes"),
        "input": {
            "shape": ["n", 3, model.recipe.get("size_px"), model.recipe.get("size_px")],
            "order": "red, green, blue; rows from the top",
            "preparation": model.recipe.get("preparation"),
            "normalise": {"from": "0..255", "mean": [*means], "deviation": [*deviations]},
        },
        "network": dict(model.recipe),
        "trained_tensors": [{"name": name, "shape": [*shape]} for name, shape in own_rows(model.manifest)],
        "upload": {
            "format": "safetensors, float32, the trained tensors",
            "metadata": {BASE: model.origin.digest.hex()},
            "largest_change": model.bound if math.isfinite(model.bound) else None,
            "most_images": model.most_samples,
        },
    }


def proof(model: GlobalModel) -> dict[str, JsonValue]:
    """Return what the ledger says about a model."""
    origin = model.origin
    return {
        "ledger": dict(model.anchor),
        "model_digest": origin.digest.hex(),
        "manifest_digest": origin.manifest_digest.hex(),
        "sealed_file_digest": origin.envelope_digest.hex(),
        "round": origin.round,
        "records": [dict(each) for each in origin.records],
        "how": "verify.py computes model_digest from manifest.json and model.safetensors; the records name it.",
    }


def _weights(model: GlobalModel) -> bytes:
    facts = {"format": "pt", "digest": model.origin.digest.hex(), "round": str(model.origin.round)}
    return write_tensors(model.manifest, model.vector, facts)


def _json(document: Mapping[str, JsonValue]) -> bytes:
    return json.dumps(cast("dict[str, object]", document), indent=2, ensure_ascii=False).encode() + b"\n"


_MAKERS: Mapping[str, Callable[[GlobalModel], bytes]] = {
    "model.safetensors": _weights,
    "manifest.json": lambda model: model.manifest.to_bytes(),
    "model.json": lambda model: _json(description(model)),
    "proof.json": lambda model: _json(proof(model)),
    "network.py": lambda model: model.network.encode(),
    "verify.py": lambda _model: VERIFY.encode(),
}
