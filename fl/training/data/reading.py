"""What the user allows or states about a source of images; the defaults allow and state nothing.

Source: docs/data.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame


@dataclass(frozen=True)
class SourceReading:
    """What the user allows or states about a source.

    Attributes:
        skip_damaged: Continue without files of a folder that are damaged or unreadable.
        one_class: Accept images of only one class, because other hospitals may have the other classes.
        ignore_labels: Labels of an .npz, as text, that mean "no label"; their rows are not used.
        picture: Facts about every picture of a folder that the files may not say.
        frame: What pictures of cells on black show; None = the cells decide together.
        look_alikes: Report pictures that look the same although their pixels differ (look_alikes.py).
    """

    skip_damaged: bool = False
    ignore_labels: frozenset[str] = frozenset()
    one_class: bool = False
    picture: PictureReading = field(default_factory=PictureReading)
    frame: Frame | None = None
    look_alikes: bool = False


STRICT = SourceReading()
