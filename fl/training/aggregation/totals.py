"""A round's totals as a document: for the auditor's report, the audit and the terminal.

Invariant: the document is bounded. A lane that does not fit any more is named by its digest, which every member of a
masked round can compute from its own replay.

Source: PROTOCOL.md 5L and 7.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fl.protocol.codec import JsonValue, sha256
from fl.protocol.errors import EncodingError, TotalsMismatch
from fl.protocol.names import show
from fl.training.aggregation.lanes import Entries, Lane, LanePlan

MAX_SHOWN = 4096
"""Numbers in one document."""
EXACT = 2**53
"""No sum is larger (lanes.py)."""
_TOTALS = "totals in a report"
MAX_LINE = 16
"""Numbers in one line for people."""
COUNTED = 2**32
"""Lanes whose numbers can be larger hold fractions as large whole numbers, which say nothing to people."""


def totals_document(plan: LanePlan, totals: Mapping[str, Entries], hospitals: int) -> dict[str, JsonValue]:
    """Return purpose and lanes with what they reveal; each has its `sum`, or the `digest` of its sum.

    A digest is the SHA-256 of the sum as little-endian int64.
    """
    left, lanes = MAX_SHOWN, list[JsonValue]()
    for lane in plan.lanes:
        entries = totals[lane.name]
        shown: dict[str, JsonValue] = {"digest": show(sha256(entries.astype("<i8").tobytes()))}
        if lane.length <= left:
            shown, left = {"sum": [int(entry) for entry in entries]}, left - lane.length
        lanes.append({**lane.to_dict(), **shown})
    return {"purpose": plan.purpose, "hospitals": hospitals, "lanes": lanes}


def check_totals(reported: JsonValue, summed: Mapping[str, JsonValue]) -> None:
    """Compare the totals in a report with the document of a replay.

    Raises:
        EncodingError: the report has no totals, or for another purpose or number of hospitals.
        TotalsMismatch: it gives another sum of a lane.
    """
    head = ("purpose", "hospitals")
    if not isinstance(reported, dict) or [reported.get(name) for name in head] != [summed[name] for name in head]:
        raise EncodingError("auditor's report", "it has no totals of this round")
    theirs, ours = reported.get("lanes"), summed["lanes"]
    if not isinstance(theirs, list) or not isinstance(ours, list) or len(theirs) != len(ours):
        raise EncodingError("auditor's report", "it has other lanes than this round")
    for one, other in zip(theirs, ours, strict=True):
        if one != other and isinstance(other, dict):
            raise TotalsMismatch(str(other["name"]))


def totals_of(plan: LanePlan, document: JsonValue) -> dict[str, Entries]:
    """Return the sums of all lanes in a document that `totals_document` made for `plan`.

    Raises:
        EncodingError: it is another document, or a lane was too long for it.
    """
    lanes = document.get("lanes") if isinstance(document, dict) else None
    if not isinstance(lanes, list) or len(lanes) != len(plan.lanes):
        raise EncodingError(_TOTALS, "they are not those of this round")
    return {lane.name: _sums(lane, shown) for lane, shown in zip(plan.lanes, lanes, strict=True)}


def _sums(lane: Lane, shown: JsonValue) -> Entries:
    if not isinstance(shown, dict) or {**lane.to_dict(), "sum": shown.get("sum")} != shown:
        raise EncodingError(_TOTALS, f"the lane {lane.name} is missing, is another one, or shows no numbers")
    numbers = shown["sum"]
    whole = isinstance(numbers, list) and all(type(number) is int and abs(number) <= EXACT for number in numbers)
    if not whole or not isinstance(numbers, list) or len(numbers) != lane.length:
        raise EncodingError(_TOTALS, f"the lane {lane.name} does not have {lane.length} whole numbers")
    return np.array(numbers, np.int64)


def total_lines(document: Mapping[str, JsonValue]) -> list[str]:
    """Return one line per lane for people."""
    lanes = document["lanes"]
    each = [lane for lane in lanes if isinstance(lane, dict)] if isinstance(lanes, list) else []
    return [f"{lane['name']}: {_numbers(lane)}. {lane['reveals']}" for lane in each]


def total_words(document: Mapping[str, JsonValue]) -> str:
    """Return what the totals of a round tell everybody, in sentences; only a few counts are named."""
    lanes = document["lanes"]
    each = [lane for lane in lanes if isinstance(lane, dict)] if isinstance(lanes, list) else []
    return " ".join(f"{lane['reveals']} {_counts(lane)}" for lane in each)


def _counts(lane: Mapping[str, JsonValue]) -> str:
    numbers, high = lane.get("sum"), lane.get("high")
    if isinstance(numbers, list) and len(numbers) <= MAX_LINE and isinstance(high, int) and high <= COUNTED:
        return f"In this round: {', '.join(map(str, numbers))}."
    length = lane["length"]
    return "(One number.)" if length == 1 else f"({length} numbers.)"


def _numbers(lane: Mapping[str, JsonValue]) -> str:
    numbers = lane.get("sum")
    if isinstance(numbers, list):
        rest = f" and {len(numbers) - MAX_LINE} more" if len(numbers) > MAX_LINE else ""
        return " ".join(map(str, numbers[:MAX_LINE])) + rest
    return f"{lane['length']} numbers with the SHA-256 {lane['digest']}"
