"""The words of orders on the operator's page; the command that carries one out says the same in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from webui.ports.orders import OF_THE_COORDINATOR, Order, OrderKind
from webui.presentation.code_words import code_word
from webui.presentation.withdrawal_wording import base_named

TITLES: Mapping[OrderKind, Any] = {
    OrderKind.REGISTER: _l("Admit a member"),
    OrderKind.REVOKE: _l("End a membership"),
    OrderKind.CEREMONY: _l("Start a ceremony"),
    OrderKind.ABORT_CEREMONY: _l("End a ceremony"),
    OrderKind.OPEN_ROUNDS: _l("Open rounds"),
    OrderKind.HOLD_ROUNDS: _l("Hold the next round back"),
    OrderKind.GO_ON: _l("Open rounds again"),
    OrderKind.ABORT_ROUND: _l("End the running round without a model"),
    OrderKind.GO_BACK: _l("Go back to an earlier model"),
}
SENTENCES: Mapping[OrderKind, Any] = {
    OrderKind.REGISTER: _l(
        "Admit the account %(account)s as %(role)s with the name %(name)s. It can never have another role, and the "
        "name can never be given again."
    ),
    OrderKind.REVOKE: _l(
        "End the membership of %(name)s, account %(account)s, for good. The reason, which everybody can read for ever: "
        "%(reason)s"
    ),
    OrderKind.CEREMONY: _l(
        "Start a ceremony (%(kind)s) of the key for %(use)s. The committee: %(trustees)s. How many must approve: "
        "%(threshold)s. The shares are valid for %(days)s days."
    ),
    OrderKind.ABORT_CEREMONY: _l(
        "End the running ceremony of the key for %(use)s. The reason, which everybody can read for ever: %(reason)s"
    ),
    OrderKind.OPEN_ROUNDS: _l(
        "Start the coordinator and open rounds until %(rounds)s are final. Protection: %(protection)s. Hospitals to "
        "wait for: %(hospitals)s. Fewest updates: %(min_commitments)s. Auditors: %(attestations)s. Minutes to train: "
        "%(commit_minutes)s, then until anybody may abort: %(close_minutes)s, for each masked step: %(step_minutes)s. "
        "Privacy budget: %(epsilon)s. Trustees must release the new model: %(hold_back)s."
    ),
    OrderKind.HOLD_ROUNDS: _l(
        "Open no further round until an order to go on. A running round goes on. The reason: %(reason)s"
    ),
    OrderKind.GO_ON: _l("Open rounds again."),
    OrderKind.ABORT_ROUND: _l(
        "End round %(round)s without a new model. The reason, which everybody can read for ever: %(reason)s"
    ),
    OrderKind.GO_BACK: _l(
        "Go back to %(model)s, for ever and for everybody to see. Models of later rounds are superseded, and the next "
        "rounds train on from there."
    ),
}
WORDS = frozenset({"role", "use", "kind", "protection"})
"""Facts that are codes."""


def title(kind: OrderKind) -> str:
    return str(TITLES[kind])


def sentence(order: Order) -> str:
    """Return what an order does, in the language of the page."""
    empty = {
        "trustees": gettext("all active trustees"),
        "threshold": gettext("two thirds"),
        "min_commitments": gettext("as usual"),
        "epsilon": gettext("none, so no noise"),
    }
    facts = {
        name: code_word(text) if name in WORDS else text or empty.get(name, "") for name, text in order.facts.items()
    }
    facts["model"] = base_named(int(order.facts["to"])) if order.kind is OrderKind.GO_BACK else ""
    facts["hold_back"] = gettext("yes") if order.facts.get("hold_back") == "yes" else gettext("no")
    return str(SENTENCES[order.kind]) % facts


def of_the_coordinator(kind: OrderKind) -> bool:
    """Return whether the coordinator's key carries it out."""
    return kind in OF_THE_COORDINATOR
