from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from fl.protocol.errors import ImageUnreadable
from fl.training.pictures.decode import MAX_PIXELS, PictureReading, decode_image
from fl.training.pictures.dicom_header import MAX_DEPTH, MAX_ELEMENTS
from tests.support.dicom_files import SECRETS, dicom, tagged

Array = Any
JPEG = "1.2.840.10008.1.2.4."
GREY = (np.arange(32 * 24).reshape(32, 24) % 256).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], np.full_like(GREY, 90)], axis=2)
DEEP, WIDE = GREY.astype(np.uint16) * 16, GREY.astype(np.uint16) * 257
AS_DEEP = np.repeat(np.round(DEEP * (255 / 4095)).astype(np.uint8)[..., np.newaxis], 3, axis=2)
J2K: dict[str, Any] = {"codecformat": "j2k", "reversible": True}
PALETTE: dict[str, Any] = {
    f"{colour}PaletteColorLookupTable{what}": value
    for shift, colour in enumerate(("Red", "Green", "Blue"))
    for what, value in (
        ("Descriptor", [256, 0, 16]),
        ("Data", ((np.arange(256) + 10 * shift) % 256 * 257).astype("<u2").tobytes()),
    )
}


def grey(samples: Array) -> Array:
    return np.repeat(samples[..., np.newaxis], 3, axis=2)


def packed_as(kind: str, samples: Array, **options: Any) -> bytes:
    """Return samples as one frame of a codec."""
    frame = bytes(getattr(imagecodecs, f"{kind}_encode")(samples, **options))
    return frame + b"\0" * (len(frame) % 2)


def rle(samples: Array) -> bytes:
    file = Dataset()
    file.Rows, file.Columns = samples.shape[:2]
    options = {
        "rows": samples.shape[0],
        "columns": samples.shape[1],
        "samples_per_pixel": 1 if samples.ndim == 2 else 3,
        "photometric_interpretation": "MONOCHROME2" if samples.ndim == 2 else "RGB",
        "bits_allocated": samples.itemsize * 8,
        "bits_stored": samples.itemsize * 8,
        "pixel_representation": 0,
        "number_of_frames": 1,
        "planar_configuration": 0,
    }
    return get_encoder(RLELossless).encode(samples, encoding_plugin="pydicom", **options)


@pytest.mark.parametrize(
    ("data", "meant"),
    [
        (dicom(GREY), grey(GREY)),
        (dicom(GREY, syntax=ImplicitVRLittleEndian), grey(GREY)),
        (dicom(GREY, "MONOCHROME1"), 255 - grey(GREY)),
        (dicom(GREY, RescaleSlope="-1", RescaleIntercept="255"), 255 - grey(GREY)),
        (dicom(GREY, "MONOCHROME1", RescaleSlope="-2.5", RescaleIntercept="9"), grey(GREY)),
        (dicom(DEEP, BitsStored=12), AS_DEEP),
        (dicom(DEEP | 0x8000, BitsStored=12), AS_DEEP),
        (dicom((DEEP.astype(np.int16) - 2048) & 0xFFF, BitsStored=12, PixelRepresentation=1), None),
        (dicom(WIDE), grey(GREY)),
        (dicom(COLOUR, "RGB"), COLOUR),
        (dicom(COLOUR.astype(np.uint16) * 257, "RGB"), COLOUR),
        (dicom(np.moveaxis(COLOUR, 2, 0).reshape(32, 24, 3), "RGB", PlanarConfiguration=1), COLOUR),
        (dicom(GREY, "PALETTE COLOR", **PALETTE), np.stack([GREY, GREY + 10, GREY + 20], axis=2)),
        (dicom(GREY, frames=[rle(GREY)], syntax=RLELossless), grey(GREY)),
        (
            dicom(GREY.astype(np.uint16) * 257, frames=[rle(GREY.astype(np.uint16) * 257)], syntax=RLELossless),
            grey(GREY),
        ),
        (dicom(COLOUR, "RGB", frames=[rle(COLOUR)], syntax=RLELossless), COLOUR),
        (dicom(GREY, frames=[packed_as("ljpeg", GREY)], syntax=JPEG + "70"), grey(GREY)),
        (
            dicom(DEEP, frames=[packed_as("ljpeg", DEEP, bitspersample=12)], syntax=JPEG + "57", BitsStored=12),
            None,
        ),
        (dicom(GREY, frames=[packed_as("jpegls", GREY)], syntax=JPEG + "80"), grey(GREY)),
        (dicom(COLOUR, "RGB", frames=[packed_as("jpegls", COLOUR)], syntax=JPEG + "80"), COLOUR),
        (
            dicom(GREY, frames=[packed_as("jpeg2k", GREY, **J2K)], syntax=JPEG + "90"),
            grey(GREY),
        ),
        (
            dicom(
                COLOUR,
                "YBR_RCT",
                frames=[packed_as("jpeg2k", COLOUR, **J2K, mct=True)],
                syntax=JPEG + "90",
            ),
            COLOUR,
        ),
    ],
)
def test_a_picture_means_the_same_in_every_kind_of_dicom(data: bytes, meant: Array | None) -> None:
    assert (decode_image(data, "x.dcm") == (AS_DEEP if meant is None else meant)).all()


