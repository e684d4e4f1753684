"""The demo's hospital servers: the site's own, and two more that can judge its pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from fl.files import write_atomic
from scripts.demo.child_process import QueryProcess
from scripts.wiring.home import Home

REGION = "demo"
PLACES = ((52.37, 4.90), (48.14, 11.58), (41.15, -8.61))
"""Amsterdam, Munich, Porto."""
CALLED = ("Isar Hospital", "Douro Hospital")
"""How people call the second and the third hospital; the site's own has the site's name."""


def start_servers(home: Home, hospitals: Sequence[str], stack: ExitStack) -> Path:
    """Start a process for the second and the third hospital, and return the file of servers for the site."""
    rows: list[dict[str, object]] = []
    for name, (latitude, longitude) in zip(hospitals, PLACES, strict=False):
        row: dict[str, object] = {"name": name, "region": REGION, "latitude": latitude, "longitude": longitude}
        if name != hospitals[0]:
            row |= {"called": CALLED[len(rows) - 1], "url": stack.enter_context(QueryProcess(home, name)).url}
        rows.append(row)
    path = home.folder / "site" / "servers.json"
    write_atomic(path, json.dumps({"regions": [REGION], "servers": rows}, indent=2).encode())
    return path
