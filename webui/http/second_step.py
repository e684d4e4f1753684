"""The second step of signing in: who must take it, who must set it up, and who must say again who they are.

Invariant: between the right password and the second step there is no session; staff without a second step reach only
the pages that set one up, if the site demands it.

Source: OWASP Multifactor Authentication Cheat Sheet; OWASP ASVS 5.0, 6.3 and 7.5.3 (say again before a change).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from flask import Flask, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from webui.http.sessions import Arguments, View, begin_session, member, safe_next, start_page, visitor
from webui.site import site
from webui.store.accounts import SignedInUser
from webui.store.sessions import Steps

HALFWAY, STEPPED_UP = "halfway", "stepped_up"
HALFWAY_S = 10 * 60
FRESH_S = 10 * 60
"""How long after signing in somebody may change how they sign in, and how long a second step once more counts."""
OPEN = frozenset(
    {
        "static",
        "accounts.sign_out",
        "factors.choose",
        "factors.start_app",
        "factors.app",
        "factors.app_picture",
        "factors.recovery",
        "passkeys.new_options",
        "passkeys.add",
        "account.confirm",
    }
)
"""What staff without a second step may reach. Pages without a session stay open to everybody."""


def init_second_step(app: Flask) -> None:
    app.before_request(_stop_the_unfinished)


def must_set_up(user: SignedInUser) -> bool:
    """Return whether somebody who is signed in must set up a second step before anything else."""
    return user.staff and user.steps == Steps.PASSWORD.value and site().config.staff_needs_second_step


def _stop_the_unfinished() -> ResponseReturnValue | None:
    if "_user_id" not in session or request.endpoint is None or request.endpoint in OPEN:
        return None
    if request.endpoint.startswith("health."):
        return None
    user = visitor()
    if user is None or not must_set_up(user):
        return None
    return redirect(url_for("factors.choose"))


def enter(user: SignedInUser, target: str | None = None) -> ResponseReturnValue:
    """Go on after the right password: ask for the second step if the account has one, else begin a session."""
    if site().second_steps.of(user.id).any:
        session.clear()
        session[HALFWAY] = [user.id, user.session_version, site().services.clock()]
        return redirect(url_for("factors.second", next=target))
    begin_session(user)
    return redirect(target or start_page(user))


def halfway() -> SignedInUser | None:
    """Return who gave the right password a moment ago in this browser, without a session yet."""
    found = session.get(HALFWAY)
    if not isinstance(found, list) or not site().services.clock() - int(found[2]) < HALFWAY_S:
        return None
    user = site().accounts.get(int(found[0]))
    return user if user is not None and user.session_version == found[1] else None


def recently(view: View[Arguments]) -> Callable[Arguments, ResponseReturnValue]:
    """Let somebody change how they sign in only soon after they proved who they are; else ask for the password."""

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ResponseReturnValue:
        if site().services.clock() - member().confirmed_at < FRESH_S:
            return view(*args, **kwargs)
        back = request.path if request.method == "GET" else safe_next(request.args.get("next"))
        return redirect(url_for("account.confirm", next=back))

    return guarded


def stepped_up(view: View[Arguments]) -> Callable[Arguments, ResponseReturnValue]:
    """Let somebody act only soon after the second step once more; without a second step, after the password."""

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ResponseReturnValue:
        user, now = member(), site().services.clock()
        if not site().second_steps.of(user.id).any:
            return recently(view)(*args, **kwargs)
        found = session.get(STEPPED_UP)
        if isinstance(found, list) and found[0] == user.id and 0 <= now - int(found[1]) < FRESH_S:
            return view(*args, **kwargs)
        return redirect(url_for("step_up.code", next=request.path))

    return guarded


def note_step_up() -> None:
    """Note in this session that the person has just taken the second step once more."""
    session[STEPPED_UP] = [member().id, site().services.clock()]
