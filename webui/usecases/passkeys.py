"""Passkeys (WebAuthn): make one, sign in with one.

Invariant: every answer belongs to a question that this site asked a moment ago, and each question is used once. A
passkey without a second step beside it must check the person (PIN, finger, face); after a password its presence is
enough. Questions and answers are bound to the origin in the address bar, so a copied page gets nothing.

Source: WebAuthn Level 3, 7.1 and 7.2, by the package webauthn; no attestation is asked for.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webui.account_errors import PasskeyMalformed, PasskeyRefused
from webui.store.accounts import AccountStore, SignedInUser
from webui.store.keyed import Keyed
from webui.store.one_time import OneTime, OneTimeStore
from webui.store.passkeys import NewPasskey, PasskeyStore
from webui.usecases.second_steps import SecondSteps

if TYPE_CHECKING:
    from webauthn.authentication.verify_authentication_response import VerifiedAuthentication

    from webui.store.account_tables import PasskeyRow

QUESTION_S = 5 * 60
HANDLE_BYTES = 32
Answer = dict[str, Any]
"""What the browser returned, as JSON (WebAuthn Level 3, 5.1.8); not verified."""


@dataclass(frozen=True)
class Origin:
    """The site as the browser knows it."""

    host: str
    """The relying party's id: a name, never an IP address."""
    url: str
    """Such as `https://clinic.example`."""


class Passkeys:
    """Making and using passkeys."""

    def __init__(
        self, store: PasskeyStore, questions: OneTimeStore, steps: SecondSteps, accounts: AccountStore, keyed: Keyed
    ) -> None:
        self.store = store
        self._questions = questions
        self._steps = steps
        self._accounts = accounts
        self._keyed = keyed

    def of(self, account_id: int) -> list[PasskeyRow]:
        return list(self.store.of(account_id))

    def new_question(self, user: SignedInUser, origin: Origin, hospital: str) -> str:
        """Return the JSON with which the browser makes a passkey."""
        from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415  # slow to import
        from webauthn.helpers import structs  # noqa: PLC0415

        options = generate_registration_options(
            rp_id=origin.host,
            rp_name=hospital,
            user_name=self._accounts.email_of(user.id),
            user_display_name=user.name,
            user_id=self._handle(user.id),
            challenge=self._ask(OneTime.NEW_PASSKEY, user.id),
            timeout=QUESTION_S * 1000,
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.PREFERRED,
                user_verification=structs.UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=[
                structs.PublicKeyCredentialDescriptor(id=row.credential) for row in self.store.of(user.id)
            ],
        )
        return options_to_json(options)

    def add(self, user: SignedInUser, origin: Origin, answer: Answer, name: str) -> None:
        """Store the passkey that the browser made.

        Raises:
            PasskeyMalformed: the answer cannot be read.
            PasskeyRefused: it does not belong to this site, this account, or an open question.
            TooManyPasskeys: the account has as many as it can have.
        """
        challenge = _challenge_of(answer)
        new = _verify_new(answer, challenge, origin, name)

        def work(session: Session) -> None:
            granted = self._questions.take(session, OneTime.NEW_PASSKEY, challenge)
            if granted is None or granted.account_id != user.id:
                raise PasskeyRefused
            self.store.add(session, user.id, new)
            self._steps.added(session, user)

        try:
            self.store.database.write(work)
        except IntegrityError as error:
            raise PasskeyRefused from error

    def question(self, origin: Origin, account_id: int | None) -> str:
        """Return the JSON with which the browser uses a passkey of this account, or of any (None)."""
        from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415  # slow to import
        from webauthn.helpers import structs  # noqa: PLC0415

        allowed = [] if account_id is None else self.store.of(account_id)
        checks = structs.UserVerificationRequirement
        options = generate_authentication_options(
            rp_id=origin.host,
            challenge=self._ask(OneTime.PASSKEY, account_id),
            timeout=QUESTION_S * 1000,
            allow_credentials=[structs.PublicKeyCredentialDescriptor(id=row.credential) for row in allowed],
            user_verification=checks.REQUIRED if account_id is None else checks.PREFERRED,
        )
        return options_to_json(options)

    def use(self, origin: Origin, answer: Answer, account_id: int | None) -> SignedInUser:
        """Return whose passkey answered; None for `account_id` if no password came before.

        Raises:
            PasskeyMalformed: the answer cannot be read.
            PasskeyRefused: it does not belong to a passkey of this account, or to an open question.
        """
        challenge, row = _challenge_of(answer), self.store.find(_decoded(answer.get("id")))
        if row is None or account_id not in {None, row.account_id}:
            raise PasskeyRefused
        verified = _verify_use(answer, challenge, origin, row, alone=account_id is None)

        def work(session: Session) -> None:
            granted = self._questions.take(session, OneTime.PASSKEY, challenge)
            if granted is None or granted.account_id != account_id:
                raise PasskeyRefused
            self.store.used(session, row.id, verified.new_sign_count)

        self.store.database.write(work)
        user = self._accounts.get(row.account_id)
        if user is None:
            raise PasskeyRefused
        return user

    def remove(self, user: SignedInUser, row_id: int, *, needed: bool) -> None:
        """Remove a passkey; `needed` says whether the account must keep a second step.

        Raises:
            NotFound: the account has no such passkey.
            LastSecondStep: it must keep one, and this is the last.
        """

        def work(session: Session) -> None:
            self.store.remove(session, user.id, row_id)
            self._steps.removed(session, user, needed=needed)

        self.store.database.write(work)

    def _ask(self, purpose: OneTime, account_id: int | None) -> bytes:
        new: Callable[[Session], bytes] = lambda session: self._questions.new(  # noqa: E731
            session, purpose, QUESTION_S, account_id
        )
        return self.store.database.write(new)

    def _handle(self, account_id: int) -> bytes:
        """Return the user handle: it says nothing about the person (WebAuthn Level 3, 14.6.1)."""
        return bytes.fromhex(self._keyed.tag("user handle", str(account_id)))[:HANDLE_BYTES]


