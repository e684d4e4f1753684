"""The agent's end of a call: a Unix socket that takes one question a connection and gives one answer.

Invariant: what comes from outside is bounded before anything is spent on it: 4 KiB and 5 s for a question, 16
connections at a time. A user who may open the socket can call a round and read what the ledger shows; it can do nothing
else. The folder's and the file's modes decide who may.

Layout: `{"ask":"join","round":3,"seconds":20}` and a newline there; an object and a newline back.
Not here: what the answers say (desk.py), and Flower's end (app/talk.py).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid

MODE = 0o660
"""The owner and the group of the folder."""
QUESTION_CAP, QUESTION_S = 4096, 5.0
MOST_WAIT_S = 20
AT_ONCE = 16
MOST_PATH = 100
"""Bytes; the kernel's limit is 108 on Linux and 104 elsewhere."""
ASKS = ("status", "open", "join", "follow")
MOST_ROUND = 2**31
CLOSE_S = 5.0
LOG = logging.getLogger(__name__)

Answer = Callable[[str, int, float], Mapping[str, JsonValue]]


class CallSocket:
    """A socket that is open while the `with` block runs."""

    def __init__(self, path: Path, answer: Answer) -> None:
        """Prepare; `answer` gets what is asked, the round, and how many seconds it may wait.

        Raises:
            SettingInvalid: the path is too long for a socket, or something else is there.
        """
        self._path = path
        self._answer = answer
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._threads: set[threading.Thread] = set()
        self._listener = self._bound()

    def __enter__(self) -> Self:
        self._listener.listen(AT_ONCE)
        threading.Thread(target=self._serve, name="calls", daemon=True).start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Close the socket, but give the answers that are ready."""
        with contextlib.suppress(OSError):  # some systems do not let a listener be shut down; its thread ends with us
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._path.unlink(missing_ok=True)
        ends = time.monotonic() + CLOSE_S
        for thread in list(self._threads):
            thread.join(max(0.0, ends - time.monotonic()))

    def _bound(self) -> socket.socket:
        path = self._path
        if len(os.fsencode(path)) > MOST_PATH:
            raise SettingInvalid("flower-socket", f"the path {path} is too long for a socket; use a shorter one")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
                path.unlink()  # of a process that was killed: the member's lock says that it is gone
            listener.bind(str(path))
            path.chmod(MODE)
        except OSError as error:
            listener.close()
            raise SettingInvalid("flower-socket", f"{path}: {error.strerror or 'no socket can be there'}") from error
        return listener

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:  # closed
                return
            if not self._room.acquire(blocking=False):
                line.close()
                continue
            thread = threading.Thread(target=self._handle, args=(line,), name="call", daemon=True)
            self._threads.add(thread)
            thread.start()

    def _handle(self, line: socket.socket) -> None:
        try:
            with line:
                line.settimeout(QUESTION_S)
                what, number, seconds = parse_question(_line(line))
                line.settimeout(QUESTION_S)
                line.sendall(json.dumps(dict(self._answer(what, number, seconds))).encode() + b"\n")
        except (OSError, EncodingError) as error:
            LOG.debug("a call was not answered: %s", error)
        finally:
            self._threads.discard(threading.current_thread())
            self._room.release()


def parse_question(data: bytes) -> tuple[str, int, float]:
    """Return what is asked, the round, and how many seconds the answer may wait, or raise EncodingError."""
    what = "question"
    document = strict_json.loads(data, what, QUESTION_CAP)
    if not isinstance(document, dict):
        raise EncodingError(what, "it is not an object")
    fields = Fields(document, what)
    asked, number, seconds = fields.text("ask"), fields.integer("round"), fields.integer("seconds")
    if asked not in ASKS or not 0 <= number < MOST_ROUND or seconds < 0:
        raise EncodingError(what, "it asks for something else")
    return asked, number, float(min(seconds, MOST_WAIT_S))


def _line(line: socket.socket) -> bytes:
    data, ends = bytearray(), time.monotonic() + QUESTION_S
    while not data.endswith(b"\n"):
        part = line.recv(QUESTION_CAP)
        if not part or len(data) + len(part) > QUESTION_CAP or time.monotonic() > ends:
            raise EncodingError("question", "it is not one line")
        data += part
    return bytes(data)
