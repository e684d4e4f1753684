"""Where somebody goes from an error page: back to the form, or to the page above an address that is none."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import current_app, request

from webui.http.sessions import safe_next


def back() -> str:
    """Return the path of the page with the form, or of the page before."""
    origin = urlsplit(request.referrer or "")
    if origin.netloc == request.host and safe_next(origin.path) and origin.path != request.path:
        return origin.path
    if request.method != "POST":
        return ""
    return request.path if current_app.url_map.bind("").test(request.path, "GET") else ""


def above() -> str:
    """Return the nearest page above an address that is none, such as `/requests/` for `/requests/ask`; else empty."""
    map_of_site, path = current_app.url_map.bind(""), request.path.rstrip("/")
    while "/" in path[1:]:
        path = path.rpartition("/")[0]
        found = next((each for each in (f"{path}/", path) if map_of_site.test(each, "GET")), "")
        if found:
            return found
    return ""
