"""The tables beside an account: sessions, second steps, one-time links, preferences.

Invariant: no secret is stored in clear: the app's secret is encrypted with a key of the site, recovery codes and links
are digests.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webui.store.base import EMAIL_CHARS, NAME_CHARS, Base, Id, RawDigest, Seconds

KEY_CHARS = 64
"""A SHA-256 in hexadecimal: every database can index it."""
PLACE_CHARS = 80
SALT_CHARS = 32
PASSKEY_NAME_CHARS = 60
CREDENTIAL_BYTES = 1023
"""The longest credential id (WebAuthn Level 3, 4)."""


class SessionRow(Base):
    """One browser in which somebody is signed in."""

    __tablename__ = "site_session"

    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(KEY_CHARS), unique=True)
    """SHA-256 of the random token in the cookie."""
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    version: Mapped[int] = mapped_column(Integer)
    """`account.session_version` at sign-in; the session ends when that changes."""
    steps: Mapped[str] = mapped_column(String(16))
    """`sessions.Steps`: how the person proved who they are."""
    browser: Mapped[str] = mapped_column(String(PLACE_CHARS))
    network: Mapped[str] = mapped_column(String(PLACE_CHARS))
    """The network, not the whole address: 192.0.2.* or 2001:db8:1::."""
    created_at: Mapped[Seconds]
    confirmed_at: Mapped[Seconds]
    """When the person last gave a password or a passkey in this session."""
    used_at: Mapped[Seconds]
    ended_at: Mapped[int | None] = mapped_column(BigInteger)


class AppRow(Base):
    """An authenticator app (TOTP)."""

    __tablename__ = "totp"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary(64))
    """Encrypted with a key of the site."""
    confirmed_at: Mapped[int | None] = mapped_column(BigInteger)
    """None until the person typed a code."""
    last_step: Mapped[int] = mapped_column(BigInteger)
    """The last 30-second step of which a code was used; older codes are refused."""


class RecoveryRow(Base):
    """A recovery code that was not used yet."""

    __tablename__ = "recovery_code"
    __table_args__ = (UniqueConstraint("account_id", "key", name="uq_recovery_code_account_id_key"),)

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(KEY_CHARS))
    """A keyed digest of the code."""


class PasskeyRow(Base):
    """A passkey (WebAuthn credential)."""

    __tablename__ = "passkey"

    id: Mapped[Id]
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(String(KEY_CHARS), unique=True)
    """SHA-256 of the credential id."""
    credential: Mapped[bytes] = mapped_column(LargeBinary(CREDENTIAL_BYTES))
    public_key: Mapped[bytes] = mapped_column(LargeBinary(2048))
    """COSE."""
    count: Mapped[int] = mapped_column(BigInteger)
    """The signature counter; 0 for passkeys that do not count."""
    name: Mapped[str] = mapped_column(String(PASSKEY_NAME_CHARS))
    synced: Mapped[bool] = mapped_column(Boolean)
    """Whether the passkey may be on several devices."""
    created_at: Mapped[Seconds]
    used_at: Mapped[int | None] = mapped_column(BigInteger)


class OneTimeRow(Base):
    """A link or a question that works once, for a short time."""

    __tablename__ = "one_time"

    key: Mapped[str] = mapped_column(String(KEY_CHARS), primary_key=True)
    """SHA-256 of what the person or browser has to bring."""
    purpose: Mapped[str] = mapped_column(String(16))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    """None for a question to an unknown visitor."""
    about: Mapped[str | None] = mapped_column(String(EMAIL_CHARS))
    """For a change of address: the new one."""
    ends_at: Mapped[int] = mapped_column(BigInteger, index=True)


class PreferenceRow(Base):
    """How a person wants to see the pages."""

    __tablename__ = "preference"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(String(16))
    """A language tag; empty: as the browser asks."""
    zone: Mapped[str] = mapped_column(String(64))
    """An IANA name; empty: the hospital's."""
    dates: Mapped[str] = mapped_column(String(16))
    """`preferences.DATES`; empty: as the language does."""


class AccessEntry(Base):
    """One line of the access log; it is written once and never changed."""

    __tablename__ = "access_entry"
    __table_args__ = (Index("ix_access_entry_account_id_id", "account_id", "id"),)

    id: Mapped[Id]
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    account_id: Mapped[int | None] = mapped_column(Integer)
    """Who; without a foreign key, because the line stays when the account is gone. None: nobody was signed in."""
    role: Mapped[str] = mapped_column(String(16))
    event: Mapped[str] = mapped_column(String(32))
    """`access_log.Event`."""
    what: Mapped[str] = mapped_column(String(64))
    """The kind of page: an endpoint such as `checks.result`."""
    about: Mapped[str] = mapped_column(String(64))
    """Which one, such as `check_id=7`."""
    network: Mapped[str] = mapped_column(String(16))
    """A keyed digest of the network: equal networks can be seen, but not which one it is."""
    name: Mapped[str] = mapped_column(String(NAME_CHARS), default="")
    """Of who opened a record; empty in other lines."""
    salt: Mapped[str] = mapped_column(String(SALT_CHARS), default="")
    """Random, in hexadecimal: so the proof of a line tells nothing about its neighbours. Empty in lines from before."""


class AccessBatch(Base):
    """Consecutive lines of the access log whose root is a leaf among the records' leaves."""

    __tablename__ = "access_batch"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_id: Mapped[int] = mapped_column(Integer)
    last_id: Mapped[int] = mapped_column(Integer)
    size: Mapped[int] = mapped_column(Integer)
    root: Mapped[RawDigest]
    sealed_at: Mapped[Seconds]
    leaf_id: Mapped[int] = mapped_column(ForeignKey("leaf.id", ondelete="RESTRICT"), unique=True)
