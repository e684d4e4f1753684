"""The table of tokens with which programs use the site for a person.

Invariant: a token is stored only as its SHA-256; it has 256 random bits, so nobody can try them all.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webui.store.base import DIGEST_BYTES, Base, Id, Seconds
from webui.store.models import Account

LABEL_CHARS = 60
SCOPES_CHARS = 255


class ApiToken(Base):
    """One token of one account."""

    __tablename__ = "api_token"

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    label: Mapped[str] = mapped_column(String(4 * LABEL_CHARS))
    """What its owner calls it."""
    digest: Mapped[bytes] = mapped_column(LargeBinary(DIGEST_BYTES), unique=True)
    scopes: Mapped[str] = mapped_column(String(SCOPES_CHARS))
    """Values of `tokens.Scope` with a blank between two."""
    created_at: Mapped[Seconds]
    ends_at: Mapped[Seconds]
    used_at: Mapped[int | None] = mapped_column(BigInteger)
    """The last use, to the minute; None if it was never used."""
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
