"""The demo's private predictions: a key for heads, an encrypted head, bought answers, and the trustees' servers."""

from __future__ import annotations

from contextlib import ExitStack

from fl.crypto.threshold import ThresholdKey
from fl.events import Notify
from fl.protocol.names import KeyUse, Purpose, Role
from fl.replay.heads import newest_of
from fl.replay.round_documents import digest_of
from scripts.demo.child_process import HeadProcess
from scripts.demo.together import AUDITOR, TRUSTEES, share_key
from scripts.wiring.heads import DAY_S, Member, announce_head
from scripts.wiring.home import Home

DAYS = 365
ANSWERS = 20


def announce_demo_head(home: Home, hospital: str, notify: Notify) -> int:
    """Share the key, announce the newest model's head, and buy answers for a hospital; return how many are unused.

    A demo that continues does only what is missing.
    """
    share_key(home, TRUSTEES, notify, KeyUse.INFERENCE)
    member = Member.of(home, hospital, Role.HOSPITAL)
    final = member.federation.final_round
    known = newest_of(member.federation, digest_of(final), member.ports.now()) if final else None
    head = known.record.label if known else announce_head(home, AUDITOR, DAYS)[0]
    member = Member.of(home, hospital, Role.HOSPITAL)
    key = ThresholdKey.from_bytes(member.federation.threshold.committee(KeyUse.INFERENCE).public_key)
    questions = member.answers.questions
    unused = sum(questions.unused(member.federation, questions.head(head, key)).values())
    if not unused:
        until = member.ports.now() + DAYS * DAY_S
        member.answers.buy(member.federation, head, ANSWERS, Purpose.TREATMENT, until)
    return unused or ANSWERS


def start_trustees(home: Home, stack: ExitStack) -> dict[str, str]:
    """Start the server of each trustee, and return their addresses by name."""
    return {name: stack.enter_context(HeadProcess(home, name)).url for name in TRUSTEES}
