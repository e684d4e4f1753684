"""Somebody of the staff, over HTTP with a real server."""

from __future__ import annotations

import re
from pathlib import Path

import requests

TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class StaffBrowser:
    """A browser without a screen, signed in."""

    def __init__(self, address: str, email: str, password: str) -> None:
        self._address, self._session = address, requests.Session()
        self._session.trust_env = False
        self.post("/sign-in", email=email, password=password)

    def get(self, path: str) -> requests.Response:
        answer = self._session.get(self._address + path, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer

    def post(self, path: str, file: Path | None = None, **fields: str) -> requests.Response:
        token = TOKEN.search(self.get(path).text)
        assert token is not None
        files = {"file": (file.name, file.read_bytes())} if file else None
        answer = self._session.post(
            self._address + path, data={"csrf_token": token[1]} | fields, files=files, timeout=60
        )
        assert answer.status_code == 200, answer.text
        return answer
