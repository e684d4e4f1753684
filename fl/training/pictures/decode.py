"""Decodes picture files.

Invariant: the result is only pixels, and each of them was really in the file. The header's numbers (bytes, pixels,
chunks, scans, pages) are checked against limits before decoding; large pictures are decoded one at a time.

Source: Pillow (decoding, orientation, colour profiles); simplejpeg (errors that libjpeg only warns about); imagecodecs
(16-bit PNG); OWASP File Upload Cheat Sheet.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import imagecodecs
import simplejpeg
from PIL import Image, ImageOps, UnidentifiedImageError

from fl.protocol.errors import ImageUnreadable, Why
from fl.training.pictures.chunks import Damaged, Jpeg, Png, read_jpeg, read_png, read_webp
from fl.training.pictures.colours import MAX_SIDE_PX, Pixels, composed, finished, turned
from fl.training.pictures.dicom import decode_frame
from fl.training.pictures.dicom_header import NotRead, read_dicom
from fl.training.pictures.kinds import FORMATS, READ_TYPES, kind_of
from fl.training.pictures.pages import BROKEN
from fl.training.pictures.sample_ranges import NoRange, Range, to_eight_bits
from fl.training.pictures.tiff import PROFILE, Page, check_pieces, decode_samples, from_stack, range_of, read_pages

_PILLOW = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
MAX_BYTES = 64 * 2**20
MAX_PIXELS = 2**23
MAX_JPEG_PIXELS = 4096 * 3072
"""Higher for JPEG, because it can be decoded at half its size: a camera's 12 million pixels cost no more."""
MAX_SAMPLE_BYTES = 4 * MAX_PIXELS
"""For a picture of more than 8 bits, before it is scaled."""
MIN_SIDE_PX = 8
MAX_ASPECT = 16
"""A picture of a cell is about square; a strip of 14,000 x 8 pixels would be padded to 14,000 x 14,000."""
ANIMATION = "it is an animation of {count} large pictures; save the one that you need as PNG"
PIXELS = "it has {count} pixels; at most {most} are accepted"
_TYPES = READ_TYPES.replace(" and ", " or ")


@dataclass(frozen=True)
class PictureReading:
    """What the user knows about a picture and its file may not say.

    Attributes:
        page: Which of several pages, counted from 1; ignored for a picture with one page.
        bits: Significant bits of each sample (12 for a 12-bit camera), if the file has more than 8; None = the file
            says it.
    """

    page: int | None = None
    bits: int | None = None


_LARGE_PX = 2**20
_LARGE = ThreadPoolExecutor(max_workers=1, thread_name_prefix="picture")
"""Larger pictures are decoded by one thread, one after another: a thread's allocator keeps freed memory, so sixteen
threads would keep the memory of sixteen pictures."""


def decode_image(data: bytes, name: str, reading: PictureReading | None = None) -> Pixels:
    """Return the picture in `data` as uint8 [H, W, 3], upright, in sRGB.

    Samples of more than 8 bits are scaled by the range that the file documents. A fully transparent picture shows its
    colours; a partly transparent one gets a black background. Sides above 2,048 px are scaled down.

    Args:
        data: A whole PNG, JPEG, BMP, TIFF, WebP or DICOM file of at most 64 MiB.
        name: Its name in errors; never a patient's name.
        reading: What is known about it beside the file.

    Raises:
        ImageUnreadable: it is empty, incomplete, damaged, too large, too small, in another format, has several pages,
            or has no range of values.
    """
    if not data:
        raise ImageUnreadable(name, "the file is empty")
    if len(data) > MAX_BYTES:
        raise ImageUnreadable(
            name, Why("it has {count} bytes; at most {most} are accepted", count=len(data), most=MAX_BYTES)
        )
    kind = kind_of(data)
    if kind not in FORMATS:
        raise ImageUnreadable(name, _not_read(kind))
    try:
        return _DECODERS[kind](data, reading or PictureReading())
    except _Refused as error:
        raise ImageUnreadable(name, error.args[0], pages=error.pages) from error
    except NoRange as error:
        raise ImageUnreadable(name, error.args[0], bits=error.bits) from error
    except NotRead as error:
        raise ImageUnreadable(name, error.args[0]) from error
    except Image.DecompressionBombError as error:
        raise ImageUnreadable(name, Why("it has more than {most} pixels", most=MAX_PIXELS)) from error
    except Damaged as error:
        raise ImageUnreadable(name, Why("it is damaged or incomplete ({detail})", detail=error)) from error
    except BROKEN as error:
        raise ImageUnreadable(name, "it is damaged or incomplete") from error


