"""SEAL for CKKS with the parameters of this project: N = 8192 and moduli of 215 bits (fl/crypto/ckks.py).

Invariant: parameters are fixed here; nobody sends any. SEAL is used by one thread at a time, under LOCK.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from fl.protocol.errors import CiphertextInvalid, ToolMissing

DEGREE, SLOTS = 8192, 4096
BITS = (34, 21, 21, 21, 21, 21, 21, 21, 34)


class Seal:
    """SEAL with our parameters. One thread at a time."""

    def __init__(self, api: Any) -> None:  # noqa: ANN401  # tenseal has no types
        self.api = api
        parameters = api.EncryptionParameters(api.SCHEME_TYPE.CKKS)
        parameters.set_poly_modulus_degree(DEGREE)
        parameters.set_coeff_modulus(api.CoeffModulus.Create(DEGREE, list(BITS)))
        self.context = api.SEALContext(parameters, True, api.SEC_LEVEL_TYPE.TC128)  # noqa: FBT003  # SEAL's call
        self.encoder, self.evaluator = api.CKKSEncoder(self.context), api.Evaluator(self.context)

    def dropped(self, ciphertext: Any) -> float:  # noqa: ANN401
        """Return the modulus that the next rescaling divides by."""
        data = self.context.get_context_data(ciphertext.parms_id())
        return float(data.parms().coeff_modulus()[-1].value())

    def plain(self, value: Any, like: Any, scale: float) -> Any:  # noqa: ANN401
        """Return a number for all slots, or numbers for the first ones, at the level of a ciphertext."""
        made = self.api.Plaintext()
        self.encoder.encode(value, like.parms_id(), scale, made)
        return made

    def read(self, kind: str, data: bytes) -> Any:  # noqa: ANN401
        """Parse a ciphertext or keys, or raise CiphertextInvalid."""
        made = getattr(self.api, kind)()
        with _file(data) as path:
            try:
                made.load(self.context, str(path))
            except (RuntimeError, ValueError, IndexError) as error:
                raise CiphertextInvalid("a part of the encrypted row does not fit the parameters") from error
        return made

    def write(self, made: Any) -> bytes:  # noqa: ANN401
        with _file(b"") as path:
            made.save(str(path))
            return path.read_bytes()


@lru_cache(maxsize=1)
def load_seal() -> Seal:
    """Return SEAL, or raise ToolMissing where tenseal is not installed."""
    try:
        import tenseal.sealapi as api  # noqa: PLC0415  # 5 MB that most members do not need
    except ImportError as error:
        why = "install it with `pip install -r requirements-ckks.txt`, or `pip install hemaledger[ckks]`"
        raise ToolMissing("tenseal", why) from error
    return Seal(api)


LOCK = threading.Lock()


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    """Yield a private file with these bytes, in memory where the system has such: SEAL reads and writes only files."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # a private file inside it
    with tempfile.TemporaryDirectory(dir=memory, prefix="hemaledger-") as folder:
        path = Path(folder) / "part"
        path.write_bytes(data)
        yield path
