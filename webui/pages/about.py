"""Pages that every site needs: help, privacy, terms, and the files that machines look for.

Source: RFC 9116 (security.txt); RFC 9309 (robots.txt); GDPR, Art. 13.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, current_app, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue

from webui.site import site

blueprint = Blueprint("about", __name__)
VALID = timedelta(days=180)
"""RFC 9116, 2.5.5: less than a year."""
PLAIN_TEXT = "text/plain; charset=utf-8"
ROBOTS = """User-agent: *
Allow: /$
Allow: /help
Allow: /privacy
Allow: /terms
Allow: /model
Allow: /verify$
Allow: /static/
Disallow: /
"""


@blueprint.get("/help")
def help_page() -> ResponseReturnValue:
    """Answer the questions that people have."""
    return render_template("about/help.html")


@blueprint.get("/privacy")
def privacy() -> ResponseReturnValue:
    """Say what this site stores, why, for how long, and who sees it."""
    return render_template("about/privacy.html")


@blueprint.get("/terms")
def terms() -> ResponseReturnValue:
    """Say what this site is for, and what nobody promises."""
    return render_template("about/terms.html")


@blueprint.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    """Send the icon that browsers ask for by this name."""
    return send_from_directory(f"{current_app.root_path}/static/img", "favicon.ico", mimetype="image/x-icon")


@blueprint.get("/robots.txt")
def robots() -> ResponseReturnValue:
    """Let search engines read the public pages only."""
    return Response(ROBOTS, content_type=PLAIN_TEXT)


@blueprint.get("/.well-known/security.txt")
def security() -> ResponseReturnValue:
    """Say where to report a weakness."""
    today = datetime.fromtimestamp(site().services.clock(), UTC).replace(hour=0, minute=0, second=0)
    lines = (
        f"Contact: {url_for('about.help_page', _external=True, _anchor='security')}",
        f"Expires: {(today + VALID).isoformat()}",
        "Preferred-Languages: en",
        f"Canonical: {request.host_url}.well-known/security.txt",
        f"Policy: {url_for('about.help_page', _external=True, _anchor='security')}",
    )
    return Response("\n".join(lines) + "\n", content_type=PLAIN_TEXT)
