"""Removes identifiers from DICOM files, by the standard's own profile, into a new folder.

Invariant: a file is written only if its whole content passed the profile; what cannot be de-identified is left out with
a reason. Names of files, and of folders that are neither classes nor parts of a split, are replaced by numbers, because
they often name a patient. Pictures in a person's folder belong to one patient.

Source: DICOM PS3.15 2026c annex E.1 (Basic Application Level Confidentiality Profile, table E.1-1), as dicom-anonymizer
(Kitware, BSD) carries it out. Beyond it, every nested item is cleaned, only `_KEPT` tags are kept, the preamble is
emptied, and what follows the pixels is cut.
Not here: text that is burned into the pixels. Files that say so are left out; others must be looked at.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fl.files import write_atomic
from fl.protocol.errors import DatasetUnusable
from fl.training.data.known_names import CLASS_WORDS
from fl.training.data.layouts import part_of
from fl.training.data.listing import shown
from fl.training.data.walk import FoundFile, open_regular, walk
from fl.training.pictures.chunks import Damaged
from fl.training.pictures.decode import MAX_BYTES
from fl.training.pictures.dicom_header import NATIVE, TAGS, Dicom, NotRead, quiet_pydicom, read_dicom
from fl.training.pictures.kinds import SNIFF_BYTES, kind_of

if TYPE_CHECKING:
    from pydicom import Dataset

PROFILE = "DICOM PS3.15 2026c, Basic Application Level Confidentiality Profile"
_RULES = "dicomfields_2026c"
_KEPT = frozenset(
    {
        *TAGS,
        *("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality"),
        *("ConversionType", "LossyImageCompression", "PixelAspectRatio", "PixelSpacing", "PixelData"),
    }
)
"""Beyond the profile: only these tags are kept, because free text can be in any other."""
_TEXTS = frozenset({0xFE, *range(0xE1, 0xEE), 0xEF})
"""Segments of a JPEG that may hold texts: comments, and application data but for JFIF's and Adobe's."""
_JPEG_2000_COMMENT = re.compile(rb"\xff\x64..\x00\x01(?!Created by OpenJPEG|Kakadu)", re.DOTALL)
_SCAN = 0xDA


class NotSafe(ValueError):
    """A file cannot be de-identified; the text says why, without quoting the file."""


@dataclass
class Outcome:
    """What happened to the files of a folder.

    Attributes:
        written: Names of the new files, below the new folder.
        left: The original names of files that were not written, each with its reason.
        folders: Names of folders that were kept, because they are classes or parts.
    """

    written: list[str] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)


def deidentify_folder(source: Path, target: Path) -> Outcome:
    """Write every DICOM file below `source` to `target` without identifiers.

    Args:
        source: A folder.
        target: A folder that does not exist yet, or is empty.

    Raises:
        DatasetUnusable: there is no such folder, or the target holds files or is inside the source.
        StorageFull: a file could not be written.
    """
    _check(source, target)
    outcome, persons = Outcome(), dict[str, int]()
    uids: dict[str, str] = {}
    for entry in walk(source):
        if not entry.parts[-1]:
            continue
        data = _read(entry)
        if data is None:
            outcome.left.append((shown(entry.name), str(entry.reason or "it cannot be read")))
            continue
        try:
            clean, patient = deidentified(data, uids)
        except NotSafe as error:
            outcome.left.append((shown(entry.name), str(error)))
            continue
        folders = _kept_folders(entry)
        outcome.folders.update(folders)
        person = persons.setdefault(patient, len(persons) + 1)
        name = "/".join([*folders, f"person-{person:04}", f"{len(outcome.written) + 1:06}.dcm"])
        write_atomic(target / name, clean)
        outcome.written.append(name)
    return outcome


def _check(source: Path, target: Path) -> None:
    if not source.is_dir():
        raise DatasetUnusable(shown(source.name), "there is no such folder")
    if source.resolve() in {target.resolve(), *target.resolve().parents}:
        raise DatasetUnusable(shown(target.name), "the new folder lies in the old one; choose another place")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DatasetUnusable(shown(target.name), "it exists already; choose a new folder")


def _read(entry: FoundFile) -> bytes | None:
    """Return a DICOM file's bytes; None if it is no DICOM file or cannot be read."""
    try:
        with open_regular(entry.path) as file:
            start = file.read(SNIFF_BYTES)
            data = start + file.read(MAX_BYTES + 1 - len(start)) if kind_of(start) == "DICOM" else b""
    except OSError:
        return None
    return data if 0 < len(data) <= MAX_BYTES else None


