"""What a person allows or says about a source of images.

Invariant: none; every field has a default that allows and says nothing.

Source: docs/data.md.
Not here: what the files themselves say (decode.py, frames.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame


@dataclass(frozen=True)
class SourceReading:
    """What a person allows or says about a source.

    Attributes:
        skip_damaged: Go on without files of a folder that are damaged or cannot be read.
        one_class: Accept images of one class only, as a hospital may have them that others complete.
        ignore_labels: Labels of an .npz, as text, that mean "no label"; their rows are left out.
        picture: What holds for every picture of a folder, and its file may not say.
        frame: What pictures of cells on black show; None: their cells say it together.
    """

    skip_damaged: bool = False
    ignore_labels: frozenset[str] = frozenset()
    one_class: bool = False
    picture: PictureReading = field(default_factory=PictureReading)
    frame: Frame | None = None


STRICT = SourceReading()
