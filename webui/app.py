"""The application factory.

Invariant: the application is a value of its two arguments; it reads no environment, clock or chance by itself.

Source: Flask documentation, "Application Factories"; securedrop (typed configuration).
Not here: reading settings, building services, serving (scripts/).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from hashlib import sha256, sha384
from pathlib import Path
from typing import Any

from flask import Flask, url_for
from flask_wtf.csrf import CSRFProtect

from webui import request_words, words
from webui.config import SiteConfig
from webui.errors import init_errors
from webui.login import init_login, visitor
from webui.pages import PAGES
from webui.security import FORM_OVERHEAD, init_security
from webui.services import Services
from webui.site import EXTENSION, build_site, site
from webui.store.database import upgrade_database

ONE_DAY_S = 24 * 3600


def create_app(config: SiteConfig, services: Services) -> Flask:
    """Return the site; its database is brought to the newest revision first.

    Raises:
        MisconfiguredError: the database URL cannot be used.
        DatabaseUnavailable: the database does not answer.
    """
    upgrade_database(config.database_url)
    app = Flask("webui", root_path=str(Path(__file__).parent))
    app.config.from_mapping(_flask_settings(config))
    app.extensions[EXTENSION] = build_site(config, services)
    init_login(app)
    init_security(app)  # before CSRF, which reads the form
    CSRFProtect(app)
    init_errors(app)
    _init_templates(app, config)
    for page in PAGES:
        app.register_blueprint(page)
    return app


def _flask_settings(config: SiteConfig) -> dict[str, Any]:
    return {
        "SECRET_KEY": config.secret_key,
        "SESSION_COOKIE_NAME": "__Host-hemaledger" if config.secure_cookies else "hemaledger",
        "SESSION_COOKIE_SECURE": config.secure_cookies,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(seconds=config.session_s),
        "WTF_CSRF_TIME_LIMIT": config.session_s,
        "MAX_CONTENT_LENGTH": config.image_cap + FORM_OVERHEAD,
        "SEND_FILE_MAX_AGE_DEFAULT": ONE_DAY_S,
        "TEMPLATES_AUTO_RELOAD": False,
    }


def _init_templates(app: Flask, config: SiteConfig) -> None:
    """Give the templates the words, with the hospital's zone filled in."""
    zone = config.tz
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for function in (words.when, words.on_day, words.at_time, words.iso, words.verification):
        app.jinja_env.globals[function.__name__] = partial(function, zone=zone)
    plain = (
        words.verdict,
        words.thing_of,
        words.class_name,
        words.measured_on,
        words.percent,
        words.phase,
        words.protection,
        words.outcome,
        words.summary_of,
        words.hexed,
        words.shortened,
        words.bars,
        words.grouped,
    )
    for other in (
        *plain,
        words.chief_metrics,
        words.metric_name,
        words.metric_value,
        words.birthday,
        words.attested,
        words.listing,
        request_words.purpose,
        request_words.record_number,
        request_words.closed,
        request_words.allowed,
        request_words.askable,
        request_words.request_state,
        request_words.refusal,
    ):
        app.jinja_env.globals[other.__name__] = other
    app.jinja_env.globals["dealt"] = lambda row: site().dealt(row)
    app.jinja_env.filters["any_byte"] = request_words.any_byte
    app.jinja_env.globals["asset"] = _assets(app)
    app.jinja_env.globals["integrity"] = partial(_integrity, Path(app.static_folder or ""))
    app.context_processor(lambda: {"visitor": visitor(), "config_of_site": config})


def _assets(app: Flask) -> Callable[[str], str]:
    """Return the template function that names a static file by its contents, so that caches never serve an old one."""
    root = Path(app.static_folder or "")
    versions = {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).hexdigest()[:12]
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }

    def asset(filename: str) -> str:
        return url_for("static", filename=filename, v=versions[filename])

    return asset


@cache
def _integrity(root: Path, filename: str) -> str:
    """Return what a browser compares a script with before it runs it (Subresource Integrity)."""
    return "sha384-" + b64encode(sha384((root / filename).read_bytes()).digest()).decode()
