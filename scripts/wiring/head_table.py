"""What the commands and the site need to ask an encrypted head: the table of logarithms, and the trustees' servers."""

from __future__ import annotations

from fl.crypto.discrete_log import Logarithms
from fl.files import write_atomic
from fl.protocol.errors import SettingInvalid
from scripts.wiring.home import Home

TABLE_FILE = "logarithms.bin"


def logarithms_of(home: Home) -> Logarithms:
    """Return the table, from a file of the run's folder if a call before wrote it."""
    path = home.folder / TABLE_FILE
    kept = path.read_bytes() if path.is_file() else b""
    made = Logarithms(kept)
    if made.table != kept:
        write_atomic(path, made.table)
    return made


def urls_of(texts: tuple[str, ...], option: str = "trustee") -> dict[str, str]:
    """Return the servers of trustees by name from `NAME=URL` each, or raise SettingInvalid."""
    urls = {}
    for text in texts:
        name, mark, url = text.partition("=")
        if not name or not mark or not url.startswith(("http://", "https://")):
            raise SettingInvalid(option, f"{text!r} is not NAME=URL")
        urls[name] = url.rstrip("/")
    return urls
