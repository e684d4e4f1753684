"""Of m trustees any t open a ciphertext and no t - 1 do, whatever the others send, before and after every ceremony."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fl.crypto import share_encryption as sealing
from fl.crypto.curve import ORDER, Engine
from fl.crypto.dkg import deal, parcel, verify_dealing
from fl.crypto.group import ENGINES, add, base_mult, encode_point, mult, use
from fl.crypto.partial_decryption import approve, combine
from fl.crypto.sharing import Share
from fl.crypto.threshold import second_generator
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    AuthFailure,
    CiphertextInvalid,
    FalseComplaint,
    PolicyNotApproved,
    QuorumNotReached,
    ShareInvalid,
)
from fl.protocol.names import Address, CeremonyKind, Purpose
from tests.support.crypto.threshold_scene import (
    PLAINTEXT,
    Made,
    Record,
    account,
    generated,
    record_for,
    refreshed,
    reshared,
    secret_of,
    setting_of,
)

SIZES = st.sampled_from([(m, t) for m in range(2, 8) for t in range(2, m + 1)])
FEW = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True, params=sorted(ENGINES))
def backend(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with use(request.param) as engine:
        yield engine


class Untouchable(Share):
    """A share that nobody may compute with yet."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(f"the share was used: {name}")


def some_of(data: st.DataObject, made: Made, count: int) -> list[Address]:
    return data.draw(st.permutations(made.committee.accounts))[:count]


@given(SIZES, st.data())
@FEW
def test_any_quorum_opens_and_nothing_smaller_does(size: tuple[int, int], data: st.DataObject) -> None:
    made = generated(*size)
    record = record_for(made.committee)
    whose = some_of(data, made, data.draw(st.integers(size[1], size[0])))
    answers = made.answers(record.capsule, record.binding, whose)
    assert record.open_by(made, answers) == PLAINTEXT
    fewer = {who: answers[who] for who in whose[: size[1] - 1]}
    with pytest.raises(QuorumNotReached) as refusal:
        record.open_by(made, fewer)
    assert refusal.value.facts() == {"actual": size[1] - 1, "required": size[1]}


def wrong_answers(data: st.DataObject, made: Made, who: Address) -> bytes:
    """Return what a trustee may send in place of its answer."""
    record = record_for(made.committee)
    binding, capsule = record.binding, record.capsule
    right = made.approve(capsule, binding, who)
    place = data.draw(st.integers(0, len(right) - 1))
    forged = {
        "changed": right[:place] + bytes([right[place] ^ data.draw(st.integers(1, 255))]) + right[place + 1 :],
        "of another record": right,
        "noise": data.draw(st.binary(max_size=120)),
        "replayed": made.approve(capsule, replace(binding, number=binding.number + 1), who),
        "stale": made.approve(capsule, replace(binding, epoch=binding.epoch + 1), who),
    }
    return forged[data.draw(st.sampled_from(sorted(forged)))]


@given(SIZES, st.data())
@FEW
def test_wrong_answers_are_named_and_left_out_while_enough_are_right(
    size: tuple[int, int], data: st.DataObject
) -> None:
    made, (parties, threshold) = generated(*size), size
    record = record_for(made.committee)
    order = some_of(data, made, parties)
    answers = made.answers(record.capsule, record.binding, order[:threshold])
    bad = {who: wrong_answers(data, made, who) for who in order[threshold:]} | {account(99): answers[order[0]]}
    mixed = dict(data.draw(st.permutations([*answers.items(), *bad.items()])))
    opening = combine(mixed, made.committee, record.binding, record.capsule.ciphertext)
    assert set(opening.wrong) == set(bad)
    assert record.opened(opening, made.committee) == PLAINTEXT
    lost = dict(mixed) | {order[0]: mixed[account(99)][:-1]}
    with pytest.raises(QuorumNotReached):
        combine(lost, made.committee, record.binding, record.capsule.ciphertext)


@given(SIZES, st.data())
@FEW
def test_answers_to_another_request_or_of_another_epoch_are_wrong(size: tuple[int, int], data: st.DataObject) -> None:
    made = generated(*size)
    record = record_for(made.committee)
    change = data.draw(st.sampled_from([{"number": 8}, {"epoch": 2}, {"number": 2**64 - 1}, {"epoch": 0}]))
    given_for = replace(record.binding, **change)  # type: ignore[arg-type]
    answers = made.answers(record.capsule, given_for, made.committee.accounts)
    with pytest.raises(QuorumNotReached) as refusal:
        record.open_by(made, answers)
    assert refusal.value.facts()["actual"] == 0


