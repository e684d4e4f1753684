"""The file of hospital servers that a site may ask: `--servers FILE`.

    {
      "regions": ["EU"],
      "servers": [
        {"name": "Clinic North", "region": "EU", "latitude": 52, "longitude": 5},
        {"name": "Clinic South", "region": "EU", "url": "https://south.example:8100", "latitude": 48, "longitude": 12}
      ]
    }

The site's own hospital has no `url`. A picture goes only into the regions of the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.roles.serving.routing import Place, Server

CAP = 256 * 1024
MOST = 200
"""Servers of one file."""
_WHAT = "file of servers"


@dataclass(frozen=True)
class ServerList:
    """The servers of a site, and where pictures may go."""

    servers: tuple[Server, ...]
    regions: frozenset[str]


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
    return ServerList(servers, frozenset(str(region) for region in regions))


def _server(row: strict_json.JsonValue, home: str) -> Server:
    fields = _fields(row, "name", "region", "url", "latitude", "longitude")
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