def _verify_new(answer: Answer, challenge: bytes, origin: Origin, name: str) -> NewPasskey:
    from webauthn import verify_registration_response  # noqa: PLC0415  # slow to import
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415
    from webauthn.helpers.structs import CredentialDeviceType  # noqa: PLC0415

    try:
        made = verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=origin.host, expected_origin=origin.url
        )
    except WebAuthnException as error:
        raise PasskeyRefused from error
    except Exception as error:  # the library's parsers raise many kinds for strange bytes
        raise PasskeyMalformed from error
    synced = made.credential_device_type is CredentialDeviceType.MULTI_DEVICE
    return NewPasskey(made.credential_id, made.credential_public_key, made.sign_count, name, synced)


def _verify_use(
    answer: Answer, challenge: bytes, origin: Origin, row: PasskeyRow, *, alone: bool
) -> VerifiedAuthentication:
    from webauthn import verify_authentication_response  # noqa: PLC0415  # slow to import
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    try:
        return verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=origin.host,
            expected_origin=origin.url,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.count,
            require_user_verification=alone,
        )
    except WebAuthnException as error:
        raise PasskeyRefused from error
    except Exception as error:  # the library's parsers raise many kinds for strange bytes
        raise PasskeyMalformed from error


def _challenge_of(answer: Answer) -> bytes:
    """Return the question that an answer says it belongs to; whether that is true is verified later."""
    response = answer.get("response")
    client = _decoded(response.get("clientDataJSON") if isinstance(response, dict) else None)
    try:
        said = json.loads(client)
    except ValueError as error:
        raise PasskeyMalformed from error
    return _decoded(said.get("challenge") if isinstance(said, dict) else None)


def _decoded(text: object) -> bytes:
    """Return the bytes of base64url without padding."""
    if not isinstance(text, str):
        raise PasskeyMalformed
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise PasskeyMalformed from error
