"""Sessions: who is signed in, and which roles may see a page.

Invariant: a page behind `only(...)` runs only for those roles; after signing out, the cookie is worthless.

Source: OWASP Session Management and Unvalidated Redirects Cheat Sheets; Flask-Login, session protection "strong".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user

from fl.protocol.errors import UnavailableError
from webui.errors import PageForbidden
from webui.http.places import place
from webui.site import site
from webui.store.access_log import LogEvent
from webui.store.accounts import SignedInUser
from webui.store.models import SiteRole
from webui.store.sessions import Steps

Arguments = ParamSpec("Arguments")
View = Callable[Arguments, ResponseReturnValue]

START_PAGES = {
    SiteRole.PATIENT: "checks.history",
    SiteRole.DOCTOR: "doctor.agenda",
    SiteRole.AUDITOR: "auditor.rounds",
    SiteRole.OPERATOR: "operator.overview",
    SiteRole.HOSPITAL: "hospital.dashboard",
}

BY_THEMSELVES = {"hospital.live", "local_training.live", "hospital_keys.live", "audits.live"}
"""What a page asks for without a person; it does not keep a session alive."""


def init_login(app: Flask) -> None:
    manager = LoginManager()
    manager.session_protection = "strong"
    manager.user_loader(_resume)
    manager.init_app(app, add_context_processor=False)  # it would ask the database while an error page renders
    app.before_request(_keep_alive)
    app.after_request(_no_remember_cookie)


def _resume(session_id: str) -> SignedInUser | None:
    return site().sessions.resume(session_id)


def _keep_alive() -> None:
    """Restart the idle time. A permanent session would do the same, but weaken "strong" to "basic"."""
    if "_user_id" in session and request.endpoint not in BY_THEMSELVES:
        session.modified = True


def _no_remember_cookie(response: Response) -> Response:
    """Stop Flask-Login from deleting a cookie that this site never sets."""
    if "_remember" in session:
        session.pop("_remember")
    return response


def visitor() -> SignedInUser | None:
    """Return who is signed in; None also if the database does not answer, so that error pages render."""
    try:
        return current_user if isinstance(current_user._get_current_object(), SignedInUser) else None  # noqa: SLF001 proxy
    except UnavailableError:
        return None


def member() -> SignedInUser:
    """Return who is signed in, on pages behind `only`."""
    user = current_user._get_current_object()  # noqa: SLF001 the documented way to look behind the proxy
    if not isinstance(user, SignedInUser):
        raise TypeError("this page needs the decorator only(...)")
    return user


def only(*roles: SiteRole) -> Callable[[View[Arguments]], View[Arguments]]:
    """Let only `roles` see a page; strangers must sign in, and other roles are refused."""

    def decorate(view: View[Arguments]) -> View[Arguments]:
        @wraps(view)
        def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ResponseReturnValue:
            if not current_user.is_authenticated:
                wanted = request.full_path.rstrip("?") if request.method == "GET" else None
                return redirect(url_for("accounts.sign_in", next=wanted))
            if member().role not in roles:
                raise PageForbidden(member().role.value)
            return view(*args, **kwargs)

        guarded.roles = roles  # type: ignore[attr-defined]  # tests/memory/test_webui_access.py reads it
        return guarded

    return decorate


def begin_session(user: SignedInUser, steps: Steps = Steps.PASSWORD) -> None:
    """Sign `user` in with an empty session; a user with a token goes on with the session of that token."""
    session.clear()
    login_user(user if user.token else _begun(user, steps))


def _begun(user: SignedInUser, steps: Steps) -> SignedInUser:
    running = site()
    line = running.line(user, LogEvent.SIGNED_IN, steps.value, request.remote_addr)
    return running.sessions.begin(user, steps, place(), lambda open_one: running.access_log.add(open_one, line))


def end_session() -> None:
    """End this session; the others of the account go on."""
    user = visitor()
    if user is not None:
        site().sessions.end_this(user)
        site().access_log.write(site().line(user, LogEvent.SIGNED_OUT, "", request.remote_addr))
    logout_user()
    session.clear()


def start_page(user: SignedInUser) -> str:
    """Return the first page after signing in."""
    return url_for(START_PAGES[user.role])


def safe_next(target: str | None) -> str | None:
    """Return `target` if it is a path of this site, else None; this prevents open redirects."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    if "\\" in target or not target.isprintable():
        return None
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else None
