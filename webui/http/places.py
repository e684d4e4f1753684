"""Where a request comes from, in words for its owner: the browser and the network, never the whole address.

Source: RFC 9110, 10.1.5 (User-Agent, which anybody can forge).
"""

from __future__ import annotations

from flask import request

from webui.store.networks import network_of
from webui.store.sessions import Place

BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
"""A mark in the User-Agent, and the name; the first that is there counts, because most claim to be others, too."""
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def place() -> Place:
    """Return where the current request comes from."""
    return Place(browser_of(request.headers.get("User-Agent", "")), network_of(request.remote_addr or ""))


def browser_of(agent: str) -> str:
    """Return such as `Firefox on Windows`; empty if the header names nothing that is known."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    return f"{browser} on {system}" if browser and system else browser or system
