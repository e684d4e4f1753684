"""The fast backend: the system's OpenSSL 3, called through ctypes.

Invariant: `load` returns a backend only if its results agree with the portable backend's. If something is missing or
wrong, it returns None and raises no error. Each thread has its own scratch objects.

Calls keep the interpreter lock: they last microseconds, and releasing the lock would cost more.

Source: OpenSSL 3 manual pages EC_POINT_mul(3), EC_POINT_add(3), EC_POINT_new(3).
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Sequence
from ctypes import c_char_p, c_int, c_size_t, c_ulong, c_void_p

from fl.crypto._portable import PORTABLE
from fl.crypto.curve import (
    GENERATOR,
    IDENTITY,
    LARGEST_WEIGHT,
    ORDER,
    POINT_BYTES,
    SCALAR_BYTES,
    UNCOMPRESSED_BYTES,
    Point,
    encode_uncompressed,
)

_NAMES = ("libcrypto.so.3", "libcrypto.3.dylib")
"""Only versioned names: another name can load a library of any age."""
_VERSION_3 = 0x30000000
_P256 = 415
"""NID_X9_62_prime256v1."""
_UNCOMPRESSED = 4
_VALUES = bytes([7, 127, 0, 1, 127, 2])
_SIGNATURES: dict[str, tuple[type[ctypes._SimpleCData[int] | c_void_p] | None, tuple[type, ...]]] = {
    "OpenSSL_version_num": (c_ulong, ()),
    "BN_CTX_new": (c_void_p, ()),
    "BN_CTX_free": (None, (c_void_p,)),
    "BN_new": (c_void_p, ()),
    "BN_clear_free": (None, (c_void_p,)),
    "BN_bin2bn": (c_void_p, (c_char_p, c_int, c_void_p)),
    "EC_GROUP_new_by_curve_name": (c_void_p, (c_int,)),
    "EC_POINT_new": (c_void_p, (c_void_p,)),
    "EC_POINT_clear_free": (None, (c_void_p,)),
    "EC_POINT_copy": (c_int, (c_void_p, c_void_p)),
    "EC_POINT_set_to_infinity": (c_int, (c_void_p, c_void_p)),
    "EC_POINT_is_at_infinity": (c_int, (c_void_p, c_void_p)),
    "EC_POINT_oct2point": (c_int, (c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)),
    "EC_POINT_point2oct": (c_size_t, (c_void_p, c_void_p, c_int, c_char_p, c_size_t, c_void_p)),
    "EC_POINT_mul": (c_int, (c_void_p,) * 6),
    "EC_POINT_add": (c_int, (c_void_p,) * 5),
    "EC_POINT_dbl": (c_int, (c_void_p,) * 4),
    "ERR_clear_error": (None, ()),
}


class _Scratch:
    """One thread's number, points and buffer."""

    def __init__(self, library: ctypes.PyDLL, group: int) -> None:
        self._library = library
        self.context: int = library.BN_CTX_new()
        self.number: int = library.BN_new()
        self.result: int = library.EC_POINT_new(group)
        self.operand: int = library.EC_POINT_new(group)
        self.buffer = ctypes.create_string_buffer(UNCOMPRESSED_BYTES)
        self.sums: list[int] = []
        """One point for each value of a weighted sum, once it is needed."""

    def __del__(self) -> None:
        self._library.EC_POINT_clear_free(self.result)
        self._library.EC_POINT_clear_free(self.operand)
        for each in self.sums:
            self._library.EC_POINT_clear_free(each)
        self._library.BN_clear_free(self.number)
        self._library.BN_CTX_free(self.context)


class _Loaded:
    """Points in OpenSSL's own form; only `LibCrypto` makes and reads them."""

    def __init__(self, engine: LibCrypto, points: Sequence[Point]) -> None:
        self._engine = engine
        self._points = engine.take_in(points)

    def __del__(self) -> None:
        self._engine.give_back(self._points)

    def weighted_sum(self, values: bytes) -> Point:
        return self._engine.sum_of(values, self._points)


