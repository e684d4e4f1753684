"""The settings of one installation of the site.

Invariant: a `SiteConfig` is valid once it exists; the site reads it, never the environment.

Source: OWASP Password Storage Cheat Sheet (Argon2id: 19 MiB, two passes, one lane); OWASP Session Management Cheat
Sheet (idle time).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fl.protocol.errors import SettingInvalid

if TYPE_CHECKING:
    from fl.training.pictures.field import Frame

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
FORM_OVERHEAD = 64 * KIBIBYTE
"""Bytes of a form besides its file."""
MIN_SECRET_BYTES = 32
MAX_CARE_DAYS = 3650
MAX_ANCHOR_MINUTES = 24 * 60
"""PROTOCOL.md 9 wants a root at least once a day."""


@dataclass(frozen=True)
class PasswordCost:
    """The cost of one Argon2id hash. One thread, so that two sign-ins use two processors and no page waits for them."""

    time_cost: int = 2
    memory_kib: int = 19 * KIBIBYTE
    parallelism: int = 1
    at_once: int = 2
    """Hashes at the same time; each needs `memory_kib`."""


CHEAP_PASSWORDS = PasswordCost(time_cost=1, memory_kib=8, parallelism=1)
"""For tests only: one hash takes well under a millisecond."""


@dataclass(frozen=True)
class Limit:
    """At most `count` attempts within `window_s` seconds."""

    count: int
    window_s: int


@dataclass(frozen=True)
class Limits:
    """The limits for one person or one network address."""

    sign_in_pair: Limit = Limit(5, 15 * 60)
    """Failed sign-ins to one account from one address."""
    sign_in_account: Limit = Limit(50, 15 * 60)
    """Failed sign-ins to one account from all addresses; high, so that a stranger cannot lock a patient out."""
    sign_in_address: Limit = Limit(30, 15 * 60)
    """Failed sign-ins from one address."""
    sign_up_address: Limit = Limit(20, 60 * 60)
    checks: Limit = Limit(60, 60 * 60)
    """Checks of images by one patient."""
    private: Limit = Limit(5, 24 * 60 * 60)
    """Private predictions by one patient, because all hospitals together have few."""
    new_passwords: Limit = Limit(10, 60 * 60)
    """Attempts to replace a password, by one account or address."""
    searches: Limit = Limit(60, 60 * 60)
    """Look-ups of records by one doctor."""
    requests: Limit = Limit(30, 60 * 60)
    """Requests to the trustees by one person."""
    replays: Limit = Limit(120, 60 * 60)
    """Replays of rounds by one auditor."""
    receipts: Limit = Limit(120, 60 * 60)
    """Comparisons of receipts from one address."""
    exports: Limit = Limit(6, 60 * 60)
    """Exports of all data by one patient."""
    second_steps: Limit = Limit(10, 15 * 60)
    """Codes of the second step for one account."""
    passkey_questions: Limit = Limit(120, 15 * 60)
    """Questions to passkeys, for one account or address."""
    mailed_links: Limit = Limit(3, 60 * 60)
    """Links by mail for one address."""
    mailed_links_address: Limit = Limit(20, 60 * 60)
    """Links by mail that one network address may ask for."""
    risks: Limit = Limit(120, 60 * 60)
    """Forms for a risk by one person."""
    risk_files: Limit = Limit(30, 60 * 60)
    """Files of many patients by one doctor."""
    new_keys: Limit = Limit(6, 24 * 60 * 60)
    """Orders for a new key of the hospital, by all its staff."""
    withdrawals: Limit = Limit(20, 24 * 60 * 60)
    """Orders for withdrawals, by all the hospital's staff."""
    objections: Limit = Limit(6, 24 * 60 * 60)
    """Wishes of one patient to be left out of the training."""
    openings: Limit = Limit(3000, 60 * 60)
    """Records that the lists of one person open to sort or filter them, beyond those that a page shows."""
    open_bookings: int = 3
    """Future appointments of one patient."""


@dataclass(frozen=True)
class Places:
    """How many requests may do expensive work at once; of pictures and audits the same number may wait."""

    checks: int = 2
    """Checks of pictures."""
    audits: int = 1
    """Look-ups of files and replays of rounds."""
    risks: int = 1
    """Answers of models of tables."""
    passwords: int = 2
    """Sign-ins and changes of passwords."""
    passwords_waiting: int = 4
    """How many more sign-ins wait, because a hash takes far less time than `wait_s`."""
    exports: int = 1
    """Downloads of all data of a patient."""
    lists: int = 1
    """Lists that open many records to sort or filter them."""
    wait_s: float = 3.0
    checks_wait_s: float = 10.0
    """Longer than the process of the model needs to start again, so that a check waits for it and is not refused."""

    @property
    def threads(self) -> int:
        """Return how many of the server's threads such work can occupy."""
        others = self.checks + self.audits + self.risks + self.exports + self.lists
        return 2 * others + self.passwords + self.passwords_waiting