def _not_read(kind: str) -> Why:
    """Return why a file of a kind that is not read, or not known, is refused."""
    if not kind:
        return Why("it is not a {types} image", types=_TYPES)
    return Why(
        "it is a {kind} file, not a {types} image; open it in a picture program and save it as PNG",
        kind=kind,
        types=_TYPES,
    )


class _Refused(Exception):
    """The file is intact but not accepted; the text says why.

    Attributes:
        pages: The number of pages, if the user only has to choose one; else 0.
    """

    def __init__(self, why: str, pages: int = 0) -> None:
        super().__init__(why)
        self.pages = pages


def _png(data: bytes, reading: PictureReading) -> Pixels:
    said = read_png(data)
    number = _one_page(said.frames, reading)
    size = said.width, said.height
    if number > 1:
        return _frame(data, size, number)
    if said.bits <= 8:  # noqa: PLR2004  # deeper ones lose bits in Pillow
        return _in_turn(size, lambda: _by_pillow(said.lean))
    _check_samples(said.width * said.height * said.samples * 2)
    return _in_turn(size, lambda: _deep_png(said, reading))


def _frame(data: bytes, size: tuple[int, int], number: int) -> Pixels:
    """Return one frame of an animation; all frames before it are decoded too."""
    said = read_png(data, moving=True)
    if said.bits > 8 or size[0] * size[1] * number > MAX_PIXELS:  # noqa: PLR2004  # Pillow loses bits
        raise _Refused(Why(ANIMATION, count=said.frames))
    return _in_turn(size, lambda: _by_pillow(said.lean, PictureReading(page=number)))


def _deep_png(said: Png, reading: PictureReading) -> Pixels:
    samples = imagecodecs.png_decode(said.lean).reshape(said.height, said.width, -1)
    pixels = to_eight_bits(samples, Range(16, significant=said.significant).with_bits(reading.bits))
    del samples
    with Image.open(io.BytesIO(said.lean), formats=("PNG",)) as header:
        profile, turn = header.info.get("icc_profile"), header.getexif().get(0x0112, 1)
    return turned(composed(pixels, profile), turn)


def _jpeg(data: bytes, _reading: PictureReading) -> Pixels:
    said = read_jpeg(data)
    if said.bits not in {0, 8}:
        raise _Refused(
            Why("it is a JPEG of {bits} bits; open it in a picture program and save it as PNG", bits=said.bits)
        )
    size = said.width, said.height
    return _in_turn(size, lambda: _whole_jpeg(data, said), MAX_JPEG_PIXELS)


def _whole_jpeg(data: bytes, said: Jpeg) -> Pixels:
    colours = "CMYK" if len(said.components) == 4 else "GRAY"  # noqa: PLR2004
    simplejpeg.decode_jpeg(data, colorspace=colours, strict=True, fastdct=True)
    if not said.whole:
        raise Damaged("some of its pixels are missing")
    return _by_pillow(data)


def _bmp(data: bytes, _reading: PictureReading) -> Pixels:
    head = struct.unpack_from("<IIII", data, 10)
    width, height = struct.unpack_from("<HH", data, 18) if head[1] == 12 else struct.unpack_from("<ii", data, 18)  # noqa: PLR2004  # OS/2
    return _in_turn((abs(width), abs(height)), lambda: _by_pillow(data))


