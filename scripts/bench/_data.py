"""Which images a benchmark takes when none are named: real ones where they lie, else none."""

from __future__ import annotations

import os
from pathlib import Path

CNMC = "leukemia_cnmc_128.npz"


def images_at_hand() -> Path | None:
    """Return C-NMC in the folder HEMALEDGER_DATA (default ../shared/data), or None."""
    source = Path(os.environ.get("HEMALEDGER_DATA", "../shared/data")) / CNMC
    return source if source.is_file() else None
