"""The invitation's file: what it accepts, and what its signature covers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from chain.transactions.keystore import AccountKey
from fl.protocol.codec import JsonValue, write_document
from fl.protocol.errors import EncodingError, SettingInvalid, SignatureInvalid
from fl.protocol.names import Address, Digest, Role
from fl.protocol.ports import Anchor
from fl.protocol.task_catalogue import LEUKEMIA
from scripts.wiring.home import Deployment
from scripts.wiring.invitation import DAY_S, MAX_DAYS, Invitation, check_url, roster_digest

KEY = AccountKey(bytes(31) + b"\x07")
ANCHOR = Anchor(bytes(range(32)), 1337, Address(b"a" * 20), Address(b"l" * 20))
URL = "https://rpc.example/chain"
PLAIN = Invitation(
    deployment=Deployment(URL, ANCHOR, free_gas=True, task=LEUKEMIA, vault="s3://bucket/one"),
    urls=(URL, "http://10.0.0.5:8545"),
    role=Role.HOSPITAL,
    name="Lake Clinic",
    roster=Digest(b"r" * 32),
    made_at=1_700_000_000,
    expires_at=1_700_000_000 + DAY_S,
    install="hemaledger 1",
)
SIGNED = PLAIN.signed(KEY)


def document() -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = json.loads(SIGNED.to_bytes())
    return found


def test_a_file_is_read_as_it_was_written() -> None:
    assert Invitation.from_bytes(SIGNED.to_bytes()) == SIGNED
    assert SIGNED.signer == KEY.address
    assert SIGNED.folder_name == "lake-clinic"


@pytest.mark.parametrize(
    "changed",
    [
        replace(SIGNED, name="Lake Clinik"),
        replace(SIGNED, role=Role.AUDITOR),
        replace(SIGNED, urls=SIGNED.urls[:1]),
        replace(SIGNED, roster=Digest(b"s" * 32)),
        replace(SIGNED, expires_at=SIGNED.expires_at + 1),
        replace(SIGNED, install="hemaledger 2"),
        replace(SIGNED, deployment=replace(SIGNED.deployment, vault="s3://bucket/two")),
        replace(SIGNED, deployment=replace(SIGNED.deployment, anchor=replace(ANCHOR, chain_id=1))),
    ],
)
def test_signature_and_fingerprint_cover_every_field(changed: Invitation) -> None:
    assert Invitation.from_bytes(changed.to_bytes()).signer != KEY.address
    assert changed.fingerprint != SIGNED.fingerprint
    assert changed.withdrawal != SIGNED.withdrawal


@pytest.mark.parametrize(
    "change",
    [
        {"role": "operator"},
        {"role": "king"},
        {"name": ""},
        {"name": "n" * 65},
        {"urls": []},
        {"urls": [URL] * 9},
        {"urls": ["ftp://rpc.example"]},
        {"urls": ["https://user:secret@rpc.example"]},
        {"urls": [7]},
        {"expires_at": 0},
        {"expires_at": 1_700_000_000 + MAX_DAYS * DAY_S + 1},
        {"made_at": True},
        {"roster": "0x00"},
        {"signature": "0x00"},
        {"form": "hemaledger-invitation/2"},
        {"extra": 1},
        {"consortium": {}},
    ],
)
def test_a_file_out_of_bounds_is_refused(change: dict[str, JsonValue]) -> None:
    with pytest.raises(EncodingError):
        Invitation.from_bytes(write_document({**document(), **change}))


def test_a_signature_that_no_account_can_make_names_nobody() -> None:
    with pytest.raises(SignatureInvalid):
        _ = replace(SIGNED, signature=bytes(65)).signer


@pytest.mark.parametrize(
    "url", ["", "rpc.example", "http://", "https://me@rpc.example", "http://[", "https://" + "a" * 500]
)
def test_a_url_that_is_none_or_has_a_password_is_not_sent_around(url: str) -> None:
    with pytest.raises(SettingInvalid):
        check_url(url)


def test_another_member_another_role_or_another_name_is_another_roster() -> None:
    one = {Address(b"1" * 20): (Role.HOSPITAL, "alpha"), Address(b"2" * 20): (Role.AUDITOR, "beta")}
    assert roster_digest(one) == roster_digest(dict(reversed(one.items())))
    others = [
        {Address(b"1" * 20): (Role.HOSPITAL, "alpha")},
        {**one, Address(b"2" * 20): (Role.HOSPITAL, "beta")},
        {**one, Address(b"2" * 20): (Role.AUDITOR, "gamma")},
    ]
    assert roster_digest(one) not in {roster_digest(other) for other in others}
