"""The network of a federation as one file of Python that needs PyTorch, and torchvision if the network is of it.

Invariant: its classes are the very text of this package's own modules, so they cannot differ from what the federation
computes with. This module reads that text and does not import torch.

Source: network.py, lite0.py, backbone.py (the classes), tensor_file.py (the format of the weights).
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from fl.training.model.backbones import TORCHVISION, file_of
from fl.training.model.scales import scales_of
from fl.training.model.sources import LITE0_IMAGENET
from fl.training.model.spec import GROUPS, HEMANET, OWN, ModelSpec

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
_VISION = '''
import hashlib
import io
import math
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping

try:
    import torchvision
except RuntimeError as error:  # a torchvision for CUDA beside a torch for CPUs: networks do not need its compiled part
    if "torchvision::nms" not in str(error):
        raise
    for each in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
        del sys.modules[each]
    LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
    LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

vision = torchvision
_resnet = vision.models.resnet
TORCHVISION, GROUPS = "{prefix}", {groups}
PUBLISHED, SHA256, TRAINED = "{file}", "{sha256}", "{trained}"
"""The file of published weights that the fixed numbers of the network come from; empty if it has none."""


class WeightsFileUnusable(ValueError):
    """The file of published weights is not the one meant."""


class ModelSpec:
    """The shape of this federation's network."""

    kind, classes, weights = "{kind}", {classes}, PUBLISHED


{first}


{plain}


{rest}


def build(published: str = "") -> nn.Module:
    """Return the network, which maps float32 [n, 3, S, S] to logits float32 [n, classes].

    `published` is the path of the file PUBLISHED, if there is one; without it, the file is read from this folder.
    """
    model = Backbone(ModelSpec)
    if PUBLISHED:
        data = Path(published or Path(__file__).with_name(PUBLISHED)).read_bytes()
        if hashlib.sha256(data).hexdigest() != SHA256:
            raise WeightsFileUnusable(PUBLISHED, "its SHA-256 is not " + SHA256)
        tensors = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        model.load_state_dict({{**model.state_dict(), **published_state(ModelSpec.kind, PUBLISHED, tensors)}})
    if TRAINED == "head":
        fix(model.body)
        fix(model.hidden)
    return model
'''
_OF_VISION = ("FixedNorm", "_Basic", "_Bottleneck", "_Mobile3", "_MBConv", "_shortcut")
_REST_OF_VISION = ("Backbone", "_parts", "_make_plain", "published_state", "_folded", "_there")
_OF_HEMANET = ("ResidualBlock", "HemaNet")
_OF_LITE0 = ("ScaledConv2d", "Block", "Lite0", "_Mean", "_convolution", "_stage", "from_published")


def network_file(spec: ModelSpec) -> str:
    """Return the text of `network.py`; empty if nobody can write one (see `obstacle`)."""
    if obstacle(spec):
        return ""
    means, deviations = scales_of(spec.kind)
    constants = f"MEANS, DEVIATIONS = {means}, {deviations}\nSIDE = {spec.size_px}\n"
    if spec.kind == HEMANET:
        shape = (spec.in_channels, spec.size_px, spec.classes, spec.width, spec.depth, spec.stem_stride)
        body = f"GROUPS = {GROUPS}\n\n" + _HEMANET.format(shape=shape, classes=_texts("network.py", _OF_HEMANET))
        return _HEAD + constants + body + "\n" + _TOOLS
    if spec.kind.startswith(TORCHVISION):
        return _HEAD.replace("and PyTorch.", "PyTorch and torchvision.") + constants + _vision(spec) + "\n" + _TOOLS
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
    if spec.kind != OWN:
        return ""
    return (
        "the network is your consortium's own code; install Hemaledger beside your own tools, and build it with "
        "fl.training.model.network.build_model"
    )


def _vision(spec: ModelSpec) -> str:
    """Return what makes a network of torchvision."""
    file, sha256 = file_of(spec.weights) or ("", "")
    return _VISION.format(
        prefix=TORCHVISION,
        groups=GROUPS,
        file=file,
        sha256=sha256,
        trained=spec.trained,
        kind=spec.kind,
        classes=spec.classes,
        first=_texts("backbone.py", _OF_VISION),
        plain=_value("backbone.py", "_PLAIN"),
        rest=_texts("backbone.py", _REST_OF_VISION) + "\n\n\n" + _texts("frozen.py", ("fix", "fix_some")),
    )


@cache
def _value(module: str, name: str) -> str:
    """Return the text of an annotated value of a module of this folder."""
    text = (_HERE / module).read_text(encoding="utf-8")
    lines = text.splitlines()
    found = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name
    )
    return "\n".join(lines[found.lineno - 1 : found.end_lineno])


@cache
def _texts(module: str, names: tuple[str, ...]) -> str:
    """Return the text of classes and functions of a module of this folder, in this order."""
    text = (_HERE / module).read_text(encoding="utf-8")
    lines, found = text.splitlines(), {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = "\n".join(lines[node.lineno - 1 : node.end_lineno])
    return "\n\n\n".join(found[name] for name in names)