def _tiff(data: bytes, reading: PictureReading) -> Pixels:
    pages = read_pages(data)
    if not pages:
        raise Damaged("it has no page")
    count = max(len(pages), pages[0].stack)
    number = _one_page(count, reading)
    if count != len(pages):
        if len(pages) > 1:
            raise _Refused(
                Why("it holds a stack of {count} pictures and others; save the one that you need as PNG", count=count)
            )
        data, number = from_stack(data, pages[0], number), 1
    page = pages[number - 1]
    if not page.plain:
        _check_samples(page.sample_bytes)
    return _in_turn(page.size, lambda: _tiff_page(data, page, reading))


def _tiff_page(data: bytes, page: Page, reading: PictureReading) -> Pixels:
    check_pieces(data, page)
    if page.plain:
        return _by_pillow(data, PictureReading(page=page.index + 1))
    pixels = decode_samples(data, page, range_of(page).with_bits(reading.bits))
    profile = page.tags.get(PROFILE)
    return composed(pixels, profile if isinstance(profile, bytes) else None)


def _webp(data: bytes, reading: PictureReading) -> Pixels:
    said = read_webp(data)
    number = _one_page(said.frames, reading)
    if said.width * said.height * number > MAX_PIXELS and number > 1:
        raise _Refused(Why(ANIMATION, count=said.frames))
    return _in_turn((said.width, said.height), lambda: _by_pillow(data, PictureReading(page=number)))


def _dicom(data: bytes, reading: PictureReading) -> Pixels:
    said = read_dicom(data)
    number = _one_page(said.frames, reading)
    _check_samples(said.frame_bytes)
    return _in_turn((said.width, said.height), lambda: decode_frame(data, said, number, reading.bits))


_DECODERS = {"PNG": _png, "JPEG": _jpeg, "BMP": _bmp, "TIFF": _tiff, "WebP": _webp, "DICOM": _dicom}


def _one_page(count: int, reading: PictureReading) -> int:
    """Return the page to read, counted from 1."""
    if count <= 1:
        return 1
    if reading.page is None:
        raise _Refused(
            Why("it has {count} pages or frames; choose a page, or save the one that you need as PNG", count=count),
            count,
        )
    if not 1 <= reading.page <= count:
        raise _Refused(Why("it has {count} pages; there is no page {page}", count=count, page=reading.page), count)
    return reading.page


def _check_samples(count: int) -> None:
    if count > MAX_SAMPLE_BYTES:
        raise _Refused(
            Why(
                "its samples need {count} bytes; at most {most} are accepted; save it as an 8-bit PNG",
                count=count,
                most=MAX_SAMPLE_BYTES,
            )
        )


def _in_turn(size: tuple[int, int], decode: Callable[[], Pixels], most: int = MAX_PIXELS) -> Pixels:
    width, height = size
    if width * height > most:
        raise _Refused(Why(PIXELS, count=width * height, most=most))
    if min(width, height) < MIN_SIDE_PX:
        raise _Refused(Why("it is only {width} x {height} pixels", width=width, height=height))
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise _Refused(
            Why(
                "it is {width} x {height} pixels; one side may be at most {times} times the other",
                width=width,
                height=height,
                times=MAX_ASPECT,
            )
        )
    return decode() if width * height <= _LARGE_PX else _LARGE.submit(decode).result()


def _by_pillow(data: bytes, reading: PictureReading | None = None) -> Pixels:
    """Decode 8-bit data in full and return it upright, in RGB, without metadata."""
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=_PILLOW)
    except UnidentifiedImageError as error:
        raise Damaged("its header is damaged") from error
    if image.format in {"TIFF", "PNG", "WEBP"}:
        image.seek((reading.page or 1) - 1 if reading else 0)
    elif getattr(image, "n_frames", 1) > 1:
        raise _Refused("it has several pages or frames; save the one that you need as PNG")
    if max(image.size) > MAX_SIDE_PX:
        image.draft(None, (image.width // 2, image.height // 2))
    width, height = image.size
    if width * height > MAX_PIXELS:  # the header contains two different sizes
        raise _Refused(Why(PIXELS, count=width * height, most=MAX_PIXELS))
    image.load()
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if image.mode in {"1", "P"} and "transparency" not in image.info:
        image = image.convert("RGB")
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
        return finished(image, alpha, profile)
    return finished(image, None, profile)
