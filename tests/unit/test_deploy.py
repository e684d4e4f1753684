"""The files in docs/deploy fit the program: their commands parse, their paths exist, nothing runs as root.

The chart is rendered here by a few lines that know what it uses of Helm's language; Helm itself is not needed.
"""

from __future__ import annotations

import http.server
import json
import re
import runpy
import shlex
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from scripts.cli import main
from scripts.wiring.secret_files import VARIABLES
from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = sorted(DEPLOY.glob("compose.*.yaml"))
SERVICES = sorted((DEPLOY / "systemd").glob("*.service"))
CHART = DEPLOY / "helm" / "hemaledger"
GIVEN = {"NAME": "alpha"}
EXPOSURE = 2.0
"""The most that systemd-analyze may find; 10 is the worst."""


def parses(arguments: list[str]) -> click.Context:
    """Parse a command line as the program does, without running it; raises click.UsageError."""
    context = main.make_context("hemaledger", list(arguments))
    while isinstance(context.command, click.Group):
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        context = command.make_context(name, rest, parent=context)
    return context


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEMALEDGER_HOME", str(tmp_path))


# --- Images ------------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    return [(words[0], words[1]) for line in text.splitlines() if len(words := line.split(None, 1)) == 2]


def test_every_file_that_an_image_copies_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    for kind, rest in instructions():
        if kind == "COPY" and "--from" not in rest:
            for source in [word for word in rest.split() if not word.startswith("--")][:-1]:
                assert (ROOT / source).exists(), source
                assert source in kept, source
    assert all((ROOT / path).exists() for path in kept)


def test_images_run_as_a_user_without_rights_and_say_whether_they_are_well() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    names = {re.search(r" AS (\S+)", stage)[1]: stage for stage in stages}  # type: ignore[index]
    assert {"member", "operator"} <= set(names)
    for name in ("member", "operator"):
        assert names[name].startswith("runtime AS")
        assert "USER" not in names[name]
    assert "USER 10001:10001" in names["runtime"]
    assert "HEALTHCHECK" in names["runtime"]
    assert json.loads(re.search(r"ENTRYPOINT (.*)", names["runtime"])[1]) == ["hemaledger"]  # type: ignore[index]


def test_no_step_of_an_image_depends_on_a_processor_or_has_a_secret() -> None:
    assert not re.search(r"amd64|x86_64|aarch64|arm64|\bADD\b|curl|wget", DOCKERFILE)
    assert not re.search(r"(?i)password|secret|token", DOCKERFILE)


def test_the_targets_that_an_image_makes_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", DOCKERFILE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_health_check_sees_a_port_that_answers_and_one_that_does_not() -> None:
    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    healthy = runpy.run_path(str(DEPLOY / "healthy.py"))["healthy"]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        assert healthy(f"http://127.0.0.1:{port}/healthz")
        assert healthy(f"tcp://127.0.0.1:{port}")
        assert not healthy(f"http://127.0.0.1:{port}/readyz")
        server.shutdown()
    closed = free_port()
    for address in (f"http://127.0.0.1:{closed}/healthz", f"tcp://127.0.0.1:{closed}", "file:///etc/passwd", ""):
        assert not healthy(address)


# --- Compose -----------------------------------------------------------------------------------------------------


def filled(text: str) -> str:
    """Fill in variables as compose does: ${NAME:?why} and ${NAME:-default}."""
    return re.sub(r"\$\{(\w+)(?::([?-])([^}]*))?\}", lambda m: GIVEN.get(m[1], m[3] if m[2] == "-" else ""), text)


def services() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    files = [(path.name, yaml.safe_load(filled(path.read_text(encoding="utf-8")))) for path in COMPOSE]
    return [(file, name, each, whole) for file, whole in files for name, each in whole["services"].items()]


