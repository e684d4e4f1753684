"""How far the proof of something is, which this hospital recorded or is about to record.

Source: PROTOCOL.md 8T.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from enum import StrEnum

from fl.protocol.errors import HemaledgerError
from webui.ports.proofs import ProofService, Reach

LOG = logging.getLogger("hemaledger.site")


class Far(StrEnum):
    """How far a proof is."""

    THERE = "there"
    ROOT = "root"
    """The root over it is not on the ledger yet."""
    CHECKPOINT = "checkpoint"
    """No checkpoint that enough witnesses cosigned covers its record yet."""
    OLD = "old"
    """A line from before there were proofs of lines: it never gets one."""
    NOWHERE = "nowhere"
    """A request that did not get to the ledger, or the ledger does not answer now."""
    CHANGED = "changed"
    """It does not lead to its root."""
    LATER = "later"
    """There is one, but not in this file: the file has those of the newest lines."""


WHY: Mapping[Far, str] = {
    Far.ROOT: "The line waits for the next root of this hospital on the ledger.",
    Far.CHECKPOINT: "Its record waits for the next checkpoint of the public log.",
    Far.OLD: "The line is older than proofs of lines.",
    Far.NOWHERE: "The request is not known to be on the ledger.",
    Far.CHANGED: "The line does not lead to its root; tell the hospital.",
    Far.LATER: "This file has the proofs of the newest lines. Get this one from the page of the list.",
}
"""Why the proof of a line is not in a file, for programs, in English."""
NEVER = frozenset({Far.OLD, Far.NOWHERE, Far.CHANGED})


def state_of(far: Far) -> str:
    """Return `there`, `waits` or `none`."""
    return "there" if far in {Far.THERE, Far.LATER} else "none" if far in NEVER else "waits"


def far_reach(proofs: ProofService) -> Reach:
    """Return how far proofs go; nowhere while the log cannot be read, which is no reason to refuse a page."""
    try:
        return proofs.reach()
    except HemaledgerError as error:
        LOG.warning("nothing has a proof now: %s: %s", error.name, error)
        return Reach()
