from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, ImageCms

from fl.protocol.errors import ImageUnreadable
from fl.training.data.synthetic import draw_cell
from fl.training.pictures.decode import MAX_JPEG_PIXELS, MAX_PIXELS, PictureReading, decode_image
from fl.training.pictures.images import Pixels

RGB = draw_cell(1, 4, 96)[:, :80]
GREY = RGB[..., 0].copy()
GREY[0, 0], GREY[0, 1] = 0, 255
THREE = np.repeat(GREY[..., None], 3, axis=2)
WIDE = GREY.astype(np.uint16)
DIM = np.linspace(0, 60, 96 * 80).reshape(96, 80).astype(np.uint8)
DEEP = RGB.astype(np.uint16) * 257


def _file(pixels: Any, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(buffer, kind, **options)
    return buffer.getvalue()


def _tiff(samples: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **{"photometric": "minisblack", **options})  # type: ignore[arg-type]
    return buffer.getvalue()


def _tag(code: int, kind: str, value: float) -> dict[str, object]:
    return {"extratags": [(code, kind, 1, value, True)]}


def _close(data: bytes, wanted: Pixels, reading: PictureReading | None = None) -> bool:
    found = decode_image(data, "x", reading)
    return found.shape == wanted.shape and int(np.abs(found.astype(int) - wanted).max()) <= 1


def _of_bits(bits: int) -> npt.NDArray[np.uint16]:
    return np.asarray(GREY.astype(np.uint32) * (2**bits - 1) // 255, dtype=np.uint16)


@pytest.mark.parametrize(
    "data",
    [
        _file(WIDE * 257, "PNG"),
        _tiff(WIDE * 257),
        _tiff(WIDE * 257, byteorder=">", bigtiff=True),
        _tiff(WIDE * 257, compression="lzw", predictor=True),
        _tiff(65535 - WIDE * 257, photometric="miniswhite"),
        _tiff(255 - GREY, photometric="miniswhite"),
        _tiff(GREY.astype(np.uint32) * 16_843_009),
        _tiff((WIDE.astype(int) * 257 - 32_768).astype(np.int16)),
        _tiff((GREY / 255).astype(np.float32)),
        _tiff(GREY / 255),
        _tiff(GREY.astype(np.float32) * 4, extratags=[(340, "f", 1, 0.0, True), (341, "f", 1, 1020.0, True)]),
        _tiff(WIDE + 1000, extratags=[(340, "H", 1, 1000, True), (341, "H", 1, 1255, True)]),
        *(_tiff(_of_bits(bits), **_tag(tag, "H", 2**bits - 1)) for bits in (10, 12, 14) for tag in (281, 341)),
        _tiff(_of_bits(12), description="BitsAllocated: 16, BitsStored: 12", metadata=None),
        _tiff(_of_bits(12), description=json.dumps({"BitsStored": 12}), metadata=None),
        _tiff(_of_bits(12) * 16, description="BitsStored: 12", metadata=None),
    ],
)
def test_a_grey_picture_means_the_same_in_every_container(data: bytes) -> None:
    assert _close(data, THREE)


@pytest.mark.parametrize(
    "data",
    [
        *(
            _tiff(RGB.astype(np.uint16) * 257, photometric="rgb", compression=by)
            for by in (None, "lzw", "zlib", "zstd")
        ),
        _tiff(DEEP, photometric="rgb", tile=(32, 32)),
        _tiff(np.moveaxis(RGB, 2, 0).astype(np.uint16) * 257, photometric="rgb", planarconfig="separate"),
        _tiff(np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate", compression="lzw"),
        imagecodecs.png_encode(RGB.astype(np.uint16) * 257),
        *(_file(np.dstack([RGB, np.zeros_like(GREY)]), kind) for kind in ("PNG", "BMP", "TIFF")),
        imagecodecs.png_encode(np.dstack([RGB.astype(np.uint16) * 257, WIDE * 0])),
        _file(Image.fromarray(RGB).convert("CMYK"), "TIFF"),
        _file(RGB, "PNG") + b"what lies behind the end",
    ],
)
def test_a_colour_picture_means_the_same_in_every_container(data: bytes) -> None:
    assert _close(data, RGB)


def _dim_in_every_container() -> list[bytes]:
    """Return one picture of 0 to 60 of 255: whoever stretches a picture by its own values gets another one."""
    dim, ends = DIM.astype(np.int64), {"extratags": [(340, "f", 1, 0.0, True), (341, "f", 1, 1020.0, True)]}
    of_bits = {bits: (dim * (2**bits - 1) // 255).astype(np.uint16) for bits in (10, 12)}
    return [
        _file((dim * 257).astype(np.uint16), "PNG"),
        _tiff((dim * 257).astype(np.uint16)),
        _tiff((65535 - dim * 257).astype(np.uint16), photometric="miniswhite"),
        _tiff((dim * 16_843_009).astype(np.uint32)),
        _tiff((dim * 257 - 32_768).astype(np.int16)),
        _tiff((dim / 255).astype(np.float32)),
        _tiff((dim * 4).astype(np.float32), **ends),
        _tiff((dim + 1000).astype(np.uint16), extratags=[(340, "H", 1, 1000, True), (341, "H", 1, 1255, True)]),
        *(_tiff(samples, **_tag(281, "H", 2**bits - 1)) for bits, samples in of_bits.items()),
        _tiff(of_bits[12], description="BitsAllocated: 16, BitsStored: 12", metadata=None),
    ]


@pytest.mark.parametrize("data", _dim_in_every_container())
def test_a_dim_picture_is_as_dim_in_every_container(data: bytes) -> None:
    assert _close(data, np.repeat(DIM[..., None], 3, axis=2))


@pytest.mark.parametrize("part", [4, 10])
def test_a_dark_picture_stays_dark(part: int) -> None:
    data = _file((WIDE.astype(np.uint32) * 257 // part).astype(np.uint16), "PNG")
    assert np.abs(decode_image(data, "x").astype(float) - THREE / part).max() <= 1


def test_sensor_noise_is_not_stretched() -> None:
    noise = (40_000 + np.random.default_rng(0).integers(0, 3, (64, 64))).astype(np.uint16)
    assert np.ptp(decode_image(_tiff(noise), "x")) <= 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (_tiff(_of_bits(12)), "bit depth"),
        (_tiff(GREY.astype(np.float32)), "which one is white.*PNG"),
        (_tiff(np.where(GREY > 9, np.nan, 0.5).astype(np.float32)), "NaN or infinite"),
        (_tiff(GREY.astype(np.int16)), "sign"),
        (_tiff(WIDE * 100, **_tag(341, "H", 4095)), "lie in 0 to 4095"),
        (_tiff(np.zeros((5, 32, 32), np.uint16)), "5 pages"),
        (_tiff(np.zeros((3, 32, 32), np.uint16), imagej=True, photometric=None), "3 pages"),
        (_tiff(np.zeros((32, 32, 7), np.uint16), planarconfig="contig"), "7 samples"),
        (_file(RGB, "PNG", save_all=True, append_images=[Image.fromarray(RGB // 2)]), "2 pages or frames"),
        (_file(RGB, "MPO", save_all=True, append_images=[Image.fromarray(RGB // 2)]), "several pages or frames"),
        (_file(RGB, "GIF"), "GIF file.*save it as PNG"),
        (bytes(128) + b"DICM" + bytes(64), "does not say how it is encoded"),
        *((_file(np.full((8, width, 3), 90, np.uint8), "PNG"), f"{width} x 8") for width in (13_000, 14_000)),
        (_file(np.full((14_000, 8, 3), 90, np.uint8), "TIFF"), "8 x 14000"),
        (b"BM" + bytes(8) + struct.pack("<IIii", 54, 40, 2**30, 2**30) + bytes(40), "pixels"),
        (b"BM" + bytes(8) + struct.pack("<IIii", 54, 40, 64, -(2**31)) + bytes(40), "pixels|damaged"),
    ],
)
def test_what_is_not_read_says_why_and_what_to_do(data: bytes, why: str) -> None:
    with pytest.raises(ImageUnreadable, match=why):
        decode_image(data, "cell")


def test_who_knows_the_page_or_the_bits_can_say_them() -> None:
    for form in ("TIFF", "PNG"):
        pages = _file(RGB, form, save_all=True, append_images=[Image.fromarray(RGB // 2), Image.fromarray(RGB // 4)])
        for number, wanted in ((1, RGB), (2, RGB // 2), (3, RGB // 4)):
            assert (decode_image(pages, "x", PictureReading(page=number)) == wanted).all()
        for page, why in ((4, "no page 4"), (None, "choose a page")):
            with pytest.raises(ImageUnreadable, match=why) as caught:
                decode_image(pages, "x", PictureReading(page=page))
            assert caught.value.pages == 3
    assert (decode_image(_file(RGB, "PNG"), "x", PictureReading(page=3)) == RGB).all()  # it has one page
    with pytest.raises(ImageUnreadable) as caught:
        decode_image(_tiff(_of_bits(12)), "x")
    assert caught.value.bits
    assert _close(_tiff(_of_bits(12)), THREE, PictureReading(bits=12))
    assert _close(_file(_of_bits(12), "PNG"), THREE, PictureReading(bits=12))
    assert (decode_image(_file(RGB, "PNG"), "x", PictureReading(bits=12)) == RGB).all()  # 8 bits are 8 bits


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_picture_of_a_stack_can_be_chosen(kind: type[np.generic]) -> None:
    grey = np.stack([GREY // (1 + number) for number in range(3)]).astype(kind) * (257 if kind is np.uint16 else 1)
    stack = _tiff(grey.astype(kind), imagej=True, photometric=None)
    for number in range(3):
        assert _close(
            stack, np.repeat((GREY // (1 + number))[..., np.newaxis], 3, axis=2), PictureReading(page=number + 1)
        )
    with pytest.raises(ImageUnreadable, match=r"missing|incomplete"):
        decode_image(stack[:-200], "x", PictureReading(page=3))


def test_a_late_frame_of_a_long_animation_is_refused_before_it_costs() -> None:
    frames = [Image.fromarray(np.full((1000, 1000, 3), shade, np.uint8)) for shade in range(10)]
    data = _file(np.zeros((1000, 1000, 3), np.uint8), "PNG", save_all=True, append_images=frames)
    with pytest.raises(ImageUnreadable, match="save the one that you need"):
        decode_image(data, "x", PictureReading(page=11))


def test_a_smaller_copy_in_the_file_is_no_page() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(RGB[::4, ::4], photometric="rgb", subfiletype=1)
        file.write(RGB, photometric="rgb")
    assert (decode_image(buffer.getvalue(), "x") == RGB).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("depth", [1, 257])
def test_all_orientations_are_turned_upright(orientation: int, depth: int) -> None:
    samples = RGB if depth == 1 else RGB.astype(np.uint16) * depth
    image, exif = Image.fromarray(RGB), Image.Exif()
    exif[0x0112] = orientation
    turned = decode_image(_file(image, "PNG", exif=exif), "x")
    assert (decode_image(_tiff(samples, photometric="rgb", **_tag(274, "H", orientation)), "x") == turned).all()


def test_a_colour_profile_is_applied_and_a_damaged_one_is_as_if_there_were_none() -> None:
    plain = decode_image(_file(RGB, "PNG"), "x")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert _close(_file(RGB, "PNG", icc_profile=srgb), plain)
    assert _close(_file(RGB, "PNG", icc_profile=srgb[:200]), plain)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_the_colours_are_those_of_the_profile(kind: str) -> None:
    """The profile says that what the file calls red is blue, and the reverse."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for now, then in ((b"rXYZ", b"----"), (b"bXYZ", b"rXYZ"), (b"----", b"bXYZ")):
        srgb = srgb.replace(now, then, 1)
    found = decode_image(_file(RGB, kind, icc_profile=srgb), "x").astype(int)
    assert np.abs(found - decode_image(_file(RGB, kind), "x")[..., ::-1]).mean() < 2


@pytest.mark.parametrize(
    "options", [{"quality": 92}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 4}]
)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("end", ["cut", "marked", "zeroed"])
def test_a_jpeg_of_which_a_part_is_lost_is_refused(options: dict[str, object], share: float, end: str) -> None:
    whole = _file(RGB, "JPEG", **options)
    assert decode_image(whole, "x").shape == RGB.shape
    kept = whole[: int(len(whole) * share)]
    rest = {"cut": b"", "marked": b"\xff\xd9", "zeroed": bytes(len(whole) - len(kept) - 2) + b"\xff\xd9"}[end]
    with pytest.raises(ImageUnreadable):
        decode_image(kept + rest, "x")


def test_a_progressive_jpeg_that_lacks_a_scan_is_refused() -> None:
    whole = _file(RGB, "JPEG", progressive=True)
    scans = [at for at in range(len(whole) - 1) if whole[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 2
    for at in scans[1:]:
        with pytest.raises(ImageUnreadable):
            decode_image(whole[:at] + b"\xff\xd9", "x")


@pytest.mark.parametrize(
    "make",
    [
        lambda: _tiff(RGB.astype(np.uint16) * 257, photometric="rgb", compression="lzw"),
        lambda: _tiff(WIDE * 257),
        lambda: _tiff(RGB, photometric="rgb", compression="zlib"),
        lambda: imagecodecs.png_encode(WIDE * 257),
    ],
)
def test_no_cut_and_no_changed_byte_escapes_as_another_error(make: Callable[[], bytes]) -> None:
    whole = make()
    for position in range(4, len(whole), max(1, len(whole) // 120)):
        changed = bytearray(whole)
        changed[position] ^= 0xFF
        for data in (whole[:position], bytes(changed)):
            try:
                assert decode_image(data, "x").dtype == np.uint8
            except ImageUnreadable:
                continue


def test_a_circle_of_directories_and_pieces_without_end_are_refused() -> None:
    circle = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 256, 3, 1, 64, 8)
    pieces = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 273, 4, 2**30, 8, 0)
    for data in (circle, pieces):
        with pytest.raises(ImageUnreadable):
            decode_image(data, "x")


def test_chunks_that_no_pixel_needs_are_never_given_to_the_decoder() -> None:
    whole = _file(RGB, "PNG")
    empty = struct.pack(">I", 0) + b"tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))
    long = b"zTXt" + b"x\0\0" + zlib.compress(bytes(2**24))
    bomb = struct.pack(">I", len(long) - 4) + long + struct.pack(">I", zlib.crc32(long))
    assert (decode_image(whole[:33] + bomb + 50_000 * empty + whole[33:], "x") == RGB).all()
    with pytest.raises(ImageUnreadable):
        decode_image(whole[:33] + 600_000 * empty + whole[33:], "x")


@pytest.mark.parametrize(("kind", "most"), [("PNG", MAX_PIXELS), ("JPEG", MAX_JPEG_PIXELS)])
def test_a_picture_at_the_limit_is_decoded_smaller_and_one_above_is_not_read(kind: str, most: int) -> None:
    height = most // 4096
    assert decode_image(_file(Image.new("L", (4096, height)), kind), "x").shape == (height // 2, 2048, 3)
    with pytest.raises(ImageUnreadable, match="pixels"):
        decode_image(_file(Image.new("L", (4096, height + 8)), kind), "x")


@pytest.mark.parametrize("kind", [np.uint16, np.float64])
def test_samples_are_counted_in_bytes_before_they_are_decoded(kind: type[np.generic]) -> None:
    data = _tiff(np.zeros((3000, 3000, 3), kind), photometric="rgb", compression="zlib")
    with pytest.raises(ImageUnreadable, match="bytes"):
        decode_image(data, "x")


def test_sixteen_pictures_at_once_do_not_take_the_process_far() -> None:
    deep = imagecodecs.png_encode(np.full((1365, 3072, 4), 30_000, np.uint16))
    script = (
        "import resource, sys, threading\n"
        "from fl.training.pictures.decode import decode_image\n"
        "data = sys.stdin.buffer.read()\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before, kept = peak(), []\n"
        "work = [threading.Thread(target=lambda: kept.append(decode_image(data, 'x'))) for _ in range(16)]\n"
        "[each.start() for each in work]; [each.join() for each in work]\n"
        "print(len(kept), peak() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], input=deep, capture_output=True, check=True)
    count, grown_mib = map(int, done.stdout.split())
    assert count == 16
    assert grown_mib < 400 + len(deep) // 2**20
