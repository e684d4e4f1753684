"""The certificates of the CAs that may sign a node's certificate, as a text that travels with the node's URL.

Invariant: such a text holds certificates only, so it can be in a file that is sent around. Nothing is connected before
it was read.

Source: RFC 7468 (PEM), RFC 5280.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from functools import cache

from fl.protocol.errors import SettingInvalid

MAX_PEM = 16 * 1024
"""Characters: about ten certificates."""


def certificates_of(text: str) -> str:
    """Return the certificates in a PEM text, written again, and nothing else of the text.

    Raises:
        SettingInvalid: there is none, it is too long, or a private key is in it.
    """
    from cryptography import x509  # noqa: PLC0415  # most commands need no certificate
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    if len(text) > MAX_PEM:
        raise SettingInvalid("rpc-ca", f"it has more than {MAX_PEM} characters")
    if "PRIVATE KEY" in text:
        raise SettingInvalid("rpc-ca", "a private key is in it; give the file with the CA's certificate alone")
    try:
        found = x509.load_pem_x509_certificates(text.encode("ascii"))
    except ValueError as error:
        raise SettingInvalid("rpc-ca", "it holds no certificate in PEM") from error
    return "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in found)


@cache
def file_of(pem: str) -> str:
    """Return the path of a file with these certificates, which lasts as long as this process."""
    number, path = tempfile.mkstemp(prefix="hemaledger-ca-", suffix=".pem")
    with os.fdopen(number, "w", encoding="ascii") as file:
        file.write(pem)
    atexit.register(_remove, path, os.getpid())
    return path


def _remove(path: str, owner: int) -> None:
    if os.getpid() == owner and os.path.exists(path):  # noqa: PTH110  # pathlib may be gone at exit
        os.unlink(path)  # noqa: PTH108
