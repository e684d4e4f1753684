"""Checking a proof or a receipt in the browser, without an account and without this site's word.

Invariant: nothing is sent here: the script on the page reads the files. `/verify.html` is the same page as one file:
its own policy allows its one script and its one style sheet by their SHA-256, and no connection.

Source: PROTOCOL.md 8T.5 and 8T.6; W3C Content Security Policy Level 3, "hash-source".
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from flask import Blueprint, Response, current_app, make_response, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from fl.protocol.errors import UnavailableError
from fl.protocol.task_catalogue import TASKS
from webui.errors import NotFound
from webui.http.assets import EXTENSION, Assets
from webui.http.headers import policy_text
from webui.site import site

blueprint = Blueprint("verify", __name__)
SCRIPT = "js/verify.js"
STYLES = ("vendor/bootstrap/bootstrap.min.css", "site.css", "css/verify.css")
FONT = re.compile(r"@font-face \{[^}]*\}\n?")
"""A font is a file of its own; without it the page uses one of the device."""
CLASSES = sorted({each.name for task in TASKS.values() for each in task.classes})
"""What receipts call the answers that a site knows; each has a translation."""


@blueprint.get("/verify")
def page() -> ResponseReturnValue:
    """Check a proof or a receipt."""
    return render_template("verify/page.html", trust=_trust(), classes=CLASSES)


@blueprint.get("/verify.html")
def alone() -> ResponseReturnValue:
    """Send the page as one file, which works from disk and without network."""
    assets: Assets = current_app.extensions[EXTENSION]
    script, style = assets.text(SCRIPT), FONT.sub("", "".join(map(assets.text, STYLES)))
    policy = {
        "default-src": "'none'",
        "script-src": _hashed(script),
        "style-src": _hashed(style),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    response = make_response(
        render_template(
            "verify/alone.html",
            trust=_trust(),
            classes=CLASSES,
            script=Markup(script),  # noqa: S704 - this site's own file
            style=Markup(style),  # noqa: S704
            policy=policy_text(policy),
        )
    )
    response.headers["Content-Security-Policy"] = policy_text(policy | {"frame-ancestors": "'none'"})
    return response


@blueprint.get("/trust.json")
def trust() -> ResponseReturnValue:
    """Send the file that says whose signatures count, as this site knows it."""
    data = site().services.proofs.trust_file()
    if data is None:
        raise NotFound
    return Response(
        data, mimetype="application/json", headers={"Content-Disposition": "attachment; filename=trust.json"}
    )


def _trust() -> str | None:
    """Return this site's trust file; None if there is no log, or the chain does not answer now."""
    try:
        data = site().services.proofs.trust_file()
    except UnavailableError:
        return None
    return None if data is None else data.decode()


def _hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
