"""Logs as the contracts emit them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from chain.contracts import events
from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse, Protection, Purpose, Refusal, Role, StatementKind
from fl.protocol.records import KEY_RECORDS, LEDGER_RECORDS, DecryptionRefused, Record, StatementMade, Terms


def encode_log(record: Record) -> dict[str, Any]:
    """Return `topics` and `data` of the log that the contract emits for `record`."""
    topics, data = events.encode_log(record)
    return {"topics": ["0x" + item.hex() for item in topics], "data": "0x" + data.hex()}


ADDRESS = st.binary(min_size=20, max_size=20).map(Address)
DIGEST = st.binary(min_size=32, max_size=32).map(Digest)
U16 = st.integers(0, 2**16 - 1)
U64 = st.integers(0, 2**64 - 1)
TERMS = st.builds(Terms, st.sampled_from(Protection), U16, U16, U16, U64, DIGEST, U64, U64, U64)
BY_FIELD: dict[str, st.SearchStrategy[Any]] = {
    "role": st.sampled_from(Role),
    "member_name": st.text(max_size=70),
    "reason": st.text(max_size=70),
    "epoch": st.integers(0, 2**32 - 1),
    "public_key": st.binary(max_size=70),
    "proof": st.binary(max_size=70),
    "mask_key": st.binary(max_size=70),
    "transport_key": st.binary(max_size=70),
    "mask_commitments": st.binary(max_size=200),
    "self_commitments": st.binary(max_size=200),
    "complaints": st.binary(max_size=240),
    "signature": st.binary(max_size=70),
    "phase": st.integers(0, 255),
    "terms": TERMS,
    "roster": st.lists(ADDRESS, max_size=4).map(tuple),
    "hospitals": st.lists(ADDRESS, max_size=4).map(tuple),
    "round": U64,
    "last_round": U64,
    "sender": ADDRESS,
    "key_use": st.sampled_from(KeyUse),
    "kind": st.sampled_from(CeremonyKind),
    "size": U64,
    "ceremony": st.integers(0, 2**32 - 1),
    "threshold": U16,
    "dealers": st.lists(ADDRESS, max_size=4).map(tuple),
    "receivers": st.lists(ADDRESS, max_size=4).map(tuple),
    "step_timeout": U64,
    "expires_at": U64,
    "commitments": st.binary(max_size=200),
    "request": U64,
    "purpose": st.sampled_from(Purpose),
    "deadline": U64,
    "batch": st.integers(0, 2**32 - 1),
    "member": ADDRESS,
    "reader": ADDRESS,
    "predecessor": ADDRESS,
    "successor": ADDRESS,
    "account": ADDRESS,
    "candidate": ADDRESS,
    "former": ADDRESS,
    "degree": st.integers(0, 2**16 - 1),
    "replayers": st.integers(0, 2**16 - 1),
    "roster_size": st.integers(0, 2**16 - 1),
    "count": st.integers(0, 2**16 - 1),
    "going": st.integers(0, 2**16 - 1),
    "replacement": st.integers(0, 2**32 - 1),
}
RECORD = st.one_of(
    *(
        st.builds(kind, **{name: BY_FIELD.get(name, DIGEST) for name in kind.__dataclass_fields__})
        for kind in (*KEY_RECORDS, *LEDGER_RECORDS)
        if kind not in (DecryptionRefused, StatementMade)
    ),
    st.builds(DecryptionRefused, ADDRESS, U64, st.sampled_from(Refusal)),
    st.builds(StatementMade, ADDRESS, U64, st.sampled_from(StatementKind), DIGEST, st.text(max_size=70)),
)
