"""The script that browsers load is what its sources make."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "webui" / "static" / "approve.js"
DIGEST = ROOT / "webui" / "static" / "js" / "digest.js"
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
PACKAGE = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
BUNDLED = ("@noble/curves", "@noble/hashes")


@pytest.mark.parametrize(("script", "bundle"), [("client", BUNDLE), ("client:digest", DIGEST)])
def test_the_bundle_is_what_the_sources_make(tmp_path: Path, script: str, bundle: Path) -> None:
    if not ESBUILD.exists():
        pytest.skip("esbuild is not installed; run `make setup`")
    _, *options = shlex.split(PACKAGE["scripts"][script])
    made = tmp_path / bundle.name
    options = [f"--outfile={made}" if each.startswith("--outfile=") else each for each in options]
    path = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")])
    subprocess.run([ESBUILD, *options], cwd=ROOT, env={**os.environ, "PATH": path}, check=True)
    assert made.read_bytes() == bundle.read_bytes(), f"run `npm run {script}` and commit {bundle.name}"


def test_the_tools_and_libraries_are_pinned() -> None:
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", PACKAGE["devDependencies"][name]) for name in (*BUNDLED, "esbuild"))


def test_the_libraries_versions_and_licence_stand_beside_the_bundle() -> None:
    vendor = BUNDLE.parent / "vendor"
    row = next(line for line in (vendor / "README.md").read_text(encoding="utf-8").splitlines() if "noble/" in line)
    for name in BUNDLED:
        assert f"`{name}`" in row
        assert PACKAGE["devDependencies"][name] in row
    assert "MIT License" in (vendor / "noble" / "LICENSE").read_text(encoding="utf-8")


def test_the_bundle_holds_nothing_but_those_libraries_and_ours() -> None:
    sources = re.findall(r"^  // (\S+\.js)$", BUNDLE.read_text(encoding="utf-8"), re.MULTILINE)
    folders = ("webui/client/", *(f"node_modules/{name}/" for name in BUNDLED))
    assert sources
    assert [each for each in sources if not each.startswith(folders)] == []


def test_the_bundle_makes_no_code_from_text_and_stores_nothing() -> None:
    text = BUNDLE.read_text(encoding="utf-8")
    for forbidden in ("eval(", "new Function", "localStorage", "sessionStorage", "indexedDB", "innerHTML", "console."):
        assert forbidden not in text, forbidden
    assert len(re.findall(r"\bfetch\(", text)) == 1
