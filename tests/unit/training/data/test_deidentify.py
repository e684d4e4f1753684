from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest

from fl.protocol.errors import DatasetUnusable
from fl.training.data.dataset import save_dataset
from fl.training.data.deidentify import PROFILE, NotSafe, Outcome, deidentified, deidentify_folder
from fl.training.data.folders import check_folder, load_folder
from fl.training.pictures.decode import decode_image
from tests.support.dicom_files import SECRETS, dicom, tagged
from tests.support.folders_of_cells import cell

PATIENTS = ("MRN-4711", "Quendolin", "Ward 9 East")


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def hospital(root: Path) -> Path:
    """Write a folder per class and patient, with identifiers in every tag, folder and file name."""
    for kind, name in enumerate(("healthy", "leukemia")):
        for index in range(6):
            patient = f"{PATIENTS[index % 3]} {kind}"
            data = dicom(cell(kind, index), "RGB", tags=tagged(patient))
            put(root / name / "Zarathustra Otto" / f"Sanatorium Waldau {index}.dcm", data)
    return root


def secrets_in(data: bytes) -> list[str]:
    return [each for each in SECRETS if each.encode() in data or each.encode("utf-16-le") in data]


def everything(root: Path) -> bytes:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return b"".join(str(path.relative_to(root)).encode() + path.read_bytes() for path in files)


def test_the_control_the_files_of_the_hospital_hold_every_secret(tmp_path: Path) -> None:
    assert set(secrets_in(everything(hospital(tmp_path)))) == set(SECRETS)


def test_no_text_of_a_tag_or_of_a_name_is_in_the_new_folder(tmp_path: Path) -> None:
    outcome = deidentify_folder(hospital(tmp_path / "old"), tmp_path / "new")
    assert len(outcome.written) == 12
    assert outcome.folders == {"healthy", "leukemia"}
    written = everything(tmp_path / "new")
    assert not secrets_in(written)
    assert b"19510203" not in written


def test_pixels_classes_and_persons_survive(tmp_path: Path) -> None:
    deidentify_folder(hospital(tmp_path / "old"), tmp_path / "new")
    old, new = sorted((tmp_path / "old").rglob("*.dcm")), sorted((tmp_path / "new").rglob("*.dcm"))
    pixels = [sorted(decode_image(each.read_bytes(), "x").tobytes() for each in files) for files in (old, new)]
    assert pixels[0] == pixels[1]
    listing = check_folder(tmp_path / "new")
    assert (listing.pictures, listing.persons, listing.class_names) == (12, 6, ("healthy", "leukemia"))


def test_nothing_that_training_stores_holds_a_tag(tmp_path: Path) -> None:
    source = hospital(tmp_path / "old")
    for path in list(source.rglob("*.dcm")):  # without the names that the hospital itself gave to files and folders
        shutil.move(path, path.parents[1] / f"{path.stem[-1]}.dcm")
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    dataset = load_folder(source, 16)
    save_dataset(dataset, tmp_path / "stored.npz")
    assert dataset.listing is not None
    stored = "\n".join([*dataset.listing.lines(), *dataset.groups, *dataset.class_names]).encode()
    with np.load(tmp_path / "stored.npz") as arrays:
        stored += b"".join(arrays[name].tobytes() + str(arrays[name]).encode() for name in arrays.files)
    assert len(dataset) == 12
    assert not secrets_in(stored)


def test_a_file_is_valid_says_its_profile_and_has_new_identifiers() -> None:
    data = dicom(cell(0, 1), "RGB")
    clean, patient = deidentified(data, {})
    old, new = (pydicom.dcmread(io.BytesIO(each)) for each in (data, clean))
    assert patient == "MRN-4711"
    assert new.PatientIdentityRemoved == "YES"
    assert PROFILE.startswith(new.DeidentificationMethod)
    assert new.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert new.SOPInstanceUID != old.SOPInstanceUID
    assert new.SOPInstanceUID == new.file_meta.MediaStorageSOPInstanceUID


def test_files_of_one_study_stay_together() -> None:
    uids: dict[str, str] = {}
    data = dicom(cell(0, 1), "RGB")
    first, second = (pydicom.dcmread(io.BytesIO(deidentified(data, uids)[0])) for _ in range(2))
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert pydicom.dcmread(io.BytesIO(deidentified(data, {})[0])).StudyInstanceUID != first.StudyInstanceUID


def test_text_hidden_around_the_pixels_goes() -> None:
    data = dicom(cell(0, 1), "RGB", PixelData=cell(0, 1).tobytes() + b"Zarathustra ")
    data = b"Zarathustra".ljust(128, b"\0") + data[128:]
    assert data.count(b"Zarathustra") > dicom(cell(0, 1), "RGB").count(b"Zarathustra") + 1
    assert not secrets_in(deidentified(data, {})[0])


def jpeg_with_comment() -> bytes:
    frame = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(cell(0, 1)[..., 0])))
    comment = b"Zarathustra "
    frame = frame[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + frame[2:]
    return dicom(cell(0, 1)[..., 0], frames=[frame + b"\0" * (len(frame) % 2)], syntax="1.2.840.10008.1.2.4.50")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (dicom(cell(0, 1), "RGB", BurnedInAnnotation="YES"), "burned into its pixels"),
        (jpeg_with_comment(), "compressed pixels carry texts"),
        (dicom(cell(0, 1), "RGB")[:900], "cut off|no pixels"),
        (dicom(cell(0, 1), "HSV"), "kind of pixels"),
    ],
)
def test_what_cannot_be_made_safe_is_not_written_and_says_why(data: bytes, why: str) -> None:
    with pytest.raises(NotSafe, match=why) as refused:
        deidentified(data, {})
    assert not secrets_in(str(refused.value).encode())


def test_other_files_are_named_and_not_copied(tmp_path: Path) -> None:
    put(hospital(tmp_path / "old") / "report.txt", b"Zarathustra")
    put(tmp_path / "old" / "a.png", b"\x89PNG")
    outcome = deidentify_folder(tmp_path / "old", tmp_path / "new")
    assert {name for name, _ in outcome.left} == {"report.txt", "a.png"}
    assert len(list((tmp_path / "new").rglob("*.*"))) == 12


def test_the_new_folder_must_be_new_and_elsewhere(tmp_path: Path) -> None:
    source = hospital(tmp_path / "old")
    for target in (source, source / "in it", tmp_path):
        with pytest.raises(DatasetUnusable):
            deidentify_folder(source, target)


def test_no_file_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    assert deidentify_folder(tmp_path / "old", tmp_path / "new") == Outcome()


def test_the_command_says_the_profile_and_what_it_cannot_do(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "scripts.cli",
        "data",
        "deidentify",
        str(hospital(tmp_path / "old")),
        str(tmp_path / "n"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert PROFILE in done.stdout
    assert "12 files" in done.stdout
    assert "look at the pictures" in done.stdout
    assert not secrets_in(done.stdout.encode())
    assert subprocess.run(command, capture_output=True, check=False).returncode == 65  # the folder exists now
