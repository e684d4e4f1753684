"""The application factory.

Invariant: the application depends only on its two arguments; it reads no environment and no clock, except to measure
how long a request takes.

Source: Flask documentation, "Application Factories"; securedrop (typed configuration).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from inspect import getmembers, isfunction, signature
from pathlib import Path
from time import perf_counter
from typing import Any

from flask import Flask

from fl.audit.plain_words import without_names
from webui.config import FORM_OVERHEAD, KIBIBYTE, SiteConfig
from webui.http.access_log import init_access_log
from webui.http.assets import init_assets
from webui.http.error_pages import init_errors
from webui.http.error_words import sentence_of, translated
from webui.http.headers import init_security
from webui.http.languages import init_languages, zone
from webui.http.machines import PageSessions
from webui.http.metrics import init_metrics
from webui.http.once import FormProtect, init_once
from webui.http.page_lookups import (
    committee_names,
    hospital_called,
    is_ended,
    key_maker,
    look_again,
    menu_count,
    trustee_name,
)
from webui.http.request_ids import init_request_ids
from webui.http.rim import rimmed
from webui.http.second_step import init_second_step
from webui.http.sessions import init_login, visitor
from webui.pages import BY_TOKEN, PAGES
from webui.ports.federation import Services
from webui.presentation import (
    audit_wording,
    calendar_wording,
    code_words,
    doctor_wording,
    hospital_wording,
    key_wording,
    log_wording,
    menus,
    model_wording,
    numbers_and_dates,
    receipt_wording,
    request_wording,
    result_wording,
    review_wording,
    risk_wording,
    schema_words,
    token_forms,
    verdict_wording,
    withdrawal_wording,
    wording,
)
from webui.site import EXTENSION, build_site
from webui.store.database import upgrade_database

WORDINGS = (
    menus,
    wording,
    model_wording,
    request_wording,
    result_wording,
    receipt_wording,
    calendar_wording,
    code_words,
    log_wording,
    token_forms,
    doctor_wording,
    risk_wording,
    schema_words,
    hospital_wording,
    review_wording,
    numbers_and_dates,
    verdict_wording,
    key_wording,
    withdrawal_wording,
)
"""The modules whose functions every template has."""
HERE = Path(__file__).resolve().parent
FORM_PARTS = 320
"""Fields and files of one form; a table may have 255 columns."""
FIELD_BYTES = 256 * KIBIBYTE
"""Of all fields of a form together, without files."""


def create_app(config: SiteConfig, services: Services) -> Flask:
    """Upgrade the database to the newest revision, and return the site.

    Raises:
        MisconfiguredError: the database URL cannot be used.
        DatabaseUnavailable: the database does not answer.
    """
    upgrade_database(config.database_url)
    app = Flask("webui", root_path=str(HERE), static_folder=None)
    app.config.from_mapping(_flask_settings(config))
    app.extensions[EXTENSION] = build_site(config, services)
    app.session_interface = PageSessions()
    init_metrics(app, perf_counter)
    init_request_ids(app, perf_counter)
    init_login(app)
    init_second_step(app)
    init_access_log(app)
    init_security(app)  # before CSRF, which reads the form
    protect = FormProtect(app)
    for by_token in BY_TOKEN:
        protect.exempt(by_token)
    init_once(app, protect)
    init_errors(app)
    init_languages(app)
    init_assets(app, HERE / "static")
    _init_templates(app, config)
    for page in PAGES:
        app.register_blueprint(page)
    app.wsgi_app = rimmed(app.wsgi_app, config.hosts)  # type: ignore[assignment, method-assign]  # as Flask documents it
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
        "MAX_FORM_PARTS": FORM_PARTS,
        "MAX_FORM_MEMORY_SIZE": FIELD_BYTES,
        "TEMPLATES_AUTO_RELOAD": False,
    }


def _init_templates(app: Flask, config: SiteConfig) -> None:
    """Give the templates every function of the wording modules, with the page's zone where one is needed."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    for module in WORDINGS:
        for name, function in getmembers(module, isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                zoned = "zone" in signature(function).parameters
                app.jinja_env.globals[name] = partial(_in_zone, function) if zoned else function
    app.jinja_env.globals["again"] = lambda model: model_wording.looked_again(look_again(model), zone())
    app.jinja_env.globals |= {"key_maker": key_maker, "is_ended": is_ended}
    app.jinja_env.globals |= {"trustee_name": trustee_name, "committee_names": committee_names}
    app.jinja_env.globals["hospital_called"] = hospital_called
    app.jinja_env.globals |= {"menu_count": menu_count}
    app.jinja_env.globals |= {"finding_title": audit_wording.finding_title, "without_names": without_names}
    app.jinja_env.filters |= {"translated": translated, "sentence": sentence_of}
    app.jinja_env.filters["any_byte"] = request_wording.any_byte
    app.context_processor(lambda: {"visitor": visitor(), "config_of_site": config})


def _in_zone(function: Callable[..., object], *args: object, **kwargs: object) -> object:
    """Call a function of the wording modules with the zone of the page, unless a template names another one."""
    return function(*args, **{"zone": zone()} | kwargs)