@dataclass(frozen=True)
class SmtpSettings:
    """The mail server of the hospital."""

    host: str
    port: int
    security: str = "starttls"
    """`starttls` (usual port 587), `tls` (usual port 465), or `none` (only for a server on the same machine)."""
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class MailSettings:
    """How the site sends mail: through a server, else into a folder. With neither, mails wait in the database."""

    sender: str = "no-reply@localhost"
    smtp: SmtpSettings | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class SiteConfig:
    """One installation of the site."""

    database_url: str
    """SQLAlchemy URL: `sqlite:////folder/site.db`, `postgresql+psycopg://...` or `mariadb+pymysql://...`."""
    secret_key: bytes = field(repr=False)
    """At least 32 random bytes; signs the session cookie and the CSRF tokens."""
    hospital_name: str = "Hemaledger Clinic"
    zone: str = "UTC"
    """IANA name of the time zone of opening hours and of all shown times."""
    secure_cookies: bool = True
    """False only if the site runs without TLS, on localhost."""
    image_cap: int = 8 * MEBIBYTE
    """Bytes of an uploaded image."""
    sample_cap: int = 24 * MEBIBYTE
    """Bytes of all images of one sample together."""
    file_cap: int = 64 * MEBIBYTE
    """Bytes of a file that an auditor checks."""
    session_s: int = 30 * 60
    """Idle seconds after which a session ends."""
    care_days: int = 90
    """How long after the last appointment a doctor can see a patient's records."""
    anchor_minutes: int = 30
    """How long new records and lines of the access log wait at most for a root on the ledger."""
    picture_frame: Frame | None = None
    """What the hospital's pictures of cells on black show; None if it must be inferred from the size of each cell."""
    passwords: PasswordCost = PasswordCost()
    limits: Limits = Limits()
    hosts: tuple[str, ...] = ()
    """Host names of the site, without port; the names of this machine are always allowed."""
    places: Places = Places()
    patient_risks: bool = False
    """Whether patients may use the models of tables without a doctor."""
    demo_accounts: bool = False
    """Whether the sign-in page says that all people of this installation are invented."""
    mail: MailSettings = MailSettings()
    second_step_for_staff: bool = True
    """Whether everybody except patients must set up a second step of signing in. A demonstration never asks for it."""
    address: str = "http://localhost"
    """How mails name this site, without a slash at the end: `https://clinic.example`."""
    hospitals: Mapping[str, str] = field(default_factory=dict)
    """A hospital's name on the ledger -> its name for people. Without one, pages show the name on the ledger."""

    def __post_init__(self) -> None:
        """Refuse invalid values.

        Raises:
            SettingInvalid: a short secret, an unknown zone, a cap below one byte, or too many days of care or minutes.
        """
        if len(self.secret_key) < MIN_SECRET_BYTES:
            raise SettingInvalid("secret_key", f"it needs at least {MIN_SECRET_BYTES} random bytes")
        if min(self.image_cap, self.sample_cap, self.file_cap, self.session_s) < 1:
            raise SettingInvalid("image_cap, file_cap, session_s", "each must be at least 1")
        if not 0 <= self.care_days <= MAX_CARE_DAYS:
            raise SettingInvalid("care_days", f"it must be between 0 and {MAX_CARE_DAYS}")
        if not 1 <= self.anchor_minutes <= MAX_ANCHOR_MINUTES:
            raise SettingInvalid("anchor_minutes", f"it must be between 1 and {MAX_ANCHOR_MINUTES}")
        for host in self.hosts:
            if "/" in host or "@" in host or not host.isascii() or not host.isprintable() or " " in host:
                raise SettingInvalid("site-host", f"{host!r} is not the name of a site; write it like clinic.example")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SettingInvalid(
                "zone", f"{self.zone!r} is not an IANA time zone; write it like Europe/Amsterdam"
            ) from error

    @property
    def staff_needs_second_step(self) -> bool:
        return self.second_step_for_staff and not self.demo_accounts

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
