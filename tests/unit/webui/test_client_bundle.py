"""The scripts and the style sheet that browsers load are what their sources make."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "webui" / "static" / "approve.js"
MENU = BUNDLE.with_name("menu.js")
STYLES = BUNDLE.parent / "vendor" / "bootstrap" / "bootstrap.min.css"
VERIFIER = ROOT / "webui" / "static" / "js" / "verify.js"
DIGEST = ROOT / "webui" / "static" / "js" / "digest.js"
ESBUILD = ROOT / "node_modules" / ".bin" / "esbuild"
PACKAGE = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
BUNDLED = ("@noble/curves", "@noble/hashes")


@pytest.mark.parametrize(
    ("script", "bundle"), [("client", BUNDLE), ("client:digest", DIGEST), ("client:verify", VERIFIER), ("menu", MENU)]
)
def test_the_bundle_is_what_the_sources_make(tmp_path: Path, script: str, bundle: Path) -> None:
    made = run_script(script, tmp_path)
    assert made.read_bytes() == bundle.read_bytes(), f"run `npm run {script}` and commit {bundle.name}"


def test_the_style_sheet_has_every_class_of_bootstrap_that_a_page_names_and_no_other(tmp_path: Path) -> None:
    made = run_script("styles", tmp_path)
    assert made.read_bytes() == STYLES.read_bytes(), "run `npm run styles` and commit bootstrap.min.css"


def run_script(name: str, folder: Path) -> Path:
    """Run a script of package.json with another place for what it makes; return that place."""
    if not ESBUILD.exists():
        pytest.skip("esbuild is not installed; run `make setup`")
    between, made = folder / "between.css", folder / "made"
    command = PACKAGE["scripts"][name].replace("build/bootstrap.css", str(between))
    tools = os.pathsep.join([str(ESBUILD.parent), str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")])
    command = re.sub(r"--outfile=\S+", f"--outfile={made}", command)
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": tools}, check=True, shell=True)  # noqa: S602 ours
    return made


def test_the_tools_and_libraries_are_pinned() -> None:
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", PACKAGE["devDependencies"][name]) for name in (*BUNDLED, "esbuild"))


def test_the_libraries_versions_and_licence_stand_beside_the_bundle() -> None:
    vendor = BUNDLE.parent / "vendor"
    row = next(line for line in (vendor / "README.md").read_text(encoding="utf-8").splitlines() if "noble/" in line)
    for name in BUNDLED:
        assert f"`{name}`" in row
        assert PACKAGE["devDependencies"][name] in row
    assert "MIT License" in (vendor / "noble" / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("bundle", [BUNDLE, VERIFIER], ids=["approve", "verify"])
def test_the_bundle_holds_nothing_but_those_libraries_and_ours(bundle: Path) -> None:
    sources = re.findall(r"^  // (\S+\.js)$", bundle.read_text(encoding="utf-8"), re.MULTILINE)
    folders = ("webui/client/", *(f"node_modules/{name}/" for name in BUNDLED))
    assert sources
    assert [each for each in sources if not each.startswith(folders)] == []


@pytest.mark.parametrize(("bundle", "requests"), [(BUNDLE, 1), (VERIFIER, 0)], ids=["approve", "verify"])
def test_the_bundle_makes_no_code_from_text_and_stores_nothing(bundle: Path, requests: int) -> None:
    text = bundle.read_text(encoding="utf-8")
    for forbidden in ("eval(", "new Function", "localStorage", "sessionStorage", "indexedDB", "innerHTML", "console."):
        assert forbidden not in text, forbidden
    assert len(re.findall(r"\bfetch\(", text)) == requests


def test_the_verifier_uses_no_web_crypto_and_can_be_written_into_a_page() -> None:
    text = VERIFIER.read_text(encoding="utf-8")
    assert [each for each in ("</script", "<!--", "subtle.", "XMLHttpRequest", "WebSocket", "\r") if each in text] == []
