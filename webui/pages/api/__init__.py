"""The API for programs, version 1: the same services as the pages, with a token instead of a session."""

from __future__ import annotations

from webui.pages.api import appointments, checks, choices, ledger, reviews, risks  # noqa: F401 their operations
from webui.pages.api.operations import blueprint as blueprint
