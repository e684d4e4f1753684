"""The language of a page: what the person chose, or what the browser asks for, if the site speaks it.

Invariant: every page has one language, and `<html lang>` names it. The source texts are English; a language counts as
spoken only if every text is translated (tests/unit/webui/test_translations.py).

Source: RFC 9110, 12.5.4 (Accept-Language); gettext, by Flask-Babel.
"""

from __future__ import annotations

from flask import Flask, has_request_context, request
from flask_babel import Babel, get_locale

LANGUAGES = ("en",)
"""The first is used if the browser asks for none of them."""


def init_languages(app: Flask) -> None:
    """Let templates and code translate their texts with `_` (gettext)."""
    Babel(app, default_locale=LANGUAGES[0], locale_selector=language)
    app.jinja_env.globals["language"] = lambda: str(get_locale() or LANGUAGES[0])


def language() -> str:
    """Return the language of the page that is being made."""
    if not has_request_context():
        return LANGUAGES[0]
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]
