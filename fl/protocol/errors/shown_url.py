"""How a URL is named in sentences, logs and pages: without what only its owner may know.

Source: RFC 3986, 3.2.1 (user information in a URL is deprecated); providers of Ethereum nodes put keys into the path.
"""

from __future__ import annotations

import re


def shown_url(url: str) -> str:
    """Return scheme, host and port of `url`; user, password, path and query are left out ("/..." for the latter two).

    It never raises, so that a wrong URL can be named too: everything before its last @ is left out.
    """
    scheme, mark, rest = url.rpartition("://")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        scheme, mark = "", ""
        rest = url
    place = rest.rpartition("@")[2]
    host = re.split(r"[/?#\\]", place, maxsplit=1)[0]
    hidden = "/..." if place[len(host) :].strip("/") else ""
    return f"{scheme}{mark}{host}{hidden}"