def _kept_folders(entry: FoundFile) -> tuple[str, ...]:
    """Return the folders whose names are classes or parts of a split."""
    return tuple(name for name in entry.parts[:-1] if part_of(name) or name.casefold() in CLASS_WORDS)


def deidentified(data: bytes, uids: dict[str, str]) -> tuple[bytes, str]:
    """Return a DICOM file without identifiers, and its patient's identifier (only to number the patients).

    Args:
        data: The whole file.
        uids: New UIDs by old ones; it grows, so that files of one study stay together.

    Raises:
        NotSafe: it is damaged, of a kind that is not read, or says that it has text in its pixels.
    """
    try:
        said = read_dicom(data)  # bounds its structure
    except (Damaged, NotRead) as error:
        raise NotSafe(str(error)) from None
    try:
        return _cleaned(data, said, uids)
    except NotSafe:
        raise
    except Exception:  # noqa: BLE001  # pydicom raises many types on hostile bytes, and their texts may quote tags
        raise NotSafe("its tags cannot be read, or cannot be written again") from None


def _cleaned(data: bytes, said: Dicom, uids: dict[str, str]) -> tuple[bytes, str]:
    from dicomanonymizer import simpledicomanonymizer as profile  # noqa: PLC0415  # it loads pydicom

    file: Dataset = quiet_pydicom().dcmread(io.BytesIO(data))
    if str(file.get("BurnedInAnnotation", "")).strip().upper() == "YES":
        raise NotSafe("it says that text is burned into its pixels")
    patient = str(file.get("PatientID", "")) or str(file.get("PatientName", ""))
    profile.dictionary = uids
    for part in [file, *_nested(file)]:
        profile.anonymize_dataset(part, base_rules_gen=lambda: profile.initialize_actions(_RULES))
    for element in list(file):
        if element.keyword not in _KEPT:
            del file[element.tag]
    _check_pixels(file, said)
    return _written(file), patient


def _check_pixels(file: Dataset, said: Dicom) -> None:
    """Cut what follows the last picture; refuse compressed pictures that carry texts."""
    from pydicom.encaps import generate_frames  # noqa: PLC0415  # see _cleaned

    if said.syntax in NATIVE:
        size = said.frames * said.frame_bytes
        file.PixelData = file.PixelData[:size] + b"\0" * (size % 2)
        return
    for frame in generate_frames(file.PixelData, number_of_frames=said.frames):
        text = _JPEG_2000_COMMENT.search(frame[:4096]) if frame[:2] == b"\xff\x4f" else _has_text(frame)
        if text:
            raise NotSafe("its compressed pixels carry texts; export it uncompressed")


def _has_text(frame: bytes) -> bool:
    """Return whether a JPEG has segments for texts before its pixels."""
    at = 2
    while frame[:2] == b"\xff\xd8" and at + 4 <= len(frame) and frame[at] == 0xFF and frame[at + 1] != _SCAN:  # noqa: PLR2004
        if frame[at + 1] in _TEXTS:
            return True
        at += 2 + int.from_bytes(frame[at + 2 : at + 4], "big")
    return False


def _nested(part: Dataset) -> Iterator[Dataset]:
    """Yield the items of all sequences; read_dicom bounded their depth."""
    for element in list(part):
        if element.VR == "SQ":
            for item in element.value or ():
                yield item
                yield from _nested(item)


def _written(file: Dataset) -> bytes:
    """Return the file with a new head, an empty preamble, and a note of the profile."""
    from pydicom.dataset import Dataset as Tags  # noqa: PLC0415  # see _cleaned
    from pydicom.dataset import FileMetaDataset  # noqa: PLC0415  # see _cleaned

    head = FileMetaDataset()
    head.TransferSyntaxUID = file.file_meta.TransferSyntaxUID
    head.MediaStorageSOPClassUID, head.MediaStorageSOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
    file.file_meta, file.preamble = head, b"\0" * 128
    code = Tags()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    file.PatientName, file.PatientID = "", ""
    file.PatientIdentityRemoved, file.DeidentificationMethod = "YES", PROFILE[:64]
    file.DeidentificationMethodCodeSequence = [code]
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
