"""What a person reads when a node cannot be reached: no password, and the reason why TLS failed."""

from __future__ import annotations

import ssl
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from chain.rpc.http import CA_VARIABLE
from chain.rpc.node import Node, NodeSettings, connect
from chain.rpc.own_ca import certificates_of
from fl.protocol.errors import ChainUnavailable, FeeDemanded, SettingInvalid, WrongChain
from fl.protocol.errors.shown_url import shown_url
from scripts.wiring.home import Deployment
from tests.support.private_ca import signed_certificate

BAD_FILE = "CAs is missing or holds no certificate in PEM; check the path in HEMALEDGER_RPC_CA"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("https://anna:secret@rpc.example:443/", "https://rpc.example:443"),
        ("https://rpc.example/v3/secret", "https://rpc.example/..."),
        ("https://rpc.example?key=secret", "https://rpc.example/..."),
        ("https://anna:se/cr@secret@rpc.example/v3/secret", "https://rpc.example/..."),
        ("anna:secret@rpc.example", "rpc.example"),
        ("https://anna:secret://x@rpc.example", "rpc.example"),
        ("https://[::1]:8545", "https://[::1]:8545"),
        ("", ""),
    ],
)
def test_a_shown_url_has_no_user_no_password_and_no_key(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize("kind", [ChainUnavailable, WrongChain, FeeDemanded])
def test_no_error_about_a_node_keeps_the_password_of_its_url(
    kind: type[ChainUnavailable | WrongChain | FeeDemanded],
) -> None:
    error = kind("https://anna:secret@rpc.example/v3/secret", "no reason")
    assert "secret" not in f"{error} {error!r} {error.facts()} {error.args}"
    assert "rpc.example" in str(error)


def test_settings_with_a_url_are_printed_without_it() -> None:
    assert "secret" not in repr(NodeSettings("https://anna:secret@rpc.example"))
    assert "secret" not in repr(Deployment("https://anna:secret@rpc.example", None, free_gas=True))  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_traceback_of_an_unreachable_node_shows_no_password(scheme: str) -> None:
    with pytest.raises(ChainUnavailable) as caught:
        connect(NodeSettings(f"{scheme}://anna:secret@127.0.0.1:9/v3/secret", timeout_s=1))
    shown = "".join(traceback.format_exception(caught.value)).replace(__file__, "")
    assert "secret" not in "\n".join(line for line in shown.splitlines() if "connect(" not in line)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a private CA (ca.pem) and the certificate of 127.0.0.1 that it signed (server.pem)."""
    return signed_certificate(tmp_path_factory.mktemp("ca"))


class Answers(BaseHTTPRequestHandler):
    """Answers any request with chain id 5."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"jsonrpc":"2.0","id":1,"result":"0x5"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def node(signed: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed / "server.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_certificate_of_an_unknown_ca_is_called_not_trusted(node: str) -> None:
    with pytest.raises(ChainUnavailable, match=r"certificate is not trusted here: .*HEMALEDGER_RPC_CA") as caught:
        Node(NodeSettings(node)).number("eth_chainId")
    assert "refused" not in str(caught.value)


def test_a_private_ca_is_trusted_through_the_variable(node: str, signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CA_VARIABLE, str(signed / "ca.pem"))
    assert Node(NodeSettings(node)).number("eth_chainId") == 5


def test_a_private_ca_in_the_settings_is_trusted(node: str, signed: Path) -> None:
    settings = NodeSettings(node, ca=(signed / "ca.pem").read_text())
    assert Node(settings).number("eth_chainId") == 5


@pytest.mark.parametrize("text", ["", "nothing", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_text_without_a_certificate_is_refused(text: str) -> None:
    with pytest.raises(SettingInvalid, match="no certificate"):
        certificates_of(text)


def test_a_private_key_is_never_taken_for_a_certificate(signed: Path) -> None:
    with pytest.raises(SettingInvalid, match="a private key is in it"):
        certificates_of((signed / "server.pem").read_text())


def test_only_the_certificates_of_a_text_are_kept(signed: Path) -> None:
    pem = (signed / "ca.pem").read_text()
    assert certificates_of(f"a note\n{pem}another note\n") == certificates_of(pem) == pem


def test_a_missing_file_of_cas_is_named_as_the_reason(node: str, signed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CA_VARIABLE, str(signed / "nowhere.pem"))
    with pytest.raises(ChainUnavailable, match=BAD_FILE):
        Node(NodeSettings(node)).number("eth_chainId")


def test_a_file_of_cas_without_a_certificate_is_named_as_the_reason(
    node: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    monkeypatch.setenv(CA_VARIABLE, str(tmp_path / "ca.pem"))
    with pytest.raises(ChainUnavailable, match=BAD_FILE):
        Node(NodeSettings(node)).number("eth_chainId")


def test_a_node_without_tls_is_named_as_the_reason() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(ChainUnavailable, match="does not speak TLS"):
        Node(NodeSettings(f"https://127.0.0.1:{server.server_address[1]}")).number("eth_chainId")
    server.shutdown()
    server.server_close()
