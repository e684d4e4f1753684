"""gettext with types: Flask-Babel brings none.

Invariant: extraction finds these names, so every text that passes through them can be translated.
"""

from __future__ import annotations

import flask_babel


def gettext(text: str, **values: object) -> str:
    """Return a text in the language of the page, with its named placeholders filled in."""
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, many: str, num: int, **values: object) -> str:
    """Return the form of a text that fits the number `num`."""
    return str(flask_babel.ngettext(one, many, num, **values))
