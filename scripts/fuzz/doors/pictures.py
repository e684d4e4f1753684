"""Picture files as a patient uploads them: decode, judge, and prepare them for the model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from fl.protocol.errors import ImageUnreadable
from fl.training.data.frames import fit_cell, look
from fl.training.data.synthetic import draw_cell
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.gate import prepare
from fl.training.pictures.images import Pixels, decode_image
from scripts.fuzz._door import Door, refuses_well

SIDE_PX = 48
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")


def open_door(folder: Path) -> Door:  # noqa: ARG001 - as every door
    """Return the door; the seeds are one drawn cell in every format, in 8 and 16 bits, and as a second page."""
    cell = Image.fromarray(draw_cell(1, 0, SIDE_PX))
    deep = Image.fromarray(np.asarray(cell.convert("L")).astype(np.uint16) * 257)
    kinds = [(cell, name) for name in FORMATS] + [(deep, "PNG"), (deep, "TIFF"), (cell.convert("P"), "PNG")]
    pages = [_file(cell, kind, save_all=True, append_images=[cell]) for kind in ("PNG", "TIFF")]
    stack = io.BytesIO()
    tifffile.imwrite(stack, np.zeros((2, SIDE_PX, SIDE_PX), np.uint16) + 9, imagej=True)
    dicoms = [_dicom(np.asarray(cell), "RGB"), _dicom(np.asarray(cell)[..., 0], "MONOCHROME2")]
    seeds = [*(_file(*kind) for kind in kinds), *pages, stack.getvalue(), *dicoms]
    return Door(lambda data: refuses_well(lambda: _look(data)), seeds)


def _look(data: bytes) -> None:
    pixels = _decode(data)
    fit_cell(pixels, SIDE_PX, look(pixels))
    prepare(pixels, SIDE_PX)


def _decode(data: bytes) -> Pixels:
    """Decode a picture. If the error asks for a page or bits, give them and try again."""
    try:
        return decode_image(data, "the picture")
    except ImageUnreadable as error:
        if not (error.pages or error.bits):
            raise
        return decode_image(
            data, "the picture", PictureReading(min(error.pages, 2) or None, 12 if error.bits else None)
        )


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _dicom(samples: Pixels, photometric: str) -> bytes:
    """Return uint8 [S, S] or [S, S, 3] as a DICOM file with a sequence."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    item, file = Dataset(), Dataset()
    item.CodeValue = "1"
    file.SOPClassUID, file.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    file.AnatomicRegionSequence = [item]
    file.Rows, file.Columns, file.SamplesPerPixel = SIDE_PX, SIDE_PX, samples.size // SIDE_PX**2
    file.PhotometricInterpretation, file.PlanarConfiguration = photometric, 0
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 8, 8, 7, 0
    file.PixelData = samples.tobytes()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file["PixelData"].VR = "OB"
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
