"""DICOM files with every identifier that a hospital might leave in them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

Array = np.ndarray
SECRETS = ("Zarathustra", "MRN-4711", "Sanatorium Waldau", "Quendolin", "Elm Street 13", "ACC-0815", "Ward 9 East")
"""Texts that must never leave the file."""


def tagged(patient: str = "MRN-4711") -> Dataset:
    """Return tags with every one of SECRETS, also in sequences and private tags."""
    tags = Dataset()
    tags.SOPClassUID, tags.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
    tags.StudyInstanceUID, tags.SeriesInstanceUID = generate_uid(), generate_uid()
    tags.PatientName, tags.PatientID, tags.Modality = "Zarathustra^Otto", patient, "SM"
    tags.InstitutionName, tags.ReferringPhysicianName = "Sanatorium Waldau", "Quendolin^Ada"
    tags.PatientAddress, tags.AccessionNumber, tags.PatientBirthDate = "Elm Street 13", "ACC-0815", "19510203"
    tags.StudyDate, tags.StudyDescription, tags.ImageComments = "20240506", "Smear of Zarathustra", "Ward 9 East"
    inner = Dataset()
    inner.PatientID, inner.CodeMeaning, inner.ScheduledProcedureStepDescription = "MRN-4711", "Ward 9 East", "Quendolin"
    inner.PerformedLocation = "Ward 9 East"
    outer = Dataset()
    outer.ReferencedImageSequence, outer.PatientName = [inner], "Zarathustra"
    tags.RequestAttributesSequence, tags.SpecimenDescriptionSequence, tags.SharedFunctionalGroupsSequence = (
        [inner],
        [outer],
        [outer],
    )
    tags.private_block(0x0011, "WALDAU", create=True).add_new(1, "LO", "Zarathustra, Ward 9 East")
    return tags


def dicom(
    samples: Array,
    photometric: str = "MONOCHROME2",
    frames: Sequence[bytes] = (),
    syntax: str = ExplicitVRLittleEndian,
    tags: Dataset | None = None,
    **more: Any,
) -> bytes:
    """Return a DICOM file.

    Args:
        samples: uint8, uint16 or int16 [H, W], [H, W, 3], or [n, H, W, ...] if `NumberOfFrames` is given.
        photometric: What they mean.
        frames: The compressed frames; none = the samples are stored as they are.
        syntax: The transfer syntax.
        tags: Other tags.
        more: Tags that replace those of the samples.
    """
    file = tagged() if tags is None else tags
    shape = samples.shape[1:] if "NumberOfFrames" in more else samples.shape
    file.Rows, file.Columns = shape[0], shape[1]
    file.SamplesPerPixel = shape[2] if len(shape) == 3 else 1
    file.PhotometricInterpretation = photometric
    file.BitsAllocated = file.BitsStored = samples.itemsize * 8
    file.HighBit, file.PixelRepresentation = file.BitsStored - 1, int(samples.dtype.kind == "i")
    if file.SamplesPerPixel > 1:
        file.PlanarConfiguration = 0
    for keyword, value in more.items():
        setattr(file, keyword, value)
    if "BitsStored" in more and "HighBit" not in more:
        file.HighBit = file.BitsStored - 1
    stored = encapsulate(list(frames)) if frames else samples.tobytes() + b"\0" * (samples.nbytes % 2)
    file.PixelData = more.get("PixelData", stored)
    file["PixelData"].VR = "OW" if samples.itemsize > 1 and not frames else "OB"
    file["PixelData"].is_undefined_length = bool(frames)
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = UID(syntax)
    file.file_meta.MediaStorageSOPClassUID, file.file_meta.MediaStorageSOPInstanceUID = (
        file.SOPClassUID,
        file.SOPInstanceUID,
    )
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
