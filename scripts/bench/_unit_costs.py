"""Measures what one operation of a wide round costs on this machine, in CPU seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

from chain.transactions import keystore
from chain.transactions.eip712 import AccountEndorser
from fl.crypto.envelope import open_file, seal
from fl.crypto.envelope_form import Core, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.round_keys import Participant, RoundKeys
from fl.crypto.sharing import Commitments, recover
from fl.protocol.names import NO_DIGEST, Address
from fl.protocol.ports import Anchor, StepStatement
from scripts.bench._scale_model import ANSWER_ENTRY, DEALINGS, FILES, SECRETS, SIGNATURES, WRAPS, Shape

ACCOUNT = Address(b"\x03" * 20)
ANCHOR = Anchor(bytes(32), 1, ACCOUNT, ACCOUNT)


def unit_costs(shape: Shape, masked_bytes: int) -> dict[str, float]:
    """Return the seconds of one operation of each kind in rounds of this shape.

    A file is half a masked update, half an answer: both are opened once for each hospital.
    """
    keys = RoundKeys.generate(shape.threshold)
    advert, dealing = keys.advert(), keys.dealing()
    shares = [keys.own.share(index) for index in range(1, shape.holders + 1)]
    vector = Commitments.from_bytes(ACCOUNT, dealing[len(dealing) // 2 :], shape.threshold)
    return {
        SIGNATURES: _signature(),
        DEALINGS: _each(lambda: Participant.parse(1, ACCOUNT, advert, dealing, shape.threshold), 3),
        FILES: (_file(masked_bytes) + _file(2 + ANSWER_ENTRY * shape.holders)) / 2,
        SECRETS: _each(lambda: recover(shares, vector), 3),
        WRAPS: _wrap(),
    }


def _signature() -> float:
    endorser = AccountEndorser(keystore.generate())
    step = StepStatement(bytes(32), 1, ACCOUNT, 1, bytes(32), 1, NO_DIGEST)
    signature = endorser.sign_step(step)
    return _each(lambda: endorser.step_signer(step, signature), 200)


def _file(size: int) -> float:
    key, core = PrivateKey.generate(1), Core(Kind.MASKED, ANCHOR, ACCOUNT, 1, 1, bytes(32))
    file = bytes(seal(core, [key.member_key], bytes(size)))
    return _each(lambda: open_file(file, core, key), 50)


def _wrap() -> float:
    core = Core(Kind.GROUP, ANCHOR, ACCOUNT, 1, 1, bytes(32))
    readers = [PrivateKey.generate(1).member_key for _ in range(50)]
    return _each(lambda: seal(core, readers, bytes(32)), 2) / len(readers)


def _each(work: Callable[[], object], times: int) -> float:
    began = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - began) / times
