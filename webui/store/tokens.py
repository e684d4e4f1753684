"""Personal tokens: make, list, revoke, recognise.

Invariant: the secret leaves this module once, when it is made. A token never has a right that its owner's role has not,
and none at all after its owner's account is disabled.

Source: RFC 6750 (Bearer tokens); OWASP REST Security Cheat Sheet; GitHub's prefixes of tokens, by which scanners find
lost ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from webui.errors import NotFound
from webui.ports.api_errors import TokenRefused, TooManyTokens
from webui.store.accounts import Also, SignedInUser, nothing_else
from webui.store.database import Database
from webui.store.handled import mark_made
from webui.store.models import SiteRole
from webui.store.token_tables import ApiToken

PREFIX = "hlt_"
SECRET_BYTES = 32
LONGEST = 128
"""Characters of a token that anybody may send."""
MOST = 20
"""Valid tokens of one account."""
DAY_S = 24 * 3600
NOTED_EVERY_S = 60


class Scope(StrEnum):
    """One right that the owner of a token gives to it."""

    CHECKS_READ = "checks:read"
    CHECKS_WRITE = "checks:write"
    CHECKS_ERASE = "checks:erase"
    CONSENT_READ = "consent:read"
    CONSENT_WRITE = "consent:write"
    REVIEWS_READ = "reviews:read"
    REVIEWS_WRITE = "reviews:write"
    APPOINTMENTS_READ = "appointments:read"
    APPOINTMENTS_WRITE = "appointments:write"
    RISKS_READ = "risks:read"
    RISKS_WRITE = "risks:write"
    LEDGER_READ = "ledger:read"
    METRICS_READ = "metrics:read"


SCOPES: Mapping[SiteRole, tuple[Scope, ...]] = {
    SiteRole.PATIENT: (
        Scope.CHECKS_READ,
        Scope.CHECKS_WRITE,
        Scope.CHECKS_ERASE,
        Scope.CONSENT_READ,
        Scope.CONSENT_WRITE,
        Scope.APPOINTMENTS_READ,
        Scope.APPOINTMENTS_WRITE,
        Scope.RISKS_READ,
        Scope.RISKS_WRITE,
    ),
    SiteRole.DOCTOR: (
        Scope.CHECKS_READ,
        Scope.REVIEWS_READ,
        Scope.REVIEWS_WRITE,
        Scope.APPOINTMENTS_READ,
        Scope.RISKS_READ,
        Scope.RISKS_WRITE,
    ),
    SiteRole.AUDITOR: (Scope.LEDGER_READ,),
    SiteRole.OPERATOR: (Scope.LEDGER_READ, Scope.METRICS_READ),
}


def scopes_of(role: SiteRole) -> tuple[Scope, ...]:
    """Return what a token of this role may have; nothing for a role that has no row yet."""
    return SCOPES.get(role, ())


@dataclass(frozen=True)
class Caller:
    """Who uses a token, and what it may do."""

    user: SignedInUser
    scopes: frozenset[str]
    token_id: int


class TokenStore:
    """The tokens."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store tokens in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def create(
        self, owner: SignedInUser, label: str, scopes: Iterable[Scope], days: int, also: Also = nothing_else
    ) -> str:
        """Store a new token that ends after `days` days, and return its secret; `also` runs in the same transaction.

        Raises:
            TooManyTokens: the account has as many as it may have.
        """
        secret, now = PREFIX + secrets.token_urlsafe(SECRET_BYTES), self._clock()
        allowed = [scope.value for scope in scopes_of(owner.role) if scope in set(scopes)]

        def work(session: Session) -> None:
            valid = (ApiToken.account_id == owner.id, ApiToken.revoked_at.is_(None), ApiToken.ends_at > now)
            if (session.scalar(select(func.count(ApiToken.id)).where(*valid)) or 0) >= MOST:
                raise TooManyTokens(MOST)
            session.add(
                ApiToken(
                    account_id=owner.id,
                    label=label,
                    digest=digest_of(secret),
                    scopes=" ".join(allowed),
                    created_at=now,
                    ends_at=now + days * DAY_S,
                )
            )
            mark_made(session)
            also(session, owner.id)

        self._database.write(work)
        return secret

    def of(self, account_id: int) -> Sequence[ApiToken]:
        """Return an account's tokens that were not revoked, the newest first."""
        query = select(ApiToken).where(ApiToken.account_id == account_id, ApiToken.revoked_at.is_(None))
        with self._database.reading() as session:
            return session.scalars(query.order_by(ApiToken.id.desc())).all()

    def revoke(self, account_id: int, token_id: int) -> None:
        """End a token at once; it may be repeated.

        Raises:
            NotFound: this account has no such token.
        """
        now = self._clock()

        def work(session: Session) -> None:
            token = session.get(ApiToken, token_id)
            if token is None or token.account_id != account_id:
                raise NotFound
            token.revoked_at = token.revoked_at or now

        self._database.write(work)

    def recognise(self, secret: str) -> Caller:
        """Return who uses this token now, and note the time.

        Raises:
            TokenRefused: it is not a valid token of an active account.
        """
        now = self._clock()
        with self._database.reading() as session:
            token = session.scalar(select(ApiToken).where(ApiToken.digest == digest_of(secret)))
        if token is None or token.revoked_at is not None or token.ends_at <= now:
            raise TokenRefused
        account = token.account
        if account.disabled_at is not None:
            raise TokenRefused
        if now - (token.used_at or 0) >= NOTED_EVERY_S:
            self._note(token.id, now)
        user = SignedInUser(account.id, SiteRole(account.role), account.name, account.session_version)
        allowed = {scope.value for scope in scopes_of(user.role)}
        return Caller(user, frozenset(token.scopes.split()) & allowed, token.id)

    def _note(self, token_id: int, now: int) -> None:
        def work(session: Session) -> None:
            token = session.get(ApiToken, token_id)
            if token is not None:
                token.used_at = now

        self._database.note(work)


def revoke_all(session: Session, account_id: int, now: int) -> None:
    """End every token of an account in the caller's transaction."""
    valid = (ApiToken.account_id == account_id, ApiToken.revoked_at.is_(None))
    session.execute(update(ApiToken).where(*valid).values(revoked_at=now))


def digest_of(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()
