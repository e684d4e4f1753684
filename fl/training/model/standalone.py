"""The network of a federation as one file of Python that needs PyTorch and nothing else.

Invariant: its classes are the very text of this package's own modules, so they cannot differ from what the federation
computes with. This module reads that text and does not import torch.

Source: network.py, lite0.py (the classes), tensor_file.py (the format of the weights).
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from fl.training.model.scales import scales_of
from fl.training.model.sources import LITE0_IMAGENET
from fl.training.model.spec import GROUPS, HEMANET, LITE0, ModelSpec

_HERE = Path(__file__).parent
_HEAD = '''"""The network of this federation. It needs Python 3.10 or newer, and PyTorch. Hemaledger wrote this file.

model = build()                          # the network
tensors, facts = load("model.safetensors")
fill(model, tensors)                     # with the weights of the federation
...                                      # train with images as normalise() returns them
save("weights.safetensors", model, facts["digest"])
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
import torch.nn.functional as tnf
from torch import Tensor, nn

'''
_TOOLS = '''
def normalise(images: Tensor) -> Tensor:
    """Return uint8 [n, 3, S, S] (red, green, blue) as float32 [n, 3, S, S] for the network."""
    means, deviations = (torch.tensor(row)[:, None, None] for row in (MEANS, DEVIATIONS))
    return (images.to(torch.float32) - means) / deviations


def load(path: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors of a safetensors file by name, and its metadata."""
    data = Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    rows = json.loads(data[8 : 8 + length])
    facts, values, tensors = rows.pop("__metadata__", {}), bytearray(data[8 + length :]), {}
    for name, row in rows.items():
        start, end = row["data_offsets"]
        tensors[name] = torch.frombuffer(values, dtype=torch.float32, count=(end - start) // 4, offset=start)
        tensors[name] = tensors[name].reshape(row["shape"])
    return tensors, facts


def fill(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy the federation's weights into the network; what belongs to no layer of it is left out."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])


def save(path: str, model: nn.Module, base: str) -> None:
    """Write the weights as safetensors. `base` is the digest of the model that the training started from."""
    rows, parts, start = {"__metadata__": {"base": base}}, [], 0
    for name, parameter in model.named_parameters():
        part = parameter.detach().cpu().to(torch.float32).contiguous().numpy().tobytes()
        offsets = [start, start + len(part)]
        rows[name] = {"dtype": "F32", "shape": list(parameter.shape), "data_offsets": offsets}
        parts.append(part)
        start += len(part)
    header = json.dumps(rows).encode()
    header += b" " * (-len(header) % 8)
    Path(path).write_bytes(len(header).to_bytes(8, "little") + header + b"".join(parts))
'''
_HEMANET = '''
class ModelSpec:
    """The shape of this federation's network."""

    in_channels, size_px, classes, width, depth, stem_stride = {shape}


{classes}


def build() -> nn.Module:
    """Return the network, which maps float32 [n, 3, S, S] to logits float32 [n, classes], with empty weights."""
    return HemaNet(ModelSpec)
'''
_LITE0 = '''STEM, TOP, EPSILON = 32, 1280, 1e-3
PUBLISHED = "{file}"
"""In the package {package} {version}; its SHA-256 is {sha256}. The fixed scales of the network come from it."""


{classes}


def build(published: str = "") -> nn.Module:
    """Return the network, which maps float32 [n, 3, S, S] to logits float32 [n, classes].

    `published` is the path of the file PUBLISHED; without it, the installed package is searched.
    """
    if not published:
        from importlib.util import find_spec

        published = str(Path(find_spec("{module}").submodule_search_locations[0], PUBLISHED))
    model = Lite0({outputs})
    tensors = from_published(torch.load(published, map_location="cpu", weights_only=True))
    model.load_state_dict({{**model.state_dict(), **tensors}})
    model.train_only("{trained}")
    return model
'''
_OF_HEMANET = ("ResidualBlock", "HemaNet")
_OF_LITE0 = ("ScaledConv2d", "Block", "Lite0", "_Mean", "_convolution", "_stage", "from_published")


def network_file(spec: ModelSpec) -> str:
    """Return the text of `network.py`; empty if the network needs packages beside PyTorch (see `obstacle`)."""
    if obstacle(spec):
        return ""
    means, deviations = scales_of(spec.kind)
    constants = f"MEANS, DEVIATIONS = {means}, {deviations}\nSIDE = {spec.size_px}\n"
    if spec.kind == HEMANET:
        shape = (spec.in_channels, spec.size_px, spec.classes, spec.width, spec.depth, spec.stem_stride)
        body = f"GROUPS = {GROUPS}\n\n" + _HEMANET.format(shape=shape, classes=_texts("network.py", _OF_HEMANET))
        return _HEAD + constants + body + "\n" + _TOOLS
    body = _LITE0.format(
        file=LITE0_IMAGENET.file,
        package=LITE0_IMAGENET.package,
        version=LITE0_IMAGENET.version,
        module=LITE0_IMAGENET.module,
        sha256=LITE0_IMAGENET.sha256,
        classes=_texts("lite0.py", _OF_LITE0),
        outputs=spec.classes,
        trained=spec.trained,
    )
    return (
        _HEAD.replace("import json\n", "import json\nfrom collections.abc import Mapping\n") + constants + body + _TOOLS
    )


def obstacle(spec: ModelSpec) -> str:
    """Return why there is no single file of this network; empty if there is one."""
    if spec.kind in (HEMANET, LITE0):
        return ""
    return (
        f"the network {spec.kind} needs more than PyTorch; install Hemaledger beside your own tools, and build it with "
        "fl.training.model.network.build_model"
    )


@cache
def _texts(module: str, names: tuple[str, ...]) -> str:
    """Return the text of classes and functions of a module of this folder, in this order."""
    text = (_HERE / module).read_text(encoding="utf-8")
    lines, found = text.splitlines(), {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
    return "\n\n\n".join(found[name] for name in names)
