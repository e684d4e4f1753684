"""Another hospital's server for questions, over HTTP or HTTPS.

Invariant: an answer is bounded in size, and its body in time, however slowly it comes. Redirects are not followed, and
no proxy of the environment sees a question. What travels is sealed; TLS adds that nobody on the way sees who asks whom.

Source: RFC 9110 (HTTP semantics).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import requests
from urllib3.exceptions import HTTPError

from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError, ServerSilent
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex
from fl.roles.serving.query_messages import ANSWER_CAP
from fl.roles.serving.routing import Health

STATUS_CAP = 4096
SEALED_CAP = ANSWER_CAP + 4096
CHUNK = 16 * 1024
OK = 200
_STATUS = "status of a server"


@dataclass(frozen=True)
class HttpServer:
    """The way to one server. Threads may share it."""

    name: str
    """The hospital's registered name, for messages."""
    url: str
    """Without a slash at the end."""
    timeout_s: float = 10.0
    """For the connection, and between two parts of an answer."""
    status_s: float = 2.0

    def health(self) -> Health:
        """Return what the server says about itself.

        Raises:
            ServerSilent: it does not say, or says something else.
        """
        data = self._send("GET", "/status", b"", STATUS_CAP, self.status_s)
        try:
            return _parse_status(data)
        except EncodingError as error:
            raise ServerSilent(self.name, "its status is malformed") from error

    def alive(self) -> bool:
        """Return whether the server says in time that it is there."""
        try:
            self._send("GET", "/healthz", b"", STATUS_CAP, self.status_s)
        except ServerSilent:
            return False
        return True

    def ask(self, question: bytes) -> bytes:
        """Return the sealed answer to a sealed question.

        Raises:
            ServerSilent: no answer came in time.
        """
        return self._send("POST", "/query", question, SEALED_CAP, self.timeout_s)

    def _send(self, method: str, path: str, body: bytes, cap: int, seconds: float) -> bytes:
        try:
            with requests.Session() as session:
                session.trust_env = False
                with session.request(
                    method,
                    self.url + path,
                    data=body,
                    headers={"Content-Type": "application/octet-stream", "Accept-Encoding": "identity"},
                    timeout=seconds,
                    stream=True,
                    allow_redirects=False,
                ) as answer:
                    if answer.status_code != OK:
                        raise ServerSilent(self.name, f"it answered with status {answer.status_code}")
                    return self._whole(answer, cap, time.monotonic() + seconds)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            why = "it took too long" if isinstance(error, requests.Timeout) else "there is no connection"
            raise ServerSilent(self.name, why) from error

    def _whole(self, answer: requests.Response, cap: int, ends: float) -> bytes:
        data = bytearray()
        while part := answer.raw.read1(CHUNK):
            data += part
            if len(data) > cap:
                raise ServerSilent(self.name, "its answer is too long")
            if time.monotonic() > ends:
                raise ServerSilent(self.name, "it took too long")
        return bytes(data)


def _parse_status(data: bytes) -> Health:
    status = strict_json.loads(data, _STATUS, STATUS_CAP)
    if not isinstance(status, dict):
        raise EncodingError(_STATUS, "it is not an object")
    fields = Fields(status, _STATUS)
    digest = Digest(parse_hex(fields.text("model_digest"), DIGEST_BYTES, _STATUS))
    return Health(fields.integer("round"), digest, max(0, fields.integer("waiting")))
