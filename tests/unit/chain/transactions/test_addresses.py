"""An address with one wrong character is seen by its capital and small letters (EIP-55)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.transactions.addresses import checksummed, parse_address
from fl.protocol.errors import EncodingError
from fl.protocol.names import Address

GIVEN = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # of EIP-55


@pytest.mark.parametrize(
    "text",
    [
        GIVEN,
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_the_letters_are_those_of_the_examples_of_eip_55(text: str) -> None:
    assert checksummed(Address(bytes.fromhex(text[2:]))) == text


@given(st.binary(min_size=20, max_size=20))
def test_every_usual_form_of_an_address_is_taken(raw: bytes) -> None:
    account = Address(raw)
    text = checksummed(account)
    for form in (text, text[2:], text.lower(), "0x" + text[2:].upper(), f" {text}\n"):
        assert parse_address(form) == account


@given(st.data())
def test_one_letter_in_the_other_case_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.sampled_from([place for place, each in enumerate(GIVEN) if place > 1 and each.isalpha()]))
    with pytest.raises(EncodingError, match="EIP-55"):
        parse_address(GIVEN[:at] + GIVEN[at].swapcase() + GIVEN[at + 1 :])


@pytest.mark.parametrize("text", ["", "0x", GIVEN[:-1], GIVEN + "0", GIVEN[:-1] + "g", "hospital", "0x" + "é" * 40])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        parse_address(text)
