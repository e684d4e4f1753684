"""Sealed questions: only the receiver reads one, only a hospital asks one, and only who opened it can answer."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.sealed_query import (
    BLOCK_BYTES,
    CLOCKS_APART_S,
    HEAD_BYTES,
    NONCE_BYTES,
    Asker,
    Opened,
    Question,
    open_answer,
    open_query,
    seal_answer,
    seal_query,
)
from fl.protocol.errors import (
    AuthFailure,
    EncodingError,
    HemaledgerError,
    KeyEpochMismatch,
    RevokedSender,
    SignatureInvalid,
    UnknownSender,
    WrongContext,
    WrongRole,
)
from fl.protocol.keys.members import KeyBook, Member
from fl.protocol.names import Address, Role

CONSORTIUM = b"c" * 32
NORTH, SOUTH, EAST = (Address(bytes([each]) * 20) for each in (1, 2, 3))
KEYS = {account: PrivateKey.generate(1) for account in (NORTH, SOUTH, EAST)}
NOW = 1_800_000_000
BODY = b"a picture"


def book(**changes: object) -> KeyBook:
    """Return the members; `changes` are those of the asking hospital."""
    members = {each: Member(each, Role.HOSPITAL, each.hex(), (key.member_key,)) for each, key in KEYS.items()}
    members[NORTH] = replace(members[NORTH], **changes)  # type: ignore[arg-type]
    return KeyBook(CONSORTIUM, MappingProxyType(members))


def ask(body: bytes = BODY, at: int = NOW, key: PrivateKey = KEYS[NORTH], consortium: bytes = CONSORTIUM) -> Question:
    return seal_query(Asker(consortium, NORTH, key), SOUTH, KEYS[SOUTH].member_key, at, body)


def opened(data: bytes, members: KeyBook | None = None, me: Address = SOUTH, now: int = NOW) -> Opened:
    return open_query(data, members or book(), me, {1: KEYS[me]}, now)


def test_the_receiver_reads_the_body_and_the_sender() -> None:
    found = opened(ask().data)
    assert (found.body, found.sender) == (BODY, NORTH)


def test_the_question_shows_nothing_of_its_body() -> None:
    assert BODY not in ask().data


@pytest.mark.parametrize(
    ("question", "error"),
    [
        (ask(at=NOW - CLOCKS_APART_S - 1), WrongContext),
        (ask(at=NOW + CLOCKS_APART_S + 1), WrongContext),
        (ask(consortium=b"d" * 32), WrongContext),
        (ask(key=PrivateKey.generate(1)), SignatureInvalid),
        (ask(key=replace(KEYS[NORTH], epoch=2)), KeyEpochMismatch),
        (Question(b"", b""), EncodingError),
        (Question(b"x" * 500, b""), EncodingError),
    ],
)
def test_a_question_that_does_not_belong_here_is_refused(question: Question, error: type[HemaledgerError]) -> None:
    with pytest.raises(error):
        opened(question.data)


def test_another_receiver_refuses_it() -> None:
    with pytest.raises(WrongContext):
        opened(ask().data, me=EAST)


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"revoked": True}, RevokedSender), ({"role": Role.AUDITOR}, WrongRole), ({"keys": ()}, KeyEpochMismatch)],
)
def test_only_a_hospital_of_the_consortium_can_ask(changes: dict[str, object], error: type[HemaledgerError]) -> None:
    with pytest.raises(error):
        opened(ask().data, book(**changes))


def test_a_stranger_cannot_ask() -> None:
    members = {each: member for each, member in book().members.items() if each != NORTH}
    with pytest.raises(UnknownSender):
        opened(ask().data, KeyBook(CONSORTIUM, MappingProxyType(members)))


def test_a_key_that_the_receiver_no_longer_has_is_named() -> None:
    with pytest.raises(KeyEpochMismatch):
        open_query(ask().data, book(), SOUTH, {2: KEYS[SOUTH]}, NOW)


def test_no_changed_byte_of_a_question_is_accepted() -> None:
    data = ask().data
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        if place == HEAD_BYTES - 1:
            continue  # the last byte of the time: the signature covers it, as the next test shows
        with pytest.raises(HemaledgerError):
            opened(bytes(changed))


def test_the_signature_covers_the_time() -> None:
    data = bytearray(ask().data)
    data[HEAD_BYTES - 1] ^= 1
    with pytest.raises(SignatureInvalid):
        opened(bytes(data))


def test_an_answer_opens_only_with_its_question() -> None:
    one, other = ask(), ask()
    answer = seal_answer(opened(one.data), b"healthy")
    assert open_answer(one, answer) == b"healthy"
    with pytest.raises(AuthFailure):
        open_answer(other, answer)
    with pytest.raises(AuthFailure):
        open_answer(one, answer[:-1])


def test_the_length_of_an_answer_says_nothing() -> None:
    found = opened(ask().data)
    lengths = {len(seal_answer(found, b"x" * size)) for size in (1, 7, 500, BLOCK_BYTES - 4)}
    assert len(lengths) == 1


def test_the_same_question_twice_gets_two_answers_that_share_no_key_stream() -> None:
    found = opened(ask().data)
    one, other = (seal_answer(found, body) for body in (b"healthy", b"leukemia"))
    assert one[:NONCE_BYTES] != other[:NONCE_BYTES]
