"""The API of the ledger: rounds, and the look-up of a file by its digest; and who the token belongs to."""

from __future__ import annotations

from flask import g
from flask.typing import ResponseReturnValue

from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex
from webui.errors import NotFound
from webui.http.bearer import PAGE_ROWS, caller
from webui.pages.api.appointments import paged
from webui.pages.api.operations import PAGE, Operation, answer, serves
from webui.presentation.api_views import finding_json, log_json, person_json, round_json
from webui.site import site
from webui.store.models import SiteRole
from webui.store.tokens import Scope

AUDITORS = (SiteRole.AUDITOR, SiteRole.OPERATOR)


@serves(Operation("GET", "/me", "me", "Who this token belongs to, and what it may do.", "Person"))
def me() -> ResponseReturnValue:
    return answer(person_json(caller(), g.caller.scopes))


@serves(
    Operation(
        "GET",
        "/rounds",
        "rounds",
        "All rounds, the newest first.",
        "Rounds",
        AUDITORS,
        Scope.LEDGER_READ,
        query=(PAGE,),
    )
)
def rounds() -> ResponseReturnValue:
    return answer(paged("rounds", [round_json(each) for each in site().services.audits.rounds()], PAGE_ROWS))


@serves(Operation("GET", "/rounds/<int:number>", "one_round", "One round.", "Round", AUDITORS, Scope.LEDGER_READ))
def one_round(number: int) -> ResponseReturnValue:
    for view in site().services.audits.rounds():
        if view.number == number:
            return answer(round_json(view))
    raise NotFound


@serves(
    Operation(
        "GET",
        "/files/<digest>",
        "file",
        "Where the ledger names the SHA-256 of a file.",
        "Finding",
        AUDITORS,
        Scope.LEDGER_READ,
    )
)
def file(digest: str) -> ResponseReturnValue:
    wanted = Digest(parse_hex(digest, DIGEST_BYTES, "SHA-256"))
    with site().doors.audits.enter():
        return answer(finding_json(site().services.audits.look_up(wanted)))


@serves(
    Operation(
        "GET",
        "/witnesses",
        "witnesses",
        "The log's newest checkpoint, and who cosigned it.",
        "Log",
        AUDITORS,
        Scope.LEDGER_READ,
    )
)
def witnesses() -> ResponseReturnValue:
    log = site().services.log
    if log is None:
        raise NotFound
    return answer(log_json(log.now()))
