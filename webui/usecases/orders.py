"""Prepares orders of the operator from what a form says, after the checks that the command makes too.

Invariant: nothing is stored and nothing is sent; the order is a file for the operator's own machine.

Source: webui/ports/orders.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.keys.member_names import proper
from fl.protocol.names import ADDRESS_BYTES, Address, KeyUse, Role, parse_hex
from webui.ports.federation import AuditService
from webui.ports.ledger import History
from webui.ports.orders import FACTS, MAX_TEXT, Order, OrderKind
from webui.usecases.round_orders import ROUND_CHECKS

ADMITTED = (Role.HOSPITAL, Role.AUDITOR, Role.TRUSTEE, Role.COORDINATOR)
USES = {use.name.lower(): use for use in (KeyUse.RECORDS, KeyUse.MODEL)}
CEREMONIES = ("generate", "refresh", "reshare")
"""A ceremony that the operator deals alone is started on the command line only."""
MAX_DAYS, MAX_THRESHOLD, MIN_THRESHOLD = 3650, 32, 2

Problems = Mapping[str, str]
"""Field -> the code of what is wrong with it (presentation/operator_wording.py)."""


class Orders:
    """Prepares orders for the consortium as it is now."""

    def __init__(self, audits: AuditService, clock: Callable[[], int]) -> None:
        self._audits = audits
        self._clock = clock

    def prepare(self, kind: OrderKind, given: Mapping[str, str], by: str) -> tuple[Order | None, Problems]:
        """Return the order, or what is wrong with each field."""
        history = self._audits.history()
        facts = {name: given.get(name, "").strip()[:MAX_TEXT] for name in FACTS[kind]}
        problems = CHECKS[kind](facts, history)
        if problems:
            return None, problems
        return Order(kind, facts, history.federation.anchor.consortium, self._clock(), by), {}


def _register(facts: dict[str, str], history: History) -> Problems:
    problems, book = {}, history.federation.book
    account = _account(facts["account"])
    if account is None:
        problems["account"] = "no account"
    elif account in book.members:
        problems["account"] = "account is taken"
    if facts["role"] not in {role.name.lower() for role in ADMITTED}:
        problems["role"] = "no role"
    elif facts["role"] == "coordinator" and any(book.having(Role.COORDINATOR)):
        problems["role"] = "coordinator is there"
    try:
        facts["name"] = proper(facts["name"], book.shown_names)
    except SettingInvalid as error:
        problems["name"] = error.why
    return problems


def _revoke(facts: dict[str, str], history: History) -> Problems:
    problems, account = {}, _account(facts["account"])
    member = history.federation.book.members.get(account) if account is not None else None
    if member is None or member.revoked or member.role == Role.OPERATOR:
        problems["account"] = "no member"
    else:
        facts["name"] = member.name
    if not facts["reason"]:
        problems["reason"] = "no reason"
    return problems


def _ceremony(facts: dict[str, str], history: History) -> Problems:
    problems = {}
    use = USES.get(facts["use"])
    if use is None:
        problems["use"] = "no use"
    if facts["kind"] not in CEREMONIES:
        problems["kind"] = "no kind"
    running = history.federation.threshold.ceremony(use) if use is not None else None
    if running is not None and not running.ended:
        problems["use"] = "ceremony runs"
    trustees = {member.name for member in history.federation.book.having(Role.TRUSTEE)}
    named = [name.strip() for name in facts["trustees"].split(",") if name.strip()]
    facts["trustees"] = ", ".join(named)
    if not set(named) <= trustees or any("," in name for name in named):
        problems["trustees"] = "no trustee"
    if facts["threshold"] and not _between(facts["threshold"], MIN_THRESHOLD, MAX_THRESHOLD):
        problems["threshold"] = "no threshold"
    if not _between(facts["days"], 1, MAX_DAYS):
        problems["days"] = "no days"
    return problems


def _abort(facts: dict[str, str], history: History) -> Problems:
    use = USES.get(facts["use"])
    running = history.federation.threshold.ceremony(use) if use is not None else None
    problems = {} if running is not None and not running.ended else {"use": "no ceremony"}
    return problems if facts["reason"] else {**problems, "reason": "no reason"}


CHECKS: Mapping[OrderKind, Callable[[dict[str, str], History], Problems]] = {
    OrderKind.REGISTER: _register,
    OrderKind.REVOKE: _revoke,
    OrderKind.CEREMONY: _ceremony,
    OrderKind.ABORT_CEREMONY: _abort,
    **ROUND_CHECKS,
}


def _account(text: str) -> Address | None:
    try:
        return Address(parse_hex(text, ADDRESS_BYTES, "account"))
    except EncodingError:
        return None


def _between(text: str, least: int, most: int) -> bool:
    return text.isdecimal() and len(text) < 6 and least <= int(text) <= most  # noqa: PLR2004 digits


def invitation(history: History, consortium_file: bytes | None, role: str, name: str) -> Mapping[str, bytes]:
    """Return the files of an invitation by name; `consortium_file` is the consortium's own, if this site has it.

    Raises:
        SettingInvalid: the name cannot be given.
        EncodingError: a member cannot have this role.
    """
    if role not in STEPS:
        raise EncodingError("invitation", "a member cannot have this role")
    proper(name, history.federation.book.shown_names)
    word = "".join(each if each.isalnum() else "-" for each in name.lower()).strip("-") or "member"
    readme = README.format(name=name, role=role, steps=STEPS[role].format(word=word))
    files = {"README.txt": readme.encode()}
    return files if consortium_file is None else {"consortium.json": consortium_file, **files}


STEPS = {
    "hospital": "hemaledger hospital init --name {word} --data FOLDER-WITH-YOUR-IMAGES\n"
    "   (now tell the operator the account that it printed)\n"
    "   hemaledger hospital join --name {word}\n   hemaledger hospital run --name {word}",
    "auditor": "hemaledger auditor init --name {word}\n   (now tell the operator the account that it printed)\n"
    "   hemaledger auditor join --name {word}\n   hemaledger auditor run --name {word}",
    "trustee": "hemaledger trustee init --name {word}\n   (now tell the operator the account that it printed)\n"
    "   hemaledger trustee join --name {word}\n   hemaledger trustee run --name {word}",
    "coordinator": "hemaledger coordinator init\n   (now tell the operator the account that it printed)\n"
    "   hemaledger coordinator join",
}
README = """You are invited to this consortium as {role}, with the name {name}.

This file holds no secret. Your keys are made on your own machine and never leave it.

1. Install Hemaledger, make a folder for it, and put consortium.json into the folder.
2. Tell Hemaledger the folder, and choose a password for your keys:
   export HEMALEDGER_HOME=/srv/hemaledger
   export HEMALEDGER_PASSWORD='four random words'
3. {steps}

Tell the operator your account by telephone or in person, and compare it: an e-mail can be changed on its way.
"""
