"""Pages that cannot fail: a sentence and a link to the home page.

Invariant: they need no template, database, session or address of the request.
"""

from __future__ import annotations

from html import escape

SHAPE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body><main><h1>{title}</h1><p>{sentence}</p><p><a href="/">Home page</a></p></main></body></html>
"""
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)
WORDS = {
    400: ("That could not be read", "Your request was not complete or not well formed. Go back and try again."),
    408: ("That took too long", "Your request did not arrive in time. Go back and try again."),
    413: ("That file is too large", "The file is larger than this site accepts. Go back and choose a smaller file."),
    431: ("That could not be read", "The headers of your request are too many or too long. Go back and try again."),
    500: (
        "Something went wrong",
        "This is a mistake of this site, and it is in the site's log. Please try again later.",
    ),
    501: (
        "That could not be read",
        "Your browser sent the request in a way that this site does not know. Go back and try again.",
    ),
    503: ("The site is busy", "Nothing has changed. Please try again in a moment."),
}


def plain_page(status: int, title: str = "", sentence: str = "") -> bytes:
    """Return an HTML page for `status`; its own words are the default."""
    words = WORDS.get(status, WORDS[400 if status < 500 else 500])  # noqa: PLR2004
    return SHAPE.format(title=escape(title or words[0]), sentence=escape(sentence or words[1])).encode()
