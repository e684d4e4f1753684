"""Second steps of an account: the authenticator app and the recovery codes.

Invariant: a code works once. The last 30-second step of the app is stored in the transaction that accepts its code, and
a recovery code is deleted by the use.

Source: RFC 6238, 5.2 (one use, one step of delay); NIST SP 800-63B, 3.1.4 (one-time passwords) and 3.1.2.2 (recovery).
Not here: passkeys (passkeys.py).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webui.account_errors import AppNotStarted, SecondStepRefused
from webui.store.account_tables import AppRow, PasskeyRow, RecoveryRow
from webui.store.database import Database
from webui.store.keyed import Keyed
from webui.store.readable_codes import ALPHABET
from webui.store.sessions import Steps

SECRET_BYTES = 20
STEP_S = 30
DIGITS = 6
DRIFT = 1
"""Steps before and after the current one that are accepted: clocks of telephones differ."""
RECOVERY_CODES = 10
RECOVERY_CHARS = 12
"""60 bits."""
GROUP = 4
SEALED, RECOVERY = "totp", "recovery code"


@dataclass(frozen=True)
class Factors:
    """The second steps that an account has."""

    app: bool
    passkeys: int
    recovery_codes: int

    @property
    def any(self) -> bool:
        return self.app or self.passkeys > 0


class FactorStore:
    """The apps and recovery codes."""

    def __init__(self, database: Database, keyed: Keyed, clock: Callable[[], int]) -> None:
        """Store them in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._keyed = keyed
        self._clock = clock

    def of(self, account_id: int) -> Factors:
        with self._database.reading() as session:
            return factors_of(session, account_id)

    def start(self, account_id: int) -> None:
        """Make a secret for a new app; it counts from `confirm` on.

        Raises:
            AppNotStarted: the account already has an app.
        """
        secret = self._keyed.seal(SEALED, account_id, secrets.token_bytes(SECRET_BYTES))

        def work(session: Session) -> None:
            row = session.get(AppRow, account_id)
            if row is not None and row.confirmed_at is not None:
                raise AppNotStarted
            if row is None:
                session.add(AppRow(account_id=account_id, secret=secret, last_step=0))
            else:
                row.secret = secret

        self._database.write(work)

    def started(self, account_id: int) -> bytes | None:
        """Return the secret of an app that is being set up; None if there is none."""
        with self._database.reading() as session:
            row = session.get(AppRow, account_id)
        return None if row is None or row.confirmed_at is not None else self._open(row)

    def confirm(self, session: Session, account_id: int, code: str) -> None:
        """Take the first code of a new app, in the caller's transaction.

        Raises:
            AppNotStarted: no app is being set up.
            SecondStepRefused: the code is wrong.
        """
        row = session.get(AppRow, account_id)
        if row is None or row.confirmed_at is not None:
            raise AppNotStarted
        row.last_step, row.confirmed_at = self._step(row, code), self._clock()

    def use(self, session: Session, account_id: int, code: str) -> Steps:
        """Take a code of the app or a recovery code, in the caller's transaction.

        Raises:
            SecondStepRefused: it is wrong, too old, or was used.
        """
        row, typed = session.get(AppRow, account_id), _typed(code)
        if len(typed) == DIGITS and row is not None and row.confirmed_at is not None:
            row.last_step = self._step(row, typed)
            return Steps.APP
        key = self._recovery_key(account_id, typed)
        mine = (RecoveryRow.account_id == account_id, RecoveryRow.key == key)
        used = session.execute(delete(RecoveryRow).where(*mine))
        if used.rowcount != 1:  # type: ignore[attr-defined]  # a DELETE has a count
            raise SecondStepRefused
        return Steps.RECOVERY

    def new_recovery_codes(self, session: Session, account_id: int) -> tuple[str, ...]:
        """Replace all recovery codes of an account, and return the new ones."""
        raw = ["".join(secrets.choice(ALPHABET) for _ in range(RECOVERY_CHARS)) for _ in range(RECOVERY_CODES)]
        session.execute(delete(RecoveryRow).where(RecoveryRow.account_id == account_id))
        keys = [self._recovery_key(account_id, code) for code in raw]
        session.add_all(RecoveryRow(account_id=account_id, key=key) for key in keys)
        return tuple("-".join(code[i : i + GROUP] for i in range(0, RECOVERY_CHARS, GROUP)) for code in raw)

    def remove_app(self, session: Session, account_id: int) -> None:
        session.execute(delete(AppRow).where(AppRow.account_id == account_id))

    def _step(self, row: AppRow, code: str) -> int:
        """Return the step to which a code belongs; steps up to the last used one are refused."""
        totp = TOTP(self._open(row), DIGITS, SHA1(), STEP_S)  # noqa: S303 RFC 6238's HMAC-SHA-1, which apps know
        now = self._clock() // STEP_S
        for step in range(now - DRIFT, now + DRIFT + 1):
            right = hmac.compare_digest(totp.generate(step * STEP_S), _typed(code).encode())
            if right and step > row.last_step:
                return step
        raise SecondStepRefused

    def _open(self, row: AppRow) -> bytes:
        return self._keyed.open(SEALED, row.account_id, row.secret)

    def _recovery_key(self, account_id: int, typed: str) -> str:
        return self._keyed.tag(RECOVERY, f"{account_id}\0{typed}")


def factors_of(session: Session, account_id: int) -> Factors:
    app = session.get(AppRow, account_id)
    passkeys = session.scalar(select(func.count(PasskeyRow.id)).where(PasskeyRow.account_id == account_id))
    codes = session.scalar(select(func.count(RecoveryRow.id)).where(RecoveryRow.account_id == account_id))
    return Factors(app is not None and app.confirmed_at is not None, passkeys or 0, codes or 0)


def remove_all_factors(session: Session, account_id: int) -> None:
    """Remove every second step of an account, in the caller's transaction."""
    for table in (AppRow, RecoveryRow, PasskeyRow):
        session.execute(delete(table).where(table.account_id == account_id))


def _typed(code: str) -> str:
    """Return a code without blanks and hyphens, in capitals."""
    return "".join(sign for sign in code.upper() if sign.isascii() and sign.isalnum())
