"""The document of a long key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.errors import EncodingError
from fl.protocol.keys.long_keys import DOCUMENT_BYTES, LongKey, LongKeyDocument
from fl.protocol.names import Address
from fl.protocol.ports import Anchor


@given(st.binary(max_size=DOCUMENT_BYTES + 4) | st.binary(min_size=DOCUMENT_BYTES, max_size=DOCUMENT_BYTES))
def test_a_document_has_one_form(data: bytes) -> None:
    if len(data) != DOCUMENT_BYTES:
        with pytest.raises(EncodingError):
            LongKeyDocument.from_bytes(data)
    else:
        assert LongKeyDocument.from_bytes(data).to_bytes() == data


def test_the_proof_is_bound_to_everything_that_it_is_about() -> None:
    account, other = Address(b"\x01" * 20), Address(b"\x02" * 20)
    anchor = Anchor(bytes(32), 1, account, account)
    key = LongKey(1, bytes(1249))
    messages = {
        key.message(anchor, account),
        key.message(anchor, other),
        key.message(Anchor(b"\x01" * 32, 1, account, account), account),
        key.message(Anchor(bytes(32), 2, account, account), account),
        key.message(Anchor(bytes(32), 1, other, account), account),
        key.message(Anchor(bytes(32), 1, account, other), account),
        LongKey(2, bytes(1249)).message(anchor, account),
        LongKey(1, b"\x01" * 1249).message(anchor, account),
    }
    assert len(messages) == 7, "all differ but those of two ledgers, because a long key outlives a ledger"
    assert LongKey(1, b"\x01" * 1249).key_id != key.key_id == LongKey(2, bytes(1249)).key_id
