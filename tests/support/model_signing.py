"""The foreign judge of signed models: the command of the package model-signing (OpenSSF)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.model_signature import SIGNATURE, public_pem


def judge(folder: Path, key: Path) -> subprocess.CompletedProcess[str]:
    """Let `model_signing` verify a folder under a public key; the exit status is 0 if it accepts all files."""
    line = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
    line += ["--signature", str(folder / SIGNATURE), "--public_key", str(key)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def pem_file(key: PrivateKey, path: Path) -> Path:
    """Write the public key of a member, as it is known from elsewhere."""
    path.write_bytes(public_pem(key.public_key))
    return path
