"""One request to another member's server over HTTP or HTTPS.

Invariant: an answer is bounded in size, and its body in time, however slowly it comes. Redirects are not followed, and
no proxy of the environment sees a request.

Source: RFC 9110 (HTTP semantics).
"""

from __future__ import annotations

import time

import requests
from urllib3.exceptions import HTTPError

from fl.protocol.errors import ServerSilent

CHUNK = 16 * 1024


def exchange(name: str, method: str, url: str, body: bytes, cap: int, seconds: float) -> tuple[int, bytes]:
    """Return status and body of an answer.

    Args:
        name: How people call the server, for messages.
        method: GET or POST.
        url: Where.
        body: What is sent.
        cap: The most bytes of the answer.
        seconds: For the connection, and between two parts of the answer; the body may take as long again.

    Raises:
        ServerSilent: no answer came in time, or it is too long.
    """
    try:
        with requests.Session() as session:
            session.trust_env = False
            with session.request(
                method,
                url,
                data=body,
                headers={"Content-Type": "application/octet-stream", "Accept-Encoding": "identity"},
                timeout=seconds,
                stream=True,
                allow_redirects=False,
            ) as answer:
                return answer.status_code, _whole(name, answer, cap, time.monotonic() + seconds)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        why = "it took too long" if isinstance(error, requests.Timeout) else "there is no connection"
        raise ServerSilent(name, why) from error


def _whole(name: str, answer: requests.Response, cap: int, ends: float) -> bytes:
    data = bytearray()
    while part := answer.raw.read1(CHUNK):
        data += part
        if len(data) > cap:
            raise ServerSilent(name, "its answer is too long")
        if time.monotonic() > ends:
            raise ServerSilent(name, "it took too long")
    return bytes(data)