def smooth() -> Array:
    rows, columns = np.mgrid[:32, :32]
    return np.stack([rows * 6 + 30, columns * 6 + 20, 200 - rows * 3], axis=2).astype(np.uint8)


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422", "RGB"])
def test_the_colours_of_a_jpeg_are_those_that_the_tag_says(photometric: str) -> None:
    picture = smooth()
    kind = "RGB" if photometric == "RGB" else "YCBCR"
    frame = packed_as("jpeg8", picture, level=98, colorspace="RGB", outcolorspace=kind, subsampling="444")
    data = dicom(picture, photometric, frames=[frame], syntax=JPEG + "50")
    assert np.abs(decode_image(data, "x").astype(int) - picture).max() <= 12


def test_ybr_full_becomes_rgb() -> None:
    picture = smooth()
    stored = np.asarray(Image.fromarray(picture).convert("YCbCr"))
    assert np.abs(decode_image(dicom(stored, "YBR_FULL"), "x").astype(int) - picture).max() <= 4  # rounded twice


def test_one_of_several_frames_is_chosen_by_its_page() -> None:
    data = dicom(np.stack([GREY, 255 - GREY]), NumberOfFrames=2)
    with pytest.raises(ImageUnreadable, match="2 pages or frames") as refused:
        decode_image(data, "x")
    assert refused.value.pages == 2
    assert (decode_image(data, "x", PictureReading(page=2)) == grey(255 - GREY)).all()
    frames = [packed_as("jpegls", each) for each in (GREY, 255 - GREY)]
    packed = dicom(np.stack([GREY, 255 - GREY]), frames=frames, syntax=JPEG + "80", NumberOfFrames=2)
    assert (decode_image(packed, "x", PictureReading(page=2)) == grey(255 - GREY)).all()


def test_sixteen_stored_bits_of_which_twelve_are_used_need_a_word() -> None:
    data = dicom(DEEP)
    with pytest.raises(ImageUnreadable, match="no value above") as refused:
        decode_image(data, "x")
    assert refused.value.bits
    assert (decode_image(data, "x", PictureReading(bits=12)) == AS_DEEP).all()


def _nested(depth: int) -> bytes:
    """Return a file whose sequences of undefined length are `depth` deep."""
    head = dicom(GREY, tags=_bare())
    at = head.index(struct.pack("<HH2sH", 0x28, 2, b"US", 2))
    opened = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    closed = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return head[:at] + opened * depth + closed * depth + head[at:]


def _bare() -> Dataset:
    tags = Dataset()
    tags.SOPClassUID, tags.SOPInstanceUID = "1.2.3", "1.2.3.4"
    return tags


