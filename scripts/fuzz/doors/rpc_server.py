"""The embedded chain's port: HTTP requests and JSON-RPC bodies from strangers, sent to a real chain."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
from pathlib import Path

from scripts.demo.child_process import ChainProcess
from scripts.fuzz._door import Door, Finding
from scripts.fuzz._memory import children_of
from scripts.wiring.home import Home

TIMEOUT_S = 15.0
RAW = 0
"""An input with this first byte is a whole HTTP request. Any other is a body, without its first byte."""
GOOD = (
    b'{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}',
    b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x0",false]}',
    b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"to":"0x0000000000000000000000000000000000000001"},"latest"]}',
    b'{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0","toBlock":"latest"}]}',
    b'{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x02f8"]}',
    b'{"jsonrpc":"2.0","id":1,"method":"hemaledger_news","params":["0x0",[],1]}',
    b'[{"jsonrpc":"2.0","id":1,"method":"eth_chainId"},{"jsonrpc":"2.0","id":2,"method":"eth_gasPrice"}]',
)
HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "


def open_door(folder: Path) -> Door:
    """Start a chain and return its door."""
    shutil.rmtree(folder / "home", ignore_errors=True)
    chain = ChainProcess(Home(folder / "home"))
    host, port = chain.url.removeprefix("http://").rstrip("/").split(":")
    address = (host, int(port))
    whole = [bytes([RAW]) + HEAD + str(len(body)).encode() + b"\r\n\r\n" + body for body in GOOD[:2]]

    def knock(data: bytes) -> None:
        if data[:1] == bytes([RAW]):
            _send_raw(address, data[1:])
        else:
            _post(address, data[1:])
        _alive(address)

    return Door(knock, [*(b"{" + body for body in GOOD), *whole], lambda: (chain.pid, *children_of(chain.pid)))


def _post(address: tuple[str, int], body: bytes) -> None:
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Finding(f"no JSON-RPC answer: {error}") from error
    finally:
        connection.close()


def _send_raw(address: tuple[str, int], request: bytes) -> None:
    """Send bytes and close. A stranger may get any answer or none."""
    try:
        with socket.create_connection(address, TIMEOUT_S) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(4096)
    except OSError:
        return


def _alive(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
    try:
        connection.request("POST", "/", GOOD[0], {"Content-Type": "application/json"})
        if "result" not in json.loads(connection.getresponse().read()):
            raise Finding("the chain no longer answers")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Finding(f"the chain no longer answers: {error}") from error
    finally:
        connection.close()
