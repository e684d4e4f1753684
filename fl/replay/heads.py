"""Encrypted heads and bought answers, as the ledger has them.

Invariant: everybody computes the same from the same records; nothing here needs a share, a key or the vault.

A request for INFERENCE names a head by its label. An auditor's request announces the head: its capsule digest is the
digest of the model, and it holds until its deadline. A hospital's request buys answers: its capsule digest is 28 zero
bytes ‖ number:u32. All hospitals together get at most a sixteenth of the head's width, in the order of the ledger.

Source: PROTOCOL.md 9P.
"""

from __future__ import annotations

from fl.crypto.encrypted_head import HeadFacts
from fl.protocol.errors import DeadlinePassed, HeadUnknown, KeyExpired, QuotaUsed, StaleCommittee, WrongRole
from fl.protocol.federation import Federation
from fl.protocol.keys.requests import DecryptionRequest, check_holder
from fl.protocol.names import DIGEST_BYTES, Address, Digest, KeyUse, Role

PART = 16
"""A head gives width / PART answers. One answer has at most 26 bits about each class's weights of 8 bits each."""
_NUMBER_BYTES = 4


def amount(answers: int) -> Digest:
    """Return what stands in the place of a capsule's digest when a hospital buys so many answers."""
    return Digest(answers.to_bytes(DIGEST_BYTES, "big"))


def bought(request: DecryptionRequest) -> int:
    """Return how many answers a hospital's request asks for; 0 for other bytes than `amount` gives."""
    digest = request.record.capsule_digest
    large = any(digest[:-_NUMBER_BYTES])
    return 0 if large else int.from_bytes(digest[-_NUMBER_BYTES:], "big")


def announced(federation: Federation, head: Digest, model: Digest, now: int) -> DecryptionRequest:
    """Return an auditor's announcement of a head of `model` that holds at `now`, or raise HeadUnknown."""
    for request in reversed(_about(federation, head)):
        by_auditor = federation.book.members[request.requester].role == Role.AUDITOR
        if by_auditor and request.record.capsule_digest == model and now <= request.record.deadline:
            return request
    raise HeadUnknown(head)


def newest_of(federation: Federation, model: Digest, now: int) -> DecryptionRequest | None:
    """Return the newest announcement of a head of `model` under the present key that holds at `now`."""
    committee = federation.threshold.in_force(KeyUse.INFERENCE)
    if committee is None:
        return None
    for request in reversed(federation.threshold.requests):
        if request.key_use != KeyUse.INFERENCE or request.record.capsule_digest != model:
            continue
        by_auditor = federation.book.members[request.requester].role == Role.AUDITOR
        present = request.committee.public_key == committee.public_key
        if by_auditor and present and now <= request.record.deadline:
            return request
    return None


def usable_of(federation: Federation, head: Digest, hospital: Address, now: int) -> list[DecryptionRequest]:
    """Return the requests with which a hospital may have answers of a head at `now`; what ends first is first."""
    found = [
        each
        for each in _about(federation, head)
        if each.requester == hospital and now <= each.record.deadline and _can_answer(federation, each, now)
    ]
    return sorted(found, key=lambda each: (each.record.deadline, each.number))


def allowances(federation: Federation, head: Digest, facts: HeadFacts) -> tuple[dict[int, int], int]:
    """Return how many answers each hospital's request about a head gives, by its number, and how many are left."""
    given, left = dict[int, int](), facts.width // PART
    for each in _about(federation, head):
        if federation.book.members[each.requester].role == Role.HOSPITAL:
            given[each.number] = min(bought(each), left)
            left -= given[each.number]
    return given, left


def allowed(federation: Federation, request: DecryptionRequest, facts: HeadFacts) -> int:
    """Return how many answers a hospital's request gives, after those that were bought before it."""
    return allowances(federation, request.record.label, facts)[0].get(request.number, 0)


def check_count(federation: Federation, request: DecryptionRequest, facts: HeadFacts, count: int) -> None:
    """Raise QuotaUsed unless `count` is one of the answers that the request gives, from 1."""
    most = allowed(federation, request, facts)
    if not 1 <= count <= most:
        raise QuotaUsed(most, count)


def usable(federation: Federation, number: int, hospital: Address, head: Digest, now: int) -> DecryptionRequest:
    """Return the request with which a hospital may have answers of a head at `now`, in seconds since 1970.

    Raises:
        WrongRequest: no request has this number.
        WrongRole: it is another member's, or for another use.
        HeadUnknown: it is for another head.
        StaleCommittee, KeyExpired, DeadlinePassed: the committee cannot answer any more.
    """
    request = federation.threshold.request(number)
    if request.requester != hospital or request.key_use != KeyUse.INFERENCE:
        raise WrongRole(hospital)
    if request.record.label != head:
        raise HeadUnknown(head)
    check_holder(request.epoch, federation.threshold.holder(request.key_use, request.epoch), now)
    if now > request.record.deadline:
        raise DeadlinePassed(request.record.deadline)
    return request


def _can_answer(federation: Federation, request: DecryptionRequest, now: int) -> bool:
    """Return whether the committee that a request names can answer at `now`."""
    try:
        check_holder(request.epoch, federation.threshold.holder(request.key_use, request.epoch), now)
    except (StaleCommittee, KeyExpired):
        return False
    return True


def _about(federation: Federation, head: Digest) -> list[DecryptionRequest]:
    """Return the requests about a head, oldest first."""
    requests = federation.threshold.requests
    return [each for each in requests if each.key_use == KeyUse.INFERENCE and each.record.label == head]