@pytest.mark.parametrize(("file", "name", "service", "whole"), services(), ids=lambda value: str(value)[:20])
def test_a_composed_service_runs_a_command_that_exists_without_rights(
    file: str, name: str, service: dict[str, Any], whole: dict[str, Any]
) -> None:
    parses([str(word) for word in service["command"]])
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), (file, name)
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service.get("secrets", ())) <= set(whole["secrets"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    if "build" in service:
        build = service["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
        assert f" AS {build['target']}\n" in DOCKERFILE
    for variable, value in service["environment"].items():
        if variable.endswith("_FILE"):
            assert variable.removesuffix("_FILE") in VARIABLES
            assert value.removeprefix("/run/secrets/") in service["secrets"]


# --- systemd -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_exists(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    line = re.search(r"^ExecStart=(.*)$", text, re.MULTILINE)[1]  # type: ignore[index]
    if "$ARGUMENTS" in line:
        line = line.replace("$ARGUMENTS", re.search(r"ARGUMENTS=(.*)", text)[1])  # type: ignore[index]
    words = shlex.split(line)
    if words[0] == "/bin/sh":
        words = ["hemaledger", "backup", "a.age", "--name", "alpha"]
        assert 'hemaledger backup "$${STATE_DIRECTORY##*:}/' in line
    assert words[0].endswith("hemaledger")
    parses(words[1:])
    for variable in re.findall(r"^Environment=(\w+)_FILE=%d/", text, re.MULTILINE):
        assert variable in VARIABLES
    assert "User=hemaledger" in text
    assert "NoNewPrivileges=yes" in text


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd-analyze")
@pytest.mark.parametrize("unit", sorted((DEPLOY / "systemd").iterdir()), ids=lambda path: path.name)
def test_systemd_accepts_a_unit_and_finds_it_closed(unit: Path, tmp_path: Path) -> None:
    copies = [Path(shutil.copy(each, tmp_path)) for each in (DEPLOY / "systemd").iterdir()]
    for copy in copies:
        copy.write_text(copy.read_text().replace("/opt/hemaledger/.venv/bin/hemaledger", "/bin/true"))
    told = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / unit.name], capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    if unit.suffix == ".service":
        command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE * 10:.0f}", str(unit)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0


# --- Helm --------------------------------------------------------------------------------------------------------


def rendered(template: Path, values: dict[str, Any]) -> str:
    """Render what this chart uses of Helm: if/end without nesting, .Values, .Release.Name, quote and toJson."""

    def value(expression: str) -> str:
        path, *filters = [part.strip() for part in expression.split("|")]
        found: Any = {"Values": values, "Release": {"Name": "alpha"}}
        for part in path.strip(".").split("."):
            found = found[part]
        return json.dumps(found) if set(filters) & {"quote", "toJson"} else str(found)

    lines, shown = [], True
    for line in template.read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\{\{- if (\S+) \}\}", line):
            shown = value(match[1]) not in {"", "False"}
        elif line == "{{- end }}":
            shown = True
        elif shown:
            lines.append(re.sub(r"\{\{ (.*?) \}\}", lambda m: value(m[1]), line))
    return "\n".join(lines)


@pytest.mark.parametrize("site", [True, False])
@pytest.mark.parametrize("data", ["", "images"])
def test_the_chart_gives_one_agent_without_rights_whose_commands_exist(*, site: bool, data: str) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    values |= {"data": data, "storageClass": data}
    values["site"]["enabled"] = site
    stateful = yaml.safe_load(rendered(CHART / "templates" / "statefulset.yaml", values))
    service = yaml.safe_load(rendered(CHART / "templates" / "service.yaml", values))
    assert stateful["spec"]["replicas"] == 1
    pod = stateful["spec"]["template"]
    labels = pod["metadata"]["labels"].items()
    assert stateful["spec"]["selector"]["matchLabels"].items() <= labels
    assert service["spec"]["selector"].items() <= labels
    assert pod["spec"]["securityContext"]["runAsNonRoot"]
    assert pod["spec"]["securityContext"]["runAsUser"] == 10001
    containers = pod["spec"]["containers"]
    assert [each["name"] for each in containers] == ["agent", "site"][: 1 + site]
    mounted = {"home", *(each["name"] for each in pod["spec"]["volumes"])}
    for each in containers:
        parses(each["args"])
        assert {mount["name"] for mount in each["volumeMounts"]} <= mounted
        assert each["securityContext"]["readOnlyRootFilesystem"]
        assert not each["securityContext"]["allowPrivilegeEscalation"]
        names = {port["name"] for port in each["ports"]}
        assert each["livenessProbe"]["httpGet"]["port"] in names
        assert {entry["name"].removesuffix("_FILE") for entry in each["env"]} <= {*VARIABLES, "HEMALEDGER_METRICS"}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= {
        port["name"] for each in containers for port in each["ports"]
    }


def test_the_chart_has_the_version_of_the_program() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]  # type: ignore[index]
    assert chart["appVersion"] == version