class LibCrypto:
    """P-256 by OpenSSL's own arithmetic."""

    name = "libcrypto"

    def __init__(self, library: ctypes.PyDLL) -> None:
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        if library.OpenSSL_version_num() < _VERSION_3:
            raise OSError("it is older than OpenSSL 3")
        self._library = library
        self._group: int = library.EC_GROUP_new_by_curve_name(_P256)
        self._local = threading.local()

    def decompress(self, data: bytes) -> Point | None:
        scratch = self._scratch()
        if self._library.EC_POINT_oct2point(self._group, scratch.result, data, POINT_BYTES, scratch.context) != 1:
            self._library.ERR_clear_error()
            return None
        return self._take(scratch)

    def base(self, scalar: int) -> Point:
        scratch = self._scratch()
        self._number(scratch, scalar)
        self._done(self._library.EC_POINT_mul(self._group, scratch.result, scratch.number, None, None, scratch.context))
        return self._take(scratch)

    def mult(self, scalar: int, point: Point) -> Point:
        scratch = self._scratch()
        self._number(scratch, scalar)
        self._put(scratch, scratch.operand, point)
        self._done(
            self._library.EC_POINT_mul(
                self._group, scratch.result, None, scratch.operand, scratch.number, scratch.context
            )
        )
        return self._take(scratch)

    def shared_x(self, scalar: int, point: Point) -> bytes:
        return self.mult(scalar, point).x.to_bytes(SCALAR_BYTES, "big")

    def total(self, points: Sequence[Point]) -> Point:
        return self.horner(1, points)

    def horner(self, at: int, points: Sequence[Point]) -> Point:
        scratch, library, group = self._scratch(), self._library, self._group
        result, operand, context = scratch.result, scratch.operand, scratch.context
        bits = bin(at)[3:]
        self._done(library.EC_POINT_set_to_infinity(group, result))
        for point in reversed(points):
            if bits:
                self._done(library.EC_POINT_copy(operand, result))
            for bit in bits:
                self._done(library.EC_POINT_dbl(group, result, result, context))
                if bit == "1":
                    self._done(library.EC_POINT_add(group, result, result, operand, context))
            self._put(scratch, operand, point)
            self._done(library.EC_POINT_add(group, result, result, operand, context))
        return self._take(scratch)

    def load(self, points: Sequence[Point]) -> _Loaded:
        return _Loaded(self, points)

    def take_in(self, points: Sequence[Point]) -> list[int]:
        """Return new points of OpenSSL; the caller gives them back."""
        scratch = self._scratch()
        made: list[int] = [self._library.EC_POINT_new(self._group) for _ in points]
        for where, point in zip(made, points, strict=True):
            self._put(scratch, where, point)
        return made

    def give_back(self, points: list[int]) -> None:
        for each in points:
            self._library.EC_POINT_clear_free(each)

    def sum_of(self, values: bytes, points: Sequence[int]) -> Point:
        """Return Σ values[k]·points[k]: add the points of each value, then each of these sums as often as its value."""
        scratch, group, done = self._scratch(), self._group, self._done
        add, context = self._library.EC_POINT_add, scratch.context
        if not scratch.sums:
            scratch.sums = [self._library.EC_POINT_new(group) for _ in range(LARGEST_WEIGHT + 1)]
        sums, running, result = scratch.sums, scratch.operand, scratch.result
        for each in (*sums, running, result):
            done(self._library.EC_POINT_set_to_infinity(group, each))
        for value, point in zip(values, points, strict=True):
            done(add(group, sums[value], sums[value], point, context))
        for each in reversed(sums[1:]):
            done(add(group, running, running, each, context))
            done(add(group, result, result, running, context))
        return self._take(scratch)

    def _scratch(self) -> _Scratch:
        scratch: _Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = _Scratch(self._library, self._group)
        return scratch

    def _number(self, scratch: _Scratch, scalar: int) -> None:
        if not self._library.BN_bin2bn(scalar.to_bytes(SCALAR_BYTES, "big"), SCALAR_BYTES, scratch.number):
            raise MemoryError

    def _put(self, scratch: _Scratch, where: int, point: Point) -> None:
        if point == IDENTITY:
            self._done(self._library.EC_POINT_set_to_infinity(self._group, where))
            return
        data = encode_uncompressed(point)
        self._done(self._library.EC_POINT_oct2point(self._group, where, data, UNCOMPRESSED_BYTES, scratch.context))

    def _take(self, scratch: _Scratch) -> Point:
        if self._library.EC_POINT_is_at_infinity(self._group, scratch.result):
            return IDENTITY
        written = self._library.EC_POINT_point2oct(
            self._group, scratch.result, _UNCOMPRESSED, scratch.buffer, UNCOMPRESSED_BYTES, scratch.context
        )
        self._done(int(written == UNCOMPRESSED_BYTES))
        data = scratch.buffer.raw
        return Point(int.from_bytes(data[1:POINT_BYTES], "big"), int.from_bytes(data[POINT_BYTES:], "big"))

    @staticmethod
    def _done(status: int) -> None:
        """Raise MemoryError after a failed operation; on valid values only lack of memory makes one fail."""
        if status != 1:
            raise MemoryError


def load(names: Sequence[str] = _NAMES) -> LibCrypto | None:
    """Return a backend for the first library that agrees with the portable backend, or None."""
    for name in names:
        try:
            engine = LibCrypto(ctypes.PyDLL(name))
            agrees = _agrees(engine)
        except (OSError, AttributeError, MemoryError):
            continue
        if agrees:
            return engine
    return None


def _agrees(engine: LibCrypto) -> bool:
    """Compare every operation with the portable backend, edges included."""
    scalars = (0, 1, 2, ORDER - 1, ORDER // 3, 0xBAF1 << 230)
    points = [PORTABLE.base(scalar) for scalar in scalars]
    compressed = [bytes([2 + (point.y & 1)]) + point.x.to_bytes(SCALAR_BYTES, "big") for point in points[1:]]
    return (
        [engine.base(scalar) for scalar in scalars] == points
        and [engine.decompress(data) for data in compressed] == points[1:]
        and engine.decompress(b"\x02" + (1).to_bytes(SCALAR_BYTES, "big"))
        == PORTABLE.decompress(b"\x02" + (1).to_bytes(SCALAR_BYTES, "big"))
        and [engine.mult(scalar, points[4]) for scalar in scalars] == [PORTABLE.mult(s, points[4]) for s in scalars]
        and engine.total([GENERATOR, *points, GENERATOR]) == PORTABLE.total([GENERATOR, *points, GENERATOR])
        and engine.horner(41, points) == PORTABLE.horner(41, points)
        and engine.load(points).weighted_sum(_VALUES) == PORTABLE.load(points).weighted_sum(_VALUES)
    )
