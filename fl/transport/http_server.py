"""Another hospital's server for questions, over HTTP or HTTPS.

Invariant: what travels is sealed; TLS adds that nobody on the way sees who asks whom. Answers are bounded
(bounded_http.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError, ServerSilent
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex
from fl.roles.serving.query_messages import ANSWER_CAP
from fl.roles.serving.routing import Health
from fl.transport.bounded_http import exchange

STATUS_CAP = 4096
SEALED_CAP = ANSWER_CAP + 4096
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
        status, data = exchange(self.name, method, self.url + path, body, cap, seconds)
        if status != OK:
            raise ServerSilent(self.name, f"it answered with status {status}")
        return data


def _parse_status(data: bytes) -> Health:
    status = strict_json.loads(data, _STATUS, STATUS_CAP)
    if not isinstance(status, dict):
        raise EncodingError(_STATUS, "it is not an object")
    fields = Fields(status, _STATUS)
    digest = Digest(parse_hex(fields.text("model_digest"), DIGEST_BYTES, _STATUS))
    return Health(fields.integer("round"), digest, max(0, fields.integer("waiting")))
