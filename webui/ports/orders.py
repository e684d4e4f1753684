"""Orders: what the operator wants to put on the ledger, prepared on the site and carried out with the operator's key.

Invariant: the site has no key of the operator, so an order does nothing by itself. The command that carries it out
(`hemaledger consortium carry-out`) checks consortium and age, shows it in words, and asks before it signs.

Source: PROTOCOL.md 3 (Operator); DECISIONS.md (why the operator's key stays away from the site).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import show

WHAT = "order"
VALID_S = 7 * 24 * 3600
"""Seconds after which an order is too old to be carried out."""
ORDER_CAP = 16 * 1024
MAX_TEXT = 500
FORM = "hemaledger-order/1"


class OrderKind(StrEnum):
    """What an order does."""

    REGISTER = "register"
    REVOKE = "revoke"
    CEREMONY = "ceremony"
    ABORT_CEREMONY = "abort-ceremony"
    OPEN_ROUNDS = "open-rounds"
    HOLD_ROUNDS = "hold-rounds"
    GO_ON = "go-on"
    ABORT_ROUND = "abort-round"
    GO_BACK = "go-back"


OF_THE_COORDINATOR = frozenset(
    {OrderKind.OPEN_ROUNDS, OrderKind.HOLD_ROUNDS, OrderKind.GO_ON, OrderKind.ABORT_ROUND, OrderKind.GO_BACK}
)
"""Orders that are carried out where the coordinator's key is; the others need the operator's key."""
TERMS = (
    *("protection", "hospitals", "min_commitments", "attestations", "commit_minutes", "close_minutes"),
    *("step_minutes", "epsilon", "rounds", "hold_back"),
)
"""The facts of an order to open rounds: see webui/usecases/round_form.py."""


FACTS: Mapping[OrderKind, tuple[str, ...]] = {
    OrderKind.REGISTER: ("account", "name", "role"),
    OrderKind.REVOKE: ("account", "name", "reason"),
    OrderKind.CEREMONY: ("use", "kind", "trustees", "threshold", "days"),
    OrderKind.ABORT_CEREMONY: ("use", "reason"),
    OrderKind.OPEN_ROUNDS: TERMS,
    OrderKind.HOLD_ROUNDS: ("reason",),
    OrderKind.GO_ON: (),
    OrderKind.ABORT_ROUND: ("round", "reason"),
    OrderKind.GO_BACK: ("to",),
}
"""Each kind's facts, all of them texts; lists are separated by commas."""


@dataclass(frozen=True)
class Order:
    """One order."""

    kind: OrderKind
    facts: Mapping[str, str]
    consortium: bytes
    """32 bytes."""
    made_at: int
    """Seconds since 1970."""
    made_by: str
    """The name of the account that prepared it on the site."""

    def to_bytes(self) -> bytes:
        facts: dict[str, JsonValue] = {name: self.facts[name] for name in FACTS[self.kind]}
        return write_document(
            {
                "consortium": show(self.consortium),
                "facts": facts,
                "form": FORM,
                "kind": self.kind.value,
                "made_at": self.made_at,
                "made_by": self.made_by,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Order:
        """Parse an order.

        Raises:
            EncodingError: it is not an order, or has facts of another kind.
        """
        if len(data) > ORDER_CAP:
            raise EncodingError(WHAT, "it is too large")
        fields = Fields(parse_document(data, WHAT), WHAT)
        fields.only("consortium", "facts", "form", "kind", "made_at", "made_by")
        if fields.text("form") != FORM or fields.text("kind") not in set(OrderKind):
            raise EncodingError(WHAT, "this version does not know its form")
        kind, given = OrderKind(fields.text("kind")), Fields(fields.mapping("facts"), WHAT)
        given.only(*FACTS[kind])
        facts = {name: given.text(name) for name in FACTS[kind]}
        if any(len(text) > MAX_TEXT for text in facts.values()):
            raise EncodingError(WHAT, "one of its texts is too long")
        consortium = fields.text("consortium")
        try:
            raw = bytes.fromhex(consortium.removeprefix("0x"))
        except ValueError as error:
            raise EncodingError(WHAT, "it names no consortium") from error
        return cls(kind, facts, raw, fields.integer("made_at"), fields.text("made_by"))

    @property
    def sentence(self) -> str:
        """Return what the order does, for the person who carries it out."""
        facts = self.facts
        trustees = facts.get("trustees") or "all active trustees"
        threshold = facts.get("threshold") or "two thirds"
        return {
            OrderKind.REGISTER: "Admit the account {account} as {role} with the name {name}. It can never have another "
            "role, and the name can never be given again.",
            OrderKind.REVOKE: "End the membership of {name}, account {account}, for good. The reason, which everybody "
            "can read for ever: {reason}",
            OrderKind.CEREMONY: "Start a ceremony ({kind}) of the key for {use}. The committee: {trustees}. How many "
            "must approve: {threshold}. The shares are valid for {days} days.",
            OrderKind.ABORT_CEREMONY: "End the running ceremony of the key for {use}. The reason, which everybody can "
            "read for ever: {reason}",
            OrderKind.OPEN_ROUNDS: "Start the coordinator and open rounds until {rounds} are final. Protection: "
            "{protection}. Hospitals to wait for: {hospitals}. Fewest updates: {fewest}. Auditors: {attestations}. "
            "Minutes to train: {commit_minutes}, then until anybody may abort: {close_minutes}, for each masked step: "
            "{step_minutes}. Privacy budget: {budget}. Trustees must release the new model: {held}.",
            OrderKind.HOLD_ROUNDS: "Open no further round until an order to go on. A running round goes on. "
            "The reason: {reason}",
            OrderKind.GO_ON: "Open rounds again.",
            OrderKind.ABORT_ROUND: "End round {round} without a new model. The reason, which everybody can read for "
            "ever: {reason}",
            OrderKind.GO_BACK: "Go back to {model}, for ever and for everybody to see. Models of later rounds are "
            "superseded, and the next rounds train on from there.",
        }[self.kind].format(**{**facts, "trustees": trustees, "threshold": threshold, **self._told})

    @property
    def _told(self) -> Mapping[str, str]:
        """Return words for facts that may be empty."""
        return {
            "fewest": self.facts.get("min_commitments") or "as usual",
            "budget": self.facts.get("epsilon") or "none, so no noise",
            "model": f"the model of round {to}"
            if (to := self.facts.get("to")) not in (None, "0")
            else "the first model",
            "held": "yes" if self.facts.get("hold_back") == "yes" else "no",
        }
