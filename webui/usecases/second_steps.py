"""Second steps of signing in: set up, use, remove.

Invariant: whoever is staff keeps at least one second step. The first one ends all other sessions of the account, so
that a session which began without it cannot go on. Every change is told by mail in its own transaction.

Source: NIST SP 800-63B, 4.1 and 4.2 (binding and recovery); OWASP Multifactor Authentication Cheat Sheet.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from webui.account_errors import LastSecondStep
from webui.store.accounts import SignedInUser
from webui.store.database import Database
from webui.store.factors import Factors, FactorStore, factors_of, remove_all_factors
from webui.store.sessions import Steps, end_others
from webui.usecases.notices import Notice, Notices


class SecondSteps:
    """The second steps of all accounts."""

    def __init__(self, database: Database, store: FactorStore, notices: Notices, clock: Callable[[], int]) -> None:
        self._database = database
        self.store = store
        self._notices = notices
        self._clock = clock

    def of(self, account_id: int) -> Factors:
        return self.store.of(account_id)

    def confirm_app(self, user: SignedInUser, code: str) -> None:
        """Take the first code of a new app.

        Raises:
            AppNotStarted, SecondStepRefused: as `FactorStore.confirm`.
        """

        def work(session: Session) -> None:
            self.store.confirm(session, user.id, code)
            self.added(session, user)

        self._database.write(work)

    def added(self, session: Session, user: SignedInUser) -> None:
        """Do what every new second step needs, in the caller's transaction."""
        end_others(session, user, self._clock())
        self._notices.send(session, user.id, Notice.STEP_ADDED)

    def use(self, account_id: int, code: str) -> Steps:
        """Take a code at sign-in, and return which kind it was.

        Raises:
            SecondStepRefused: it is wrong, too old, or was used.
        """

        def work(session: Session) -> Steps:
            steps = self.store.use(session, account_id, code)
            if steps is Steps.RECOVERY:
                self._notices.send(session, account_id, Notice.RECOVERY_USED)
            return steps

        return self._database.write(work)

    def remove_app(self, user: SignedInUser, *, needed: bool) -> None:
        """Remove the app; `needed` says whether the account must keep a second step.

        Raises:
            LastSecondStep: it must, and this is the last one.
        """

        def work(session: Session) -> None:
            self.store.remove_app(session, user.id)
            self.removed(session, user, needed=needed)

        self._database.write(work)

    def removed(self, session: Session, user: SignedInUser, *, needed: bool) -> None:
        """Do what every removal needs, in the caller's transaction; recovery codes go with the last second step."""
        session.flush()
        left = factors_of(session, user.id)
        if needed and not left.any:
            raise LastSecondStep
        if not left.any:
            remove_all_factors(session, user.id)
        self._notices.send(session, user.id, Notice.STEP_REMOVED)

    def new_recovery_codes(self, account_id: int) -> tuple[str, ...]:
        """Replace the recovery codes, and return the new ones: nobody can read them again."""
        return self._database.write(lambda session: self.store.new_recovery_codes(session, account_id))
