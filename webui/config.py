"""What the operator chooses for one installation of the site.

Invariant: a value that was built is usable; everything below reads this value, never the environment.

Source: RFC 9106, section 4 (the second recommended Argon2id option); OWASP Session Management Cheat Sheet (idle time).
Not here: where the values come from (scripts/).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fl.protocol.errors import SettingInvalid

if TYPE_CHECKING:
    from fl.training.pictures.field import Frame

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
FORM_OVERHEAD = 64 * KIBIBYTE
"""Bytes of a form around the file in it."""
MIN_SECRET_BYTES = 32
MAX_CARE_DAYS = 3650


@dataclass(frozen=True)
class PasswordCost:
    """How much work one Argon2id hash is."""

    time_cost: int = 3
    memory_kib: int = 64 * KIBIBYTE
    parallelism: int = 4


CHEAP_PASSWORDS = PasswordCost(time_cost=1, memory_kib=8, parallelism=1)
"""For tests only: one hash takes well under a millisecond."""


@dataclass(frozen=True)
class Limit:
    """At most `count` attempts within `window_s` seconds."""

    count: int
    window_s: int


@dataclass(frozen=True)
class Limits:
    """What one person or one network address may do."""

    sign_in_pair: Limit = Limit(5, 15 * 60)
    """Failed sign-ins to one account from one address."""
    sign_in_account: Limit = Limit(50, 15 * 60)
    """Failed sign-ins to one account from everywhere; high, or a stranger could lock a patient out."""
    sign_in_address: Limit = Limit(30, 15 * 60)
    """Failed sign-ins from one address."""
    sign_up_address: Limit = Limit(20, 60 * 60)
    checks: Limit = Limit(60, 60 * 60)
    """Images that one patient may have checked."""
    new_passwords: Limit = Limit(10, 60 * 60)
    """Tries of one account or address to replace a password."""
    searches: Limit = Limit(60, 60 * 60)
    """Look-ups of strangers' records by one doctor."""
    requests: Limit = Limit(30, 60 * 60)
    """Requests to the trustees by one person; each costs the trustees time."""
    replays: Limit = Limit(120, 60 * 60)
    """Rounds that one auditor may have replayed."""
    open_bookings: int = 3
    """Appointments ahead that one patient may hold."""


@dataclass(frozen=True)
class Places:
    """How many requests may do dear work at once; beside each, as many may wait for a moment."""

    checks: int = 2
    """Pictures that are decoded and judged."""
    audits: int = 1
    """Files that are looked up, rounds that are replayed."""
    passwords: int = 2
    """Sign-ins and the like; they hash one after another (store/passwords.py)."""
    wait_s: float = 3.0

    @property
    def threads(self) -> int:
        """Return how many of the server's threads such work can hold at most."""
        return 2 * (self.checks + self.audits + self.passwords)


@dataclass(frozen=True)
class SiteConfig:
    """One installation of the site."""

    database_url: str
    """SQLAlchemy URL: `sqlite:////folder/site.db` or `postgresql+psycopg://...`."""
    secret_key: bytes = field(repr=False)
    """At least 32 random bytes; signs the session cookie and the CSRF tokens."""
    hospital_name: str = "Hemaledger Clinic"
    zone: str = "UTC"
    """IANA name of the zone in which opening hours are meant and times are shown."""
    secure_cookies: bool = True
    """False only when the site is served without TLS, on localhost."""
    image_cap: int = 8 * MEBIBYTE
    """Bytes of an uploaded image."""
    file_cap: int = 64 * MEBIBYTE
    """Bytes of a file that an auditor checks."""
    session_s: int = 30 * 60
    """Idle seconds after which a session ends."""
    care_days: int = 90
    """How long after the last appointment a doctor still sees a patient's records."""
    picture_frame: Frame | None = None
    """What pictures of cells on black show that people bring; None: each cell's size must say it."""
    passwords: PasswordCost = PasswordCost()
    limits: Limits = Limits()
    hosts: tuple[str, ...] = ()
    """Names and addresses by which browsers may call the site, without port; those of this machine always may."""
    places: Places = Places()
    demo_accounts: bool = False
    """Whether the sign-in page says that this installation shows invented people."""

    def __post_init__(self) -> None:
        """Refuse values the site cannot work with.

        Raises:
            SettingInvalid: short secret, unknown zone, a cap below one byte, or care without end.
        """
        if len(self.secret_key) < MIN_SECRET_BYTES:
            raise SettingInvalid("secret_key", f"it needs at least {MIN_SECRET_BYTES} random bytes")
        if min(self.image_cap, self.file_cap, self.session_s) < 1:
            raise SettingInvalid("image_cap, file_cap, session_s", "they must be positive")
        if not 0 <= self.care_days <= MAX_CARE_DAYS:
            raise SettingInvalid("care_days", f"it must be in 0..{MAX_CARE_DAYS}")
        for host in self.hosts:
            if "/" in host or "@" in host or not host.isascii() or not host.isprintable() or " " in host:
                raise SettingInvalid("site-host", f"{host!r} is no name of a site, such as clinic.example")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingInvalid("zone", f"{self.zone!r} is no IANA time zone") from error

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
