"""Writes what the verifier in the browser must know of the contracts: events, calls, and names of numbers.

Invariant: webui/client/verify/records.js is byte for byte what this module makes from the contracts' ABI (a test).

`python -m chain.contracts.browser_table` writes the file again.

Source: chain/contracts/events.py (the same table, in Python); fl/protocol/batches.py (steps).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any, get_type_hints

from chain.contracts import artifacts
from chain.contracts.events import CONTRACT_OF, FUNCTIONS, event_abi, snake
from fl.protocol.batches import STEPS
from fl.protocol.names import Role, StatementKind
from fl.protocol.records import Record, Terms

TARGET = Path(__file__).resolve().parents[2] / "webui" / "client" / "verify" / "records.js"
_HEAD = """/**
 * The contracts' events and calls, by the record that they make. Made by `python -m chain.contracts.browser_table`.
 *
 * A field is [name, ABI type, indexed] and, of an enum, its values; the type of a struct is the list of its fields.
 */
"""


def table() -> str:
    """Return the module's text."""
    rows = [f"  {json.dumps(kind.__name__)}: {json.dumps(_row(kind))}," for kind in sorted(CONTRACT_OF, key=_by_name)]
    names = {each.__name__: {str(int(one)): one.name for one in each} for each in (Role, StatementKind)}
    steps = {str(int(phase)): kind.__name__ for phase, kind in STEPS.items()}
    parts = [
        _HEAD,
        "export const RECORDS = {\n" + "\n".join(rows) + "\n};\n",
        f"/** The names of some enums' values. */\nexport const NAMES = {json.dumps(names)};\n",
        f"/** The record of each phase of a wide round, by its number. */\nexport const STEPS = {json.dumps(steps)};\n",
    ]
    return "\n".join(parts)


def _by_name(kind: type[Record]) -> str:
    return kind.__name__


def _row(kind: type[Record]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    row: dict[str, Any] = {
        "contract": CONTRACT_OF[kind],
        "event": [_field(item, hints) for item in event_abi(kind)["inputs"]],
    }
    if kind in FUNCTIONS:
        function = artifacts.load(CONTRACT_OF[kind]).entry("function", FUNCTIONS[kind])
        row["call"] = FUNCTIONS[kind]
        row["arguments"] = [_field(item, hints) for item in function["inputs"]]
    return row


def _field(item: Mapping[str, Any], hints: Mapping[str, Any]) -> list[Any]:
    name = snake(item["name"])
    if "components" in item:
        inside = get_type_hints(Terms)
        return [name, [_field(part, inside) for part in item["components"]], bool(item.get("indexed"))]
    field = [name, item["type"], bool(item.get("indexed"))]
    hint = hints.get(name)
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        field.append([int(one) for one in hint])
    return field


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
