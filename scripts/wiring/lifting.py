"""An auditor says after a look at it that a named hospital may take part again (PROTOCOL.md 5C)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import StatementKind
from fl.protocol.records import StatementMade
from fl.replay.check_verdicts import verdicts
from fl.replay.ledger_view import LedgerView
from fl.replay.verdict import TEXT_CAP, lifted

if TYPE_CHECKING:
    from fl.protocol.ports import Ledger, Vault


def lift_hospital(ledger: Ledger, vault: Vault, number: int, hospital: str) -> None:
    """State an auditor's verdict about a round again, without one hospital that it names.

    Raises:
        WrongRound: the ledger has no such round.
        SettingInvalid: this auditor does not name that hospital in that round.
    """
    federation = LedgerView(ledger).refresh()
    verdict = verdicts(federation, federation.round(number), vault).get(ledger.account)
    named = [who for who in verdict.named if federation.book.name_of(who) == hospital] if verdict else []
    if verdict is None or not named:
        raise SettingInvalid("hospital", f"this auditor does not name {hospital} in round {number}")
    again = lifted(verdict, named[0])
    digest, text = vault.put(again.to_bytes()), again.sentence(federation.book)[:TEXT_CAP]
    ledger.append(StatementMade(ledger.account, number, StatementKind.CHECKED, digest, text))
