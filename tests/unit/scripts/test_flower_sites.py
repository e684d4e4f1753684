"""What `hemaledger federation up` writes: secrets stay where they are made, and a repeated command breaks nothing."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key

from fl.protocol.errors import EncodingError, KeystoreUnreadable, SettingInvalid
from fl.protocol.names import Role
from fl.transport.flower import certificates
from scripts.wiring import flower_sites
from scripts.wiring.flower_sites import Federation
from scripts.wiring.home import Home
from tests.support.processes import invoke

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.fixture
def coordinator(tmp_path: Path) -> Home:
    home = Home(tmp_path / "coordinator")
    _member(home, "coordinator", Role.COORDINATOR)
    return home


@pytest.fixture
def hospital(tmp_path: Path) -> Home:
    home = Home(tmp_path / "alpha")
    _member(home, "alpha", Role.HOSPITAL)
    return home


def _member(home: Home, name: str, role: Role) -> None:
    member = home.member(name)
    member.folder.mkdir(parents=True)
    member.save_role(role)


def up(home: Home, folder: Path, *options: str) -> Result:
    return invoke("federation", "up", "--home", str(home.folder), "--flower", str(folder), *options)


@pytest.fixture
def sites(coordinator: Home, tmp_path: Path) -> Path:
    done = up(coordinator, tmp_path / "flower", "--host", "fl.example.org", "--host", "192.0.2.7", "--port", "9443")
    assert done.exit_code == 0, done.output
    return tmp_path / "flower"


def test_a_private_key_is_readable_by_its_owner_alone_and_is_in_no_other_file(
    sites: Path, hospital: Home, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    assert up(hospital, mine, "--from", str(sites / "federation.json")).exit_code == 0
    secrets = [
        sites / "superlink" / "ca.key",
        sites / "superlink" / "server.key",
        mine / "hospitals" / "alpha" / "node.key",
    ]
    bodies = [file.read_text().splitlines()[2] for file in secrets]
    for file in secrets:
        assert file.stat().st_mode & 0o777 == 0o600
    for file in (*sites.rglob("*"), *mine.rglob("*")):
        if file.is_file() and file not in secrets:
            assert not any(body in file.read_text() for body in bodies), file


def test_a_hospitals_key_never_exists_at_the_coordinator(sites: Path) -> None:
    assert not list(sites.rglob("node.key"))


def test_a_hospital_without_the_coordinators_file_reads_what_it_needs(hospital: Home, tmp_path: Path) -> None:
    refused = up(hospital, tmp_path / "mine")
    assert refused.exit_code == 78
    assert "federation.json" in refused.output


def test_both_sides_read_the_same_digest_to_compare(coordinator: Home, hospital: Home, tmp_path: Path) -> None:
    ours = up(coordinator, tmp_path / "flower").output
    theirs = up(hospital, tmp_path / "mine", "--from", str(tmp_path / "flower" / "federation.json")).output
    digest = certificates.fingerprint((tmp_path / "flower" / "superlink" / "ca.pem").read_bytes())
    assert digest in ours
    assert digest in theirs


def test_a_repeated_command_keeps_keys_and_place(coordinator: Home, sites: Path) -> None:
    files = ("superlink/ca.key", "superlink/ca.pem", "superlink/server.key", "superlink/server.pem", "federation.json")
    before = {name: (sites / name).read_bytes() for name in files}
    assert up(coordinator, sites).exit_code == 0
    assert {name: (sites / name).read_bytes() for name in files} == before


def test_another_host_gets_a_new_certificate_of_the_same_authority(coordinator: Home, sites: Path) -> None:
    before = (sites / "superlink" / "ca.pem").read_bytes()
    assert up(coordinator, sites, "--host", "other.example.org").exit_code == 0
    assert (sites / "superlink" / "ca.pem").read_bytes() == before
    names = _names(sites / "superlink" / "server.pem")
    assert "other.example.org" in names
    assert Federation.from_bytes((sites / "federation.json").read_bytes()).address == "other.example.org:9443"


def test_the_certificate_names_every_host_and_this_machine(sites: Path) -> None:
    assert _names(sites / "superlink" / "server.pem") == ["fl.example.org", "192.0.2.7", "localhost", "127.0.0.1"]


def _names(file: Path) -> list[str]:
    found = x509.load_pem_x509_certificate(file.read_bytes()).extensions
    return [str(name.value) for name in found.get_extension_for_class(x509.SubjectAlternativeName).value]


def test_a_client_that_trusts_the_ca_alone_accepts_the_server(sites: Path) -> None:
    ca = x509.load_pem_x509_certificate((sites / "superlink" / "ca.pem").read_bytes())
    server = x509.load_pem_x509_certificate((sites / "superlink" / "server.pem").read_bytes())
    server.verify_directly_issued_by(ca)
    context = ssl.create_default_context(cafile=str(sites / "superlink" / "ca.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert _handshake(context, sites / "superlink", "fl.example.org")
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(context, sites / "superlink", "evil.example.org")


def _handshake(client: ssl.SSLContext, folder: Path, host: str) -> bool:
    """Shake hands in memory."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "server.pem", folder / "server.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=host)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (here, there):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return here.version() == "TLSv1.3"


