"""What a person does with an app for codes, recovery codes and passkeys."""

from __future__ import annotations

import re
from base64 import b32decode
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from werkzeug.test import TestResponse

from tests.support.authenticator import Authenticator
from tests.support.site_town import Town, Visitor

STEP = 30
"""Seconds of one code."""


class Phone:
    """An app for codes."""

    def __init__(self, town: Town, page: str) -> None:
        secret = "".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page))
        self._totp, self._town = TOTP(b32decode(secret), 6, SHA1(), STEP), town  # noqa: S303 RFC 6238

    def code(self, steps: int = 0) -> str:
        return self._totp.generate(self._town.federation.clock.now + steps * STEP).decode()


def set_up_app(town: Town, visitor: Visitor) -> Phone:
    started = visitor.post("/account/second-step/app/new", page="/account/second-step")
    assert started.location == "/account/second-step/app"
    phone = Phone(town, visitor.get("/account/second-step/app").text)
    assert visitor.post("/account/second-step/app", code=phone.code()).location == "/account/recovery-codes"
    town.federation.clock.now += STEP  # a code works once
    return phone


def recovery_codes(visitor: Visitor) -> list[str]:
    page = visitor.post("/account/recovery-codes").text
    return re.findall(r"<code>([A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4})</code>", page)


def ask(visitor: Visitor, path: str, page: str, body: dict[str, Any]) -> TestResponse:
    headers = {"X-CSRFToken": visitor.token(page), "Accept": "application/json"}
    return visitor._client.post(path, json=body, headers=headers)


def add_passkey(visitor: Visitor, device: Authenticator) -> TestResponse:
    question = ask(visitor, "/account/passkeys/question", "/account/second-step", {})
    return ask(visitor, "/account/passkeys", "/account/second-step", device.make(question.get_json()))


def use_passkey(visitor: Visitor, device: Authenticator, page: str = "/sign-in") -> TestResponse:
    question = ask(visitor, "/sign-in/passkey/question", page, {})
    return ask(visitor, "/sign-in/passkey", page, device.use(question.get_json()))
