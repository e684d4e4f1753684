"""Hardhat's node as a child process without a port (devnode.js); requests go over its standard streams.

Invariant: the child ends when its standard input closes, so it never outlives this process.

Source: devnode.js. The real Node binary is started (tools.py), because its launcher's child would outlive us.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

from chain.rpc.node import NodeRefusal
from chain.tools import node_binary, require_hardhat
from fl.protocol import strict_json
from fl.protocol.errors import ChainUnavailable, EncodingError

START_S = 60.0
ANSWER_S = 60.0
STOP_S = 5.0
TOO_MUCH = -32005
_NUMBER = re.compile(rb'\{"id":([0-9]{1,18}),')
LINE_CAP = 40 * 1024 * 1024
SCRIPT = Path(__file__).with_name("devnode.js")


class NodeProcess:
    """One running child; safe to use from several threads."""

    def __init__(self, project: Path, log: Path, ended: Callable[[], None]) -> None:
        """Start Hardhat of `project`; the child's error output goes to `log`; `ended` is called when it dies.

        Raises:
            ToolMissing: Node or Hardhat is not installed.
            ChainUnavailable: the child did not start; the log says why.
        """
        folder = require_hardhat(project)
        self._log = log
        self._ended = ended
        self._ids = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._ready: Future[Any] = Future()
        self._alive = True
        with log.open("wb") as stderr:
            self._child = subprocess.Popen(
                [str(node_binary()), str(SCRIPT), str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=folder,
            )
        threading.Thread(target=self._read, name="devnode", daemon=True).start()
        try:
            self._ready.result(START_S)
        except (FutureTimeoutError, ChainUnavailable) as error:
            self.stop()
            raise self._unavailable("it did not start") from error

    @property
    def pid(self) -> int:
        return self._child.pid

    def request(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """Return the result of one JSON-RPC request.

        Raises:
            NodeRefusal: the node answered with an error.
            ChainUnavailable: the child ended or hangs.
        """
        return self._send(method, {"method": method, "params": params})

    def sequence(self, *calls: tuple[str, Sequence[Any]]) -> list[Any]:
        """Return the results of several requests in order, made in one exchange.

        Raises:
            NodeRefusal: the node refused one; those after it were not made.
            ChainUnavailable: the child ended or hangs.
        """
        results: list[Any] = self._send(calls[0][0], {"calls": calls})
        return results

    def _send(self, method: str, message: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        number = next(self._ids)
        future: Future[Any] = Future()
        line = json.dumps({"id": number, **message}, allow_nan=False) + "\n"
        with self._lock:
            if not self._alive or self._child.stdin is None:
                raise self._unavailable("it ended")
            self._waiting[number] = future
            try:
                self._child.stdin.write(line.encode())
                self._child.stdin.flush()
            except OSError as error:
                raise self._unavailable("it ended") from error
        try:
            return future.result(ANSWER_S)
        except FutureTimeoutError as error:
            self._waiting.pop(number, None)
            raise self._unavailable(f"no answer to {method} within {ANSWER_S:g} s") from error

    def stop(self) -> None:
        """End the child and wait for it."""
        self._alive = False
        if not self._lock.acquire(timeout=STOP_S):  # a request is blocked, because the child stopped reading
            self._child.kill()
            self._lock.acquire()
        try:
            if self._child.stdin is not None:
                self._child.stdin.close()
        except OSError:
            self._child.kill()
        finally:
            self._lock.release()
        try:
            self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _read(self) -> None:
        stdout = self._child.stdout
        for line in stdout or ():
            message = _message(line)
            if "ready" in message:
                self._ready.set_result(message["ready"])
                continue
            number = message.get("id")
            future = self._waiting.pop(number, None) if isinstance(number, int) else None
            if future is not None:
                self._settle(future, message)
        self._finish()

    @staticmethod
    def _settle(future: Future[Any], message: dict[str, Any]) -> None:
        if "error" in message:
            error = message["error"]
            future.set_exception(NodeRefusal(error if isinstance(error, dict) else {}))
        else:
            future.set_result(message.get("result"))

    def _finish(self) -> None:
        expected = not self._alive
        with self._lock:
            self._alive = False
            waiting = list(self._waiting.values())
            self._waiting.clear()
        for future in waiting:
            future.set_exception(self._unavailable("it ended"))
        if not self._ready.done():
            self._ready.set_exception(self._unavailable("it ended"))
        elif not expected:
            self._ended()

    def _unavailable(self, why: str) -> ChainUnavailable:
        return ChainUnavailable("the embedded chain", f"Hardhat's node: {why}; see {self._log}")


def _message(line: bytes) -> dict[str, Any]:
    """Parse a line of the child; an answer that is too large becomes an error with its id."""
    try:
        message = strict_json.loads(line, "node's answer", LINE_CAP)
    except EncodingError as error:
        number = _NUMBER.match(line)
        refusal = {"code": TOO_MUCH, "message": f"{error}"}
        return {"id": int(number[1]), "error": refusal} if number else {}  # output of a library
    return message if isinstance(message, dict) else {}
