"""The errors that only programs meet: tokens, scopes, fields of a request.

Invariant: each is a leaf of one of the five families, like those in webui/errors.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import MalformedError, RefusedError


@dataclass(eq=False)
class TokenRefused(RefusedError):
    """There is no token, or it is unknown, over, or revoked; the error does not say which."""

    http_status = 401
    sentence = "This address needs a valid token. Make one on the page of your account, and send it as a Bearer token."


@dataclass(eq=False)
class ScopeMissing(RefusedError):
    """The token is valid, but its owner did not give it this right."""

    scope: str
    sentence = "This token does not have the right {scope}. Make a token that has it."


@dataclass(eq=False)
class RoleRefused(RefusedError):
    """The token's owner has a role that this address is not for."""

    role: str
    sentence = "This address is not for the role {role}."


@dataclass(eq=False)
class TooManyTokens(RefusedError):
    """The account has reached the limit of valid tokens."""

    allowed: int
    http_status = 409
    sentence = "You already have {allowed} tokens, which is the limit. Revoke one before you make another."


@dataclass(eq=False)
class FieldRefused(MalformedError):
    """A part of a request is missing or has a value that this address does not accept."""

    field: str
    problem: str
    sentence = "The field {field} is not right: {problem}."


@dataclass(eq=False)
class DrawnUnconfirmed(RefusedError):
    """The model was trained on drawn cells, and the caller did not confirm to know this."""

    http_status = 409
    sentence = "This model has only seen drawn cells. Send drawn=true to say that you know this."
