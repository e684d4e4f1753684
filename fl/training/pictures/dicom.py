"""Decodes one frame of a DICOM file.

Invariant: only pixels leave this module, and no error quotes a tag. The sizes in a compressed frame's own header are
compared with the file's tags before the frame is decoded.

Source: DICOM PS3.5 8 and A.4, G (pixels, compressed frames, run lengths), PS3.3 C.7.6.3; pydicom (frames, palettes);
imagecodecs (codecs).
Not here: removing identifiers from a DICOM file (fl/training/data/deidentify.py).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import imagecodecs
import numpy as np
import simplejpeg
from PIL import Image

from fl.training.pictures.chunks import Damaged, read_jpeg
from fl.training.pictures.colours import Pixels, composed
from fl.training.pictures.dicom_header import (
    COMPRESSED,
    EXPORT,
    GREY,
    NATIVE,
    PALETTE,
    RUN_LENGTHS,
    Dicom,
    NotRead,
    whole,
)
from fl.training.pictures.sample_ranges import Range, Samples, to_eight_bits


def decode_frame(data: bytes, said: Dicom, number: int, bits: int | None = None) -> Pixels:
    """Return frame `number` (from 1) as uint8 [H, W, 3].

    Args:
        data: The whole file.
        said: What `read_dicom` returned for it; its sizes were compared with the limits.
        number: The frame.
        bits: What the user says about the used bits, for a file that says that it uses all 16.

    Raises:
        Damaged: pixels are missing or broken.
        NotRead: the arrangement of its bits is not supported.
        NoRange: it does not say which value is white.
    """
    try:
        samples = _native(data, said, number) if said.syntax in NATIVE else _compressed(data, said, number)
        pixels = _coloured(samples, said, bits)
        profile = said.tags.get("ICCProfile")
        return composed(pixels, profile if isinstance(profile, bytes) else None)
    except (struct.error, LookupError, TypeError, AttributeError, EOFError, OSError, RuntimeError):
        raise Damaged("some of its pixels are missing or damaged") from None


def _native(data: bytes, said: Dicom, number: int) -> Samples:
    """Return the uncompressed samples [H, W, n] of a frame."""
    if said.photometric == "YBR_FULL_422":
        raise NotRead(f"its uncompressed colours are subsampled; {EXPORT}")
    begin = said.start + (number - 1) * said.frame_bytes
    values = np.frombuffer(data[begin : begin + said.frame_bytes], f"<u{said.allocated // 8}")
    if values.nbytes != said.frame_bytes:
        raise Damaged("some of its pixels are missing")
    if said.samples > 1 and whole(said.tags, "PlanarConfiguration", 0, 1, 0):
        return np.moveaxis(values.reshape(said.samples, said.height, said.width), 0, 2)
    return values.reshape(said.height, said.width, said.samples)


def _compressed(data: bytes, said: Dicom, number: int) -> Samples:
    """Return the samples [H, W, n] of a compressed frame."""
    from pydicom.encaps import get_frame  # noqa: PLC0415  # see dicom_header.py

    try:
        frame = get_frame(io.BytesIO(data[said.start :]), number - 1, number_of_frames=said.frames)
        samples = np.ascontiguousarray(_DECODERS[said.syntax](frame, said))
    except (Damaged, NotRead):
        raise
    except Exception:  # noqa: BLE001  # each codec has its own
        raise Damaged("its compressed pixels are damaged") from None
    if samples.size * samples.itemsize != said.frame_bytes:
        raise Damaged("its compressed pixels have another size or depth than it says")
    return samples.view(f"u{samples.itemsize}").reshape(said.height, said.width, said.samples)


def _coloured(samples: Samples, said: Dicom, bits: int | None) -> Pixels:
    """Return samples as uint8 [H, W, 1 or 3], black to white or RGB."""
    if said.photometric == PALETTE:
        return _by_palette(samples, said)
    pixels = to_eight_bits(*_ranged(samples, said, bits))
    if said.photometric in GREY:
        slope = float(said.tags.get("RescaleSlope") or 1.0)
        return 255 - pixels if (said.photometric == "MONOCHROME1") != (slope < 0.0) else pixels
    if said.photometric.startswith("YBR_FULL") and said.syntax not in _TO_RGB:
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels), "YCbCr").convert("RGB"), dtype=np.uint8)
    return pixels


def _ranged(samples: Samples, said: Dicom, bits: int | None) -> tuple[Samples, Range]:
    """Return the samples without unused bits, and the range that the file states."""
    used = samples & (2**said.stored - 1)
    if said.signed:
        sign = 2 ** (said.stored - 1)
        return (used.astype(np.int32) ^ sign) - sign, Range(said.stored, low=-float(sign), high=float(sign - 1))
    if said.stored == 16:  # many devices say so without using them  # noqa: PLR2004
        return used, Range(16).with_bits(bits)
    return used, Range(said.allocated, low=0.0, high=2.0**said.stored - 1)


def _by_palette(samples: Samples, said: Dicom) -> Pixels:
    from pydicom.pixels.processing import apply_color_lut  # noqa: PLC0415  # see dicom_header.py

    try:
        colours = apply_color_lut(np.ascontiguousarray(samples[..., 0]), said.tags)
    except Exception:  # noqa: BLE001  # its texts may quote tags
        raise Damaged("its palette cannot be read") from None
    return colours if colours.dtype == np.uint8 else (colours >> 8).astype(np.uint8)


def _jpeg(frame: bytes, said: Dicom) -> Samples:
    _check_jpeg_size(frame, said)
    simplejpeg.decode_jpeg(_whole_pairs(frame), colorspace="GRAY", strict=True, fastdct=True)
    if not read_jpeg(frame).whole:
        raise Damaged("some of its pixels are missing")
    if said.samples == 1:
        return np.asarray(imagecodecs.jpeg8_decode(frame))
    colours = "RGB" if said.photometric == "RGB" else "YCBCR"
    return np.asarray(imagecodecs.jpeg8_decode(frame, colorspace=colours, outcolorspace="RGB"))


def _whole_pairs(frame: bytes) -> bytes:
    """Return a frame without the byte that makes its length even."""
    return frame.removesuffix(b"\0") if frame.endswith(b"\xff\xd9\0") else frame


def _jpeg_lossless(frame: bytes, said: Dicom) -> Samples:
    _check_jpeg_size(frame, said)
    return np.asarray(imagecodecs.ljpeg_decode(frame) if said.samples == 1 else imagecodecs.jpegsof3_decode(frame))


def _jpeg_ls(frame: bytes, said: Dicom) -> Samples:
    _check_jpeg_size(frame, said)
    return np.asarray(imagecodecs.jpegls_decode(frame))


def _jpeg_2000(frame: bytes, said: Dicom) -> Samples:
    if frame[:4] != b"\xff\x4f\xff\x51":
        raise Damaged("its compressed pixels are damaged")
    right, down, left, top = struct.unpack_from(">IIII", frame, 8)
    _check_size(said, right - left, down - top, struct.unpack_from(">H", frame, 40)[0])
    return np.asarray(imagecodecs.jpeg2k_decode(frame))


def _run_lengths(frame: bytes, said: Dicom) -> Samples:
    """Return samples of PS3.5 annex G; the room for them is fixed before they are decoded."""
    out = np.zeros(said.frame_bytes, np.uint8)
    count = struct.unpack_from("<I", frame)[0]
    if count != said.samples * (said.allocated // 8):
        raise Damaged("its compressed pixels have another depth than it says")
    begins = [*struct.unpack_from(f"<{count}I", frame, 4), len(frame)]
    size = said.width * said.height
    planes = out.reshape(said.samples, said.allocated // 8, size)
    for index in range(count):
        sample, byte = divmod(index, said.allocated // 8)
        plane = imagecodecs.packbits_decode(frame[begins[index] : begins[index + 1]], out=size + 1)
        planes[sample, said.allocated // 8 - 1 - byte] = np.frombuffer(plane, np.uint8)[:size]
    values = np.ascontiguousarray(planes.transpose(2, 0, 1)).view(f"<u{said.allocated // 8}")
    return values.reshape(said.height, said.width, said.samples)


def _check_jpeg_size(frame: bytes, said: Dicom) -> None:
    """Check the sizes in a JPEG's own header before it is decoded."""
    at = 2
    while at + 9 < len(frame) and frame[at] == 0xFF:  # noqa: PLR2004
        marker, length = frame[at + 1], struct.unpack_from(">H", frame, at + 2)[0]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}):  # noqa: PLR2004
            height, width, samples = struct.unpack_from(">HHB", frame, at + 5)
            _check_size(said, width, height, samples)
            return
        at += 2 + length
    raise Damaged("its compressed pixels are damaged")


def _check_size(said: Dicom, width: int, height: int, samples: int) -> None:
    if (width, height, samples) != (said.width, said.height, said.samples):
        raise Damaged("its header contains two different sizes")


_DECODERS: dict[str, Callable[[bytes, Dicom], Samples]] = {
    RUN_LENGTHS: _run_lengths,
    **dict.fromkeys((COMPRESSED + "50", COMPRESSED + "51"), _jpeg),
    **dict.fromkeys((COMPRESSED + "57", COMPRESSED + "70"), _jpeg_lossless),
    **dict.fromkeys((COMPRESSED + "80", COMPRESSED + "81"), _jpeg_ls),
    **dict.fromkeys((COMPRESSED + "90", COMPRESSED + "91"), _jpeg_2000),
}
"""By the UID of a transfer syntax."""
_TO_RGB = frozenset({COMPRESSED + "50", COMPRESSED + "51"})
"""Their decoder converts YBR to RGB."""
