"""The file of hospital servers that a site may ask: `--servers FILE`.

    {
      "regions": ["EU"],
      "servers": [
        {"name": "north", "region": "EU", "latitude": 52, "longitude": 5},
        {"name": "south", "called": "Clinic South", "region": "EU", "url": "https://south.example:8100", "latitude": 48,
         "longitude": 12}
      ]
    }

`name` is the name on the ledger, and `called` the one for people. The site's own hospital has no `url`, and people
call it as the site's `--hospital-name` does. A picture goes only into the regions of the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.roles.serving.routing import Place, Server

CAP = 256 * 1024
MOST = 200
"""Servers of one file."""
MOST_CHARS = 80
"""Of a name for people."""
_WHAT = "file of servers"


@dataclass(frozen=True)
class ServerList:
    """The servers of a site, and where pictures may go."""

    servers: tuple[Server, ...]
    regions: frozenset[str]
    called: Mapping[str, str] = field(default_factory=dict)
    """A hospital's name on the ledger -> its name for people, where the file gives one."""


def read_servers(path: Path, home: str) -> ServerList:
    """Read the file; `home` is the name of the site's own hospital.

    Raises:
        SettingInvalid: it cannot be read, or says something that cannot be used.
    """
    try:
        return _parse(strict_json.loads(path.read_bytes()[: CAP + 1], _WHAT, CAP), home)
    except OSError as error:
        raise SettingInvalid("servers", f"{path} cannot be read ({error.strerror})") from error
    except EncodingError as error:
        raise SettingInvalid("servers", f"{path}: {error}") from error


def _parse(value: strict_json.JsonValue, home: str) -> ServerList:
    fields = _fields(value, "regions", "servers")
    rows, regions = fields.value.get("servers"), fields.value.get("regions")
    if not isinstance(rows, list) or not isinstance(regions, list) or len(rows) > MOST:
        raise EncodingError(_WHAT, f"servers and regions are lists, with at most {MOST} servers")
    servers = tuple(_server(row, home) for row in rows)
    names = [server.name for server in servers]
    if len(set(names)) != len(names) or home not in names:
        raise EncodingError(_WHAT, f"each server is named once, and {home} is one of them")
    return ServerList(servers, frozenset(str(region) for region in regions), _called(rows, names))


def _called(rows: list[strict_json.JsonValue], names: list[str]) -> dict[str, str]:
    """Return the hospitals' names for people; no two are the same, and none is another hospital's on the ledger."""
    called = {
        name: Fields(row, _WHAT).text("called")
        for name, row in zip(names, rows, strict=True)
        if isinstance(row, dict) and "called" in row
    }
    for name, text in called.items():
        if not text.strip() or len(text) > MOST_CHARS or not text.isprintable():
            raise EncodingError(_WHAT, f"what people call {name} is one line of at most {MOST_CHARS} characters")
    everybody = [called.get(name, name) for name in names]
    taken = {text for name, text in called.items() if text != name and text in names}
    if len(set(everybody)) != len(everybody) or taken:
        raise EncodingError(_WHAT, "two hospitals have the same name for people, or one has another's on the ledger")
    return called


def _server(row: strict_json.JsonValue, home: str) -> Server:
    fields = _fields(row, "name", "called", "region", "url", "latitude", "longitude")
    name, url = fields.text("name"), str(fields.value.get("url", "")).rstrip("/")
    parts = urlsplit(url)
    if (name == home) != (not url) or (url and (parts.scheme not in {"http", "https"} or not parts.hostname)):
        raise EncodingError(_WHAT, f"{name} needs a url such as https://clinic.example:8100, and {home} has none")
    return Server(name, url, fields.text("region"), _place(fields))


def _place(fields: Fields) -> Place | None:
    if "latitude" not in fields.value and "longitude" not in fields.value:
        return None
    place = Place(fields.number("latitude"), fields.number("longitude"))
    if abs(place.latitude) > 90.0 or abs(place.longitude) > 180.0:  # noqa: PLR2004  # degrees
        raise EncodingError(_WHAT, "a latitude is in -90 to 90, and a longitude in -180 to 180")
    return place


def _fields(value: strict_json.JsonValue, *names: str) -> Fields:
    if not isinstance(value, dict):
        raise EncodingError(_WHAT, "a part of it is not an object")
    fields = Fields(value, _WHAT)
    fields.only(*names)
    return fields
