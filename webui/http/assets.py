"""The static files: read and compressed once at the start.

Invariant: an address with the file's current version may be cached for ever; any other address must be validated.
Files that a style sheet names with `url("...")` get their version there too.

Source: RFC 8246 (immutable); RFC 9110, 12.5.3 (Accept-Encoding).
"""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256, sha384
from mimetypes import guess_type
from pathlib import Path
from posixpath import dirname, normpath

from flask import Flask, Response, request, url_for
from werkzeug.exceptions import NotFound

EXTENSION = "hemaledger-assets"
"""Where an application keeps its `Assets`."""
FOR_EVER = "public, max-age=31536000, immutable"
ASK_FIRST = "public, max-age=0, must-revalidate"
VERSION_CHARS = 12
NAMED = re.compile(rb'url\("([\w/.-]+)"\)')
"""A file that a style sheet names, relative to itself."""
WORTH_PACKING = 0.9
"""A file is compressed if that makes it smaller than this share."""


@dataclass(frozen=True)
class Asset:
    """One static file."""

    data: bytes
    packed: bytes | None
    """gzip; None if that saves too little."""
    mimetype: str
    version: str

    @classmethod
    def read(cls, path: Path) -> Asset:
        """Read and compress a file; with a fixed time in gzip, the result is the same at every start."""
        return cls.of(path.name, path.read_bytes())

    @classmethod
    def of(cls, name: str, data: bytes) -> Asset:
        packed = gzip.compress(data, 9, mtime=0)
        version = sha256(data).hexdigest()[:VERSION_CHARS]
        mimetype = guess_type(name)[0] or "application/octet-stream"
        return cls(data, packed if len(packed) < WORTH_PACKING * len(data) else None, mimetype, version)

    @property
    def integrity(self) -> str:
        """Return the digest that a browser checks before it runs a script (Subresource Integrity)."""
        return "sha384-" + b64encode(sha384(self.data).digest()).decode()


class Assets:
    """All static files of the site."""

    def __init__(self, root: Path) -> None:
        files = (path for path in sorted(root.rglob("*")) if path.is_file())
        self._by_name = {path.relative_to(root).as_posix(): Asset.read(path) for path in files}
        for name in [each for each in self._by_name if each.endswith(".css")]:
            self._by_name[name] = self._versioned(name)

    def address(self, filename: str) -> str:
        """Return the URL of a file, with its version."""
        return url_for("static", filename=filename, v=self._by_name[filename].version)

    def _versioned(self, sheet: str) -> Asset:
        """Return a style sheet in which every file of this site has its version."""

        def named(found: re.Match[bytes]) -> bytes:
            file = normpath(f"{dirname(sheet)}/{found[1].decode()}").lstrip("/")
            return b'url("%s?v=%s")' % (found[1], self._by_name[file].version.encode())

        return Asset.of(sheet, NAMED.sub(named, self._by_name[sheet].data))

    def integrity(self, filename: str) -> str:
        return self._by_name[filename].integrity

    def text(self, filename: str) -> str:
        """Return a script or a style sheet, to write into a page."""
        return self._by_name[filename].data.decode()

    def send(self, filename: str) -> Response:
        """Answer with a file, compressed if the browser accepts that."""
        asset = self._by_name.get(filename)
        if asset is None:
            raise NotFound
        packed = asset.packed if request.accept_encodings.quality("gzip") > 0 else None
        response = Response(packed or asset.data, mimetype=asset.mimetype)
        response.headers["Cache-Control"] = FOR_EVER if request.args.get("v") == asset.version else ASK_FIRST
        if asset.packed is not None:
            response.headers["Vary"] = "Accept-Encoding"
        if packed is not None:
            response.headers["Content-Encoding"] = "gzip"
        response.set_etag(f"{asset.version}-gzip" if packed is not None else asset.version)
        response.make_conditional(request)
        return response


def init_assets(app: Flask, root: Path) -> None:
    """Serve the files below `root` at /static/, and give templates their URLs."""
    assets = Assets(root)
    app.add_url_rule("/static/<path:filename>", endpoint="static", view_func=assets.send)
    app.extensions[EXTENSION] = assets
    app.jinja_env.globals["asset"] = assets.address
    app.jinja_env.globals["integrity"] = assets.integrity