def test_a_servers_certificate_is_made_again_before_it_ends() -> None:
    key, ca_key = certificates.new_key(), certificates.new_key()
    ca = certificates.new_authority(ca_key, "CA", NOW)
    server = certificates.new_server(key, ca, ca_key, ("a.example",), NOW)
    assert certificates.serves(server, ("a.example",), NOW + timedelta(days=300))
    assert not certificates.serves(server, ("a.example",), NOW + timedelta(days=380))
    assert not certificates.serves(server, ("a.example", "b.example"), NOW)
    assert not certificates.serves(b"junk", ("a.example",), NOW)


def test_flower_can_read_the_keys_of_a_node(sites: Path, hospital: Home, tmp_path: Path) -> None:
    up(hospital, tmp_path / "mine", "--from", str(sites / "federation.json"))
    here = tmp_path / "mine" / "hospitals" / "alpha"
    private = load_ssh_private_key((here / "node.key").read_bytes(), None)
    public = load_ssh_public_key((here / "node.pub").read_bytes())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    assert private.public_key() == public
    assert public.curve.name == "secp256r1"


def test_the_socket_can_be_where_two_unix_users_meet(sites: Path, hospital: Home, tmp_path: Path) -> None:
    shown = up(hospital, tmp_path / "mine", "--from", str(sites / "federation.json"), "--sockets", "/run/hemaledger")
    assert "--flower-socket /run/hemaledger/alpha.sock" in shown.output
    script = (tmp_path / "mine" / "hospitals" / "alpha" / "run.sh").read_text()
    assert 'socket="/run/hemaledger/alpha.sock"' in script


def test_another_superlinks_file_does_not_replace_the_first(sites: Path, hospital: Home, tmp_path: Path) -> None:
    up(hospital, tmp_path / "mine", "--from", str(sites / "federation.json"))
    other = Federation(("127.0.0.1",), 9092, certificates.new_authority(certificates.new_key(), "CA", NOW))
    (tmp_path / "other.json").write_bytes(other.to_bytes())
    refused = up(hospital, tmp_path / "mine", "--from", str(tmp_path / "other.json"))
    assert refused.exit_code == 78
    assert "another SuperLink" in refused.output


@pytest.mark.parametrize("data", [b"", b"[]", b'{"form":"hemaledger-flower/2"}', b"x" * 70_000])
def test_a_file_that_is_no_federation_is_malformed(data: bytes) -> None:
    with pytest.raises(EncodingError):
        Federation.from_bytes(data)


@pytest.mark.parametrize("host", ["a b", "a;rm -rf /", "$(id)", "", "ä.example", "a" * 300, "x'y"])
def test_a_host_that_a_shell_could_misread_is_refused(host: str) -> None:
    with pytest.raises(SettingInvalid):
        flower_sites.check_hosts((host,))


@pytest.mark.parametrize(
    "data", [b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"]
)
def test_a_damaged_key_is_named_and_not_replaced(coordinator: Home, sites: Path, data: bytes) -> None:
    (sites / "superlink" / "ca.key").write_bytes(data)
    refused = up(coordinator, sites)
    assert refused.exit_code == KeystoreUnreadable.exit_code
    assert (sites / "superlink" / "ca.key").read_bytes() == data


def test_the_scripts_ask_for_tls_and_keys_and_download_nothing(sites: Path) -> None:
    script = (sites / "superlink" / "run.sh").read_text()
    for part in (
        "--enable-supernode-auth",
        "--ssl-certfile",
        "--disable-runtime-dependency-installation",
        "--database",
    ):
        assert part in script
    assert "--insecure" not in script
    assert "FLWR_TELEMETRY_ENABLED=0" in script
    assert "guarded_superlink.py" in script
    subprocess.run(["/bin/sh", "-n", str(sites / "superlink" / "run.sh")], check=True)


def test_the_app_is_whole_and_needs_flwr_alone(sites: Path) -> None:
    settings = tomllib.loads((sites / "app" / "pyproject.toml").read_text())
    assert settings["project"]["dependencies"] == [f"flwr=={flower_sites.FLWR}"]
    assert f"flwr=={flower_sites.FLWR}\n" in (ROOT / "requirements-flower.txt").read_text()
    components = settings["tool"]["flwr"]["app"]["components"]
    for component in components.values():
        module, _, _ = component.partition(":")
        assert (sites / "app" / (module.replace(".", "/") + ".py")).is_file()
    connection = tomllib.loads((sites / "flwr" / "config.toml").read_text())["superlink"]["hemaledger"]
    assert Path(connection["root-certificates"]).is_file()


def test_the_command_line_loads_neither_flwr_nor_the_apps_parts_for_help() -> None:
    code = "import sys; from scripts.cli import main; main(['federation', 'up', '--help'], standalone_mode=False); "
    code += "print([name for name in sys.modules if name.split('.')[0] in ('flwr', 'cryptography', 'grpc')])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ}
    )
    assert shown.stdout.rstrip().endswith("[]"), shown.stdout
