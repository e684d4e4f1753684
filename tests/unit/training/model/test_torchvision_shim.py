from __future__ import annotations

import subprocess
import sys

import torch

from fl.training.model import torchvision_shim as vision

_CHILD = """
import sys
import torch
if {cuda}:
    schemas = ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
               "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library = torch.library.Library("torchvision", "FRAGMENT")
    [library.define(schema) for schema in schemas]
from fl.training.model import torchvision_shim as vision
print(vision.shimmed, "torchvision.transforms.v2" in sys.modules)
"""


def test_transforms_work_on_this_machine() -> None:
    image = torch.arange(3 * 4 * 4, dtype=torch.float32).reshape(3, 4, 4)
    assert torch.equal(vision.horizontal_flip(image), image.flip(-1))
    quarter = vision.affine(image, angle=90.0, translate=[0.0, 0.0], scale=1.0, shear=[0.0, 0.0])
    assert torch.equal(quarter, torch.rot90(image, -1, (1, 2)))


def test_a_cpu_build_of_torch_needs_the_shim_and_a_cuda_build_does_not() -> None:
    cpu_build = torch.version.cuda is None
    run = subprocess.run([sys.executable, "-c", _CHILD.format(cuda=False)], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(cpu_build and vision.shimmed), "True"]


def test_where_the_operators_exist_already_the_import_is_only_an_import() -> None:
    run = subprocess.run([sys.executable, "-c", _CHILD.format(cuda=True)], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]