def _disguised(depth: int) -> bytes:
    """Return a file that says explicit, but whose first element pydicom would take as implicit, and deep."""
    head = dicom(GREY, tags=_bare())
    at = head.index(struct.pack("<HH2sH", 8, 0x16, b"UI", 6))
    opened = struct.pack("<HHIHHI", 0x0008, 0x1140, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    return head[:at] + struct.pack("<HHI", 8, 5, 4) + b"abcd" + opened * depth + head[at:]


def test_nesting_as_deep_as_allowed_is_read() -> None:
    assert (decode_image(_nested(MAX_DEPTH // 2), "x") == grey(GREY)).all()


JPEG_OF_ANOTHER_SIZE = packed_as("jpeg8", np.zeros((640, 640), np.uint8))
HALF_JPEG = JPEG_OF_ANOTHER_SIZE[:700]
BOMB = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x07" * 200_000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (lambda: _nested(5_000), "nested too deeply"),
        (lambda: _disguised(5_000), "not encoded as it says"),
        (lambda: dicom(GREY).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"), "not encoded as it says"),
        (lambda: dicom(GREY, frames=[b"\0" * 8], syntax=JPEG + "102"), "compressed in a way that is not read .*102"),
        (lambda: dicom(GREY).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"[:20]), "not read|damaged"),
        (lambda: dicom(GREY, "HSV"), "kind of pixels"),
        (lambda: dicom(GREY, BitsStored=6, HighBit=7), "low bits"),
        (lambda: dicom(GREY, Rows=64), "pixels are missing"),
        (lambda: dicom(GREY, Rows=6000, Columns=6000), "at most"),
        (lambda: dicom(GREY, Rows=20_000, Columns=8), "one side may be"),
        (lambda: dicom(GREY, frames=[JPEG_OF_ANOTHER_SIZE], syntax=JPEG + "50"), "two different sizes"),
        (
            lambda: dicom(GREY, frames=[HALF_JPEG], syntax=JPEG + "50", Rows=640, Columns=640),
            "missing|damaged",
        ),
        (lambda: dicom(GREY, frames=[BOMB], syntax=RLELossless), "damaged"),
        (lambda: dicom(GREY, frames=[b"\xff\x4f\xff\x51" + b"\0" * 60], syntax=JPEG + "90"), "two different sizes"),
        (lambda: dicom(COLOUR, "RGB", SamplesPerPixel=1), "contradicts"),
        (lambda: dicom(GREY, "PALETTE COLOR"), "palette"),
        (lambda: dicom(GREY)[:-40], "missing"),
        (lambda: dicom(GREY)[:200], "cut off|no pixels|header"),
        (lambda: b"\0" * 128 + b"DICM", "encoded"),
    ],
)
def test_what_is_not_read_says_why_and_costs_little(data: Callable[[], bytes], why: str) -> None:
    made = data()
    with pytest.raises(ImageUnreadable, match=why):
        decode_image(made, "x.dcm")


def test_more_elements_than_are_walked_are_refused() -> None:
    head = dicom(GREY, tags=_bare())
    at = head.index(struct.pack("<HH2sH", 0x28, 2, b"US", 2))
    many = struct.pack("<HH2sH", 0x0009, 0x1001, b"LO", 0) * (MAX_ELEMENTS + 1)
    with pytest.raises(ImageUnreadable, match="more than 50000 elements"):
        decode_image(head[:at] + many + head[at:], "x")


def test_no_changed_byte_escapes_as_another_error_or_quotes_a_tag() -> None:
    rng = random.Random(4)  # noqa: S311  # the same bytes in every run
    files = [
        dicom(GREY),
        dicom(COLOUR, "RGB", frames=[rle(COLOUR)], syntax=RLELossless),
        dicom(GREY, "PALETTE COLOR", **PALETTE),
    ]
    for _ in range(300):
        data = bytearray(rng.choice(files))
        for _ in range(rng.choice((1, 3))):
            data[rng.randrange(132, len(data))] = rng.randrange(256)
        said = ""
        try:
            decode_image(bytes(data), "x")
        except ImageUnreadable as error:
            said = str(error)
        assert not any(secret in said for secret in SECRETS)


def test_no_text_of_a_tag_is_printed_logged_or_kept(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    data = dicom(GREY, tags=tagged()).replace(b"19510203", b"Elm Stre")  # not a date: pydicom quotes it in a warning
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")  # whatever the filters are: nothing is said
        pixels = decode_image(data, "x")
    assert type(pixels) is np.ndarray
    said = "".join((*capfd.readouterr(), caplog.text, *(str(each.message) for each in warned)))
    assert not any(secret in said for secret in SECRETS)


def test_a_process_that_reads_no_dicom_does_not_load_pydicom() -> None:
    check = "import sys, fl.training.pictures.decode; sys.exit('pydicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 95}])
def test_webp_is_read(options: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    Image.fromarray(smooth()).save(buffer, "WEBP", **options)
    assert np.abs(decode_image(buffer.getvalue(), "x").astype(int) - smooth()).max() <= (
        0 if "lossless" in options else 24
    )


def test_a_frame_of_a_moving_webp_is_chosen_by_its_page() -> None:
    buffer = io.BytesIO()
    first, second = Image.fromarray(smooth()), Image.fromarray(255 - smooth())
    first.save(buffer, "WEBP", save_all=True, append_images=[second], lossless=True)
    with pytest.raises(ImageUnreadable, match="2 pages or frames"):
        decode_image(buffer.getvalue(), "x")
    assert (decode_image(buffer.getvalue(), "x", PictureReading(page=2)) == 255 - smooth()).all()


def test_a_webp_says_its_size_before_memory_is_taken() -> None:
    buffer = io.BytesIO()
    Image.fromarray(smooth()).save(buffer, "WEBP", lossless=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0")
    data = bytearray(buffer.getvalue())
    assert data[12:16] == b"VP8X"
    data[24:30] = (16_000).to_bytes(3, "little") * 2
    with pytest.raises(ImageUnreadable, match=f"at most {MAX_PIXELS}"):
        decode_image(bytes(data), "x")


def test_a_cut_webp_is_refused() -> None:
    buffer = io.BytesIO()
    Image.fromarray(smooth()).save(buffer, "WEBP", lossless=True)
    for length in (13, 20, 30, len(buffer.getvalue()) - 3):
        with pytest.raises(ImageUnreadable):
            decode_image(buffer.getvalue()[:length], "x")
