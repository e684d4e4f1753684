"""Says to people what a proof shows, and what it does not show.

Invariant: no sentence says more than the proof; each fact in it was checked by fl/proofs/verify.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TypeGuard

from fl.proofs.verify import Proven
from fl.protocol import strict_json
from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.names import Address, Digest, show, shown
from fl.protocol.records import (
    DecryptionApproved,
    KeyRegistered,
    KeyRotated,
    ModelAttested,
    ModelProposed,
    Record,
    RecordsAnchored,
    RoundFinalised,
    StatementMade,
    UpdateCommitted,
    WideFinalised,
)
from fl.protocol.tlog.notes import LAST_TIME
from fl.protocol.tlog.trust import Trust

_ACCOUNT_BYTES = 20
_LINE_FIELDS, _LINE_CAP = 10, 4096
_TIMES = range(2**33)


def what_of(record: Record, who: str) -> str:  # noqa: PLR0911 - one sentence for each kind
    """Return one sentence that says what a member recorded."""
    match record:
        case UpdateCommitted():
            return f"In round {record.round}, {who} recorded its update {show(record.digest)}."
        case ModelProposed():
            return f"In round {record.round}, {who} proposed the model {show(record.model_digest)}."
        case RoundFinalised() | WideFinalised():
            return f"In round {record.round}, {who} recorded that the model {show(record.model_digest)} is final."
        case ModelAttested():
            return (
                f"In round {record.round}, {who} attested the model {show(record.model_digest)}, with the report "
                f"{show(record.report_digest)}."
            )
        case DecryptionApproved():
            return f"{who} approved the request {record.request}, with the file {show(record.digest)}."
        case RecordsAnchored():
            return f"{who} recorded the root {show(record.root)} of its records, batch {record.batch}."
        case KeyRegistered() | KeyRotated():
            return f"{who} registered its key of epoch {record.epoch}: {show(record.public_key)}."
        case StatementMade():
            return f"{who} stated {record.kind.name}: {shown(record.text)} ({show(record.digest)})."
    return f"{who} recorded {_kind(record)}: {_fields(record)}."


def lines_of(proven: Proven, trust: Trust) -> list[str]:
    """Return what a proof shows, a fact in a line."""
    event, checkpoint = proven.event, proven.checkpoint
    lines = [what_of(proven.record, named(trust, proven.record.sender)), *_inside(proven, trust)]
    lines += [
        f"Recorded on {at(event.time)} in block {event.block}, in the signed transaction {show(event.transaction)}.",
        f"It is entry {proven.index} of the log; the checkpoint covers {checkpoint.size} entries.",
        _witnesses(proven, trust),
    ]
    return [*lines, _tie(proven, trust)]


def lines_of_receipt(core: Mapping[str, JsonValue]) -> list[str]:
    """Return what the core of a receipt says; what has another form is left out."""
    answer, model, when = core.get("answer"), core.get("model"), core.get("checked_at")
    lines = [f"Checked on {at(when)}."] if isinstance(when, int) and 0 <= when <= LAST_TIME else []
    if isinstance(answer, dict):
        lines += _answer_lines(answer)
    if "private" in core:
        lines.append("The answer came by the private way.")
    if isinstance(model, dict):
        lines.append(f"Model: round {shown(str(model.get('round')))}, {shown(str(model.get('model_digest')))}.")
    return lines


def _answer_lines(answer: Mapping[str, JsonValue]) -> list[str]:
    """Return the answer about a picture, or the risk of a row.

    The field `probability` of a picture is that of the disease, so it is not said beside another answer.
    """
    label, shares = answer.get("label"), answer.get("shares")
    if isinstance(label, str):
        each = [f"{code} {share:.1%}" for code, share in shares.items()] if _are_numbers(shares) else []
        return [f"Answer: {shown(label)}.", *([f"Share of each class: {shown(', '.join(each))}."] if each else [])]
    values = {name: answer.get(name) for name in ("probability", "low", "high")}
    if not _are_numbers(values):
        return []
    risk, low, high = (f"{value:.1%}" for value in values.values())
    return [f"Risk: {risk}, between {low} and {high}."]


def _are_numbers(values: object) -> TypeGuard[Mapping[str, float]]:
    return isinstance(values, dict) and all(isinstance(each, int | float) for each in values.values())


def _tie(proven: Proven, trust: Trust) -> str:
    """Say what ties the checkpoint to the chain."""
    bound = proven.bound
    if bound is None:
        return "Nothing in it ties the checkpoint to the chain: the log and its witnesses vouch for it."
    keeper = named(trust, bound.record.sender)
    sealed = len(bound.sealers & set(trust.validators))
    if sealed:
        return (
            f"{keeper} recorded the checkpoint in block {bound.block} of the chain; {sealed} of the "
            f"{len(trust.validators)} validators sealed this block."
        )
    return (
        f"{keeper} signed the transaction that records the checkpoint. That block {bound.block} with it is on the "
        "chain cannot be checked offline: the witnesses looked before they cosigned."
    )


def digests_of(proven: Proven) -> list[Digest]:
    """Return every digest that the proven record, or the step inside it, holds."""
    parts = [proven.record] if proven.step is None else [proven.record, proven.step]
    found = [getattr(part, field.name) for part in parts for field in fields(part)]
    return [Digest(each) for each in found if isinstance(each, bytes) and len(each) == 32]  # noqa: PLR2004


def document_of(proven: Proven) -> dict[str, object]:
    """Return what a proof shows, for programs."""
    event, bound = proven.event, proven.bound
    return {
        "record": type(proven.record).__name__,
        "fields": _plain(proven.record),
        "block": event.block,
        "time": event.time,
        "transaction": show(event.transaction),
        "contract": show(event.contract),
        "index": proven.index,
        "size": proven.checkpoint.size,
        "root": show(proven.checkpoint.root),
        "cosigned": dict(proven.cosigned),
        "bound_block": None if bound is None else bound.block,
        "step": None if proven.step is None else {"record": type(proven.step).__name__, **_plain(proven.step)},
        "leaf": show(proven.leaf) if proven.leaf else None,
        "line": proven.line.decode("utf-8", "replace") if proven.line else None,
    }


def _plain(record: object) -> dict[str, object]:
    values = {field.name: getattr(record, field.name) for field in fields(record)}  # type: ignore[arg-type]
    return {name: show(value) if isinstance(value, bytes) else str(value) for name, value in values.items()}


def at(seconds: int) -> str:
    """Return a time for people, in UTC."""
    if seconds > LAST_TIME:
        return f"second {seconds} since 1970"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _inside(proven: Proven, trust: Trust) -> Sequence[str]:
    if proven.step is not None:
        inside = what_of(proven.step, named(trust, proven.step.sender))
        return [f"Inside: {inside} The coordinator's batch holds this step; the step's own signature was not checked."]
    if proven.leaf:
        return [f"Inside: the salted fingerprint {show(proven.leaf)} of one patient record or answer."]
    if proven.line:
        return [f"Inside: {_line(proven.line)}"]
    return []


def _line(line: bytes) -> str:
    """Return what a line of an access log says; one of another form as it is."""
    text = line.partition(b"\n")[2].decode("utf-8", "replace")
    try:
        fields = strict_json.loads(text.encode(), "access log", _LINE_CAP)
    except EncodingError:
        fields = None
    if not isinstance(fields, list) or len(fields) != _LINE_FIELDS or fields[1] not in _TIMES:
        return f"a line of the access log: {shown(text)}"
    number, when, account, role, event, page, about, _network, name, _salt = map(_plainly, fields)
    who = f"{name or 'somebody'} ({role}, account {account} of this hospital)"
    return f"line {number} of the access log: on {at(int(when))} {who} {event} {page}, {about}."


def _plainly(field: object) -> str:
    return shown(str(field))


def _witnesses(proven: Proven, trust: Trust) -> str:
    known = trust.policy.witnesses
    if not known:
        return "Your trust file names no witnesses: only the log's own signature was checked."
    who = [
        f"{named(trust, _account_of(known[name].name))} ({at(seen)})" for name, seen in sorted(proven.cosigned.items())
    ]
    return f"{len(who)} of {len(known)} witnesses cosigned the checkpoint: {', '.join(who) or 'none'}."


def _account_of(key_name: str) -> Address:
    """Return the account at the end of a witness's key name."""
    found = re.search(r"/0x([0-9a-f]{40})$", key_name)
    return Address(bytes.fromhex(found.group(1)) if found else bytes(_ACCOUNT_BYTES))


def named(trust: Trust, account: Address) -> str:
    """Return a member's name and role, or an account that the trust file does not name."""
    member = next((each for each in trust.members if each.account == account), None)
    return show(account) if member is None else f"{shown(member.name)} ({member.role.name.lower()})"


def _kind(record: object) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", r" \1", type(record).__name__).lower()


def _fields(record: Record) -> str:
    parts = [(field.name, getattr(record, field.name)) for field in fields(record)[1:]]
    return ", ".join(f"{name} {show(value) if isinstance(value, bytes) else value}" for name, value in parts)
