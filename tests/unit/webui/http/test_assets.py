"""Static files: what a style sheet names has its version, so that a browser may keep it."""

from __future__ import annotations

import re
from pathlib import Path

from flask import Flask

from webui.http.assets import init_assets

ROOT = Path(__file__).parents[4] / "webui" / "static"


def test_a_file_that_a_style_sheet_names_is_kept_for_ever(tmp_path: Path) -> None:
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "a.woff2").write_bytes(b"a font")
    (tmp_path / "site.css").write_text('@font-face { src: url("fonts/a.woff2"); }', encoding="utf-8")
    app = Flask("test", static_folder=None)
    init_assets(app, tmp_path)
    browser = app.test_client()
    found = re.search(r'url\("(.+?)"\)', browser.get("/static/site.css").text)
    assert found is not None
    answer = browser.get(f"/static/{found[1]}")
    assert answer.data == b"a font"
    assert "immutable" in answer.headers["Cache-Control"]


def test_every_file_that_a_style_sheet_names_exists() -> None:
    sheets = [path for path in ROOT.rglob("*.css") if "vendor" not in path.parts]
    named = [
        (sheet.parent, name) for sheet in sheets for name in re.findall(r'url\("([^"]+)"\)', sheet.read_text("utf-8"))
    ]
    assert named
    assert [str(folder / name) for folder, name in named if not (folder / name).is_file()] == []