@given(st.integers(1, ORDER - 1), st.data())
@FEW
def test_nothing_is_computed_for_a_mauled_ciphertext_or_another_label(by: int, data: st.DataObject) -> None:
    made = generated(3, 2)
    record = record_for(made.committee)
    share, known = Untouchable(1, 1), record.capsule.ciphertext
    u, u_bar = add(known.u, base_mult(by)), add(known.u_bar, mult(by, second_generator()))
    mauled = [
        replace(known, u=u),
        replace(known, u_bar=u_bar),
        replace(known, u=u, u_bar=u_bar),
        replace(known, u=mult(by + 1, known.u), u_bar=mult(by + 1, known.u_bar)),
        record_for(made.committee).capsule.ciphertext,
    ]
    for ciphertext in mauled:
        with pytest.raises(CiphertextInvalid):
            approve(replace(record.capsule, ciphertext=ciphertext), record.binding, made.committee.key, share)
    other = data.draw(st.binary(max_size=32))
    with pytest.raises(CiphertextInvalid):
        approve(record.capsule, replace(record.binding, label=sha256(other)), made.committee.key, share)
    with pytest.raises(PolicyNotApproved):
        approve(record.capsule, replace(record.binding, purpose=Purpose.QUALITY), made.committee.key, share)


@given(SIZES, st.data())
@FEW
def test_after_a_refresh_old_shares_are_worth_nothing_and_old_ciphertexts_still_open(
    size: tuple[int, int], data: st.DataObject
) -> None:
    old = generated(*size)
    record = record_for(old.committee)
    new = refreshed(old, data.draw(st.integers(size[1], size[0])))
    check_succession(record_for(old.committee).asked_in(2), old, new, data)
    assert record.open_by(new, new.answers(record.capsule, record.binding, some_of(data, new, size[1]))) == PLAINTEXT


@given(SIZES, SIZES, st.data())
@FEW
def test_after_dealing_anew_old_shares_are_worth_nothing_and_old_ciphertexts_still_open(
    size: tuple[int, int], next_size: tuple[int, int], data: st.DataObject
) -> None:
    old = generated(*size)
    dealers = sorted(some_of(data, old, data.draw(st.integers(size[1], size[0]))))
    parties = sorted(data.draw(st.permutations(range(1, 10)))[: next_size[0]])
    new = reshared(old, next_size[1], parties, dealers)
    check_succession(record_for(old.committee).asked_in(2), old, new, data)


def check_succession(record: Record, old: Made, new: Made, data: st.DataObject) -> None:
    """Check that the new committee opens what was sealed before, and that one old share in its quorum is found out."""
    threshold = new.committee.threshold
    whose = some_of(data, new, threshold)
    answers = new.answers(record.capsule, record.binding, whose)
    assert record.open_by(new, answers) == PLAINTEXT
    held = [who for who in whose if who in old.shares]
    for who in held[:1]:
        stale = replace(old.shares[who], index=new.committee.index_of(who))
        mixed = {**answers, who: Made(new.committee, {who: stale}).approve(record.capsule, record.binding, who)}
        with pytest.raises(QuorumNotReached) as refusal:
            record.open_by(new, mixed)
        assert refusal.value.facts() == {"actual": threshold - 1, "required": threshold}


@given(SIZES, st.data())
@FEW
def test_a_wrong_dealer_and_a_false_complainer_are_named_by_what_everybody_can_check(
    size: tuple[int, int], data: st.DataObject
) -> None:
    setting = setting_of(CeremonyKind.GENERATE, size[1], range(1, size[0] + 1))
    dealer, receiver = (data.draw(st.sampled_from([each.account for each in setting.receivers])) for _ in range(2))
    dealing = deal(setting, dealer)
    vector = verify_dealing(setting, dealer, dealing.commitments, dealing.proof)
    honest = parcel(setting, vector, receiver, dealing.bundle)
    [right] = sealing.unseal(honest, secret_of(receiver))
    complaint = sealing.complain(honest, secret_of(receiver))
    with pytest.raises(FalseComplaint) as refusal:
        sealing.uphold(complaint, honest)
    assert refusal.value.facts() == {"account": receiver}
    error = data.draw(st.integers(1, ORDER - 1))
    wrong = replace(honest, sealed=sealing.seal(honest, [Share(right.index, (right.value + error) % ORDER)]))
    noise = replace(honest, sealed=honest.sealed[:130] + data.draw(st.binary(min_size=48, max_size=48)))
    for target in (wrong, noise):
        with pytest.raises((ShareInvalid, AuthFailure)) as found:
            sealing.unseal(target, secret_of(receiver))
        assert found.type is AuthFailure or found.value.facts()["dealer"] == dealer
        sealing.uphold(sealing.complain(target, secret_of(receiver)), target)
    assert encode_point(vector.key) == dealing.commitments[:33]
