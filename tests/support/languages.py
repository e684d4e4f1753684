"""A second language for one test: a few German texts in a catalogue of their own, so that no translation is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask

from webui.http import languages

Texts = Mapping[str | tuple[str, str], str | tuple[str, str]]
"""English -> German; (one, many) for a text with a number."""


def speak_german(app: Flask, folder: Path, texts: Texts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a site speak German with these texts; all others stay English."""
    catalogue = Catalog(locale="de")
    for english, german in texts.items():
        catalogue.add(english, german)
    place = folder / "de" / "LC_MESSAGES" / "messages.mo"
    place.parent.mkdir(parents=True)
    with place.open("wb") as file:
        write_mo(file, catalogue)
    app.extensions["babel"].translation_directories = [str(folder)]
    monkeypatch.setattr(languages, "LANGUAGES", ("en", "de"))
