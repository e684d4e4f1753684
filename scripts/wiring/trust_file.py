"""Reads a trust file from disk; it needs neither a run's folder nor a chain."""

from __future__ import annotations

from pathlib import Path

from fl.protocol.errors import TrustMissing
from fl.protocol.tlog.trust import TRUST_CAP, Trust, parse_trust


def read_trust(path: Path | None) -> Trust:
    """Return the trust in a file; raise TrustMissing without one, ProofMalformed for another form."""
    if path is None:
        raise TrustMissing("--trust is missing")
    try:
        with path.open("rb") as file:
            return parse_trust(file.read(TRUST_CAP + 1))
    except FileNotFoundError as error:
        raise TrustMissing(f"{path} does not exist") from error
