"""One look of a monitor: all rules, and for each finding the evidence that another person can check.

Invariant: evidence leaves only after its own verdict was read from its bytes; what cannot be shown to others is said
without evidence. What was seen is kept before a look ends, and is never replaced by another history.

Source: PROTOCOL.md 8T.7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from fl.crypto import note_keys
from fl.proofs.evidence_pieces import Signed, Verdict, without_quorum
from fl.proofs.evidence_verdicts import judge
from fl.proofs.verify import check_log, check_witnesses
from fl.proofs.watch_history import History, first_difference
from fl.proofs.watch_member import Consortium, OwnMember, cosigned_in_my_name, in_my_name, left_out, withheld
from fl.proofs.watch_rules import Case, Scene, histories, times
from fl.protocol.errors import HemaledgerError
from fl.protocol.ports import ChainFacts, SeenLog
from fl.protocol.tlog.notes import Note, SignatureLine, cosigned_at, log_signed
from fl.protocol.tlog.trust import Trust


@dataclass(frozen=True)
class Found:
    """What a look found."""

    key: str
    """What it is about: one thing is reported once."""
    finding: HemaledgerError
    data: bytes = b""
    """The file of evidence; empty if nothing that is signed shows it."""
    verdict: Verdict | None = None


def look(scene: Scene, me: OwnMember, consortium: Consortium | None) -> list[Found]:
    """Return everything that is wrong now, also what was found before.

    Args:
        scene: What was seen.
        me: Whose monitor this is.
        consortium: The ledger and its files; None while the chain shows another history than before.

    Raises:
        UnavailableError: the node or the vault does not answer.
    """
    cases: list[Iterable[Case]] = [histories(scene), times(scene), cosigned_in_my_name(scene, me)]
    if consortium is not None:
        cases += [in_my_name(scene, me, consortium), left_out(scene, me, consortium), withheld(scene, consortium)]
    found: dict[str, Found] = {}
    for case in chain.from_iterable(cases):
        if case.key not in found and (judged := judged_of(case, scene.trust, scene.facts)) is not None:
            found[case.key] = judged
    return list(found.values())


def judged_of(case: Case, trust: Trust, facts: ChainFacts) -> Found | None:
    """Return a case with its verdict. Evidence that the own trust refuses, as too few cosigned, is no evidence."""
    if case.evidence is not None:
        data = case.evidence.encoded()
        with suppress(HemaledgerError):
            verdict = judge(data, trust, facts)
            return Found(case.key, verdict.finding, data, verdict)
    return None if case.finding is None else Found(case.key, case.finding)


def continues(known: History, live: History) -> bool:
    """Return whether the chain shows everything that was seen before, unchanged."""
    return len(live) >= len(known) and first_difference(known.leaves, live.leaves) is None


_AT_ONCE = 200


def remember(log: SeenLog, known: History, live: History) -> None:
    """Keep the records that are new; raises as `ChainSource`."""
    start = len(known)
    for first in range(start, len(live), _AT_ONCE):
        log.add([live.sight(place) for place in range(first, min(first + _AT_ONCE, len(live)))])


def signed_notes(notes: Iterable[Note], trust: Trust) -> Iterator[Signed]:
    """Yield each checkpoint of the log with the lines that verify; what nobody of the trust file signed is dropped.

    A witness may cosign one checkpoint again later. Then the first and the last of its lines are in two notes.
    """
    for note in notes:
        logs = [
            line
            for key in trust.policy.logs
            for line in note.lines
            if log_signed(line, key, note.text, note_keys.verify)
        ]
        lines: list[Sequence[SignatureLine]] = [logs[:1]]
        if not logs:
            continue
        for key in trust.policy.witnesses.values():
            timed = [(cosigned_at(line, key, note.text, note_keys.verify), line) for line in note.lines]
            own = [line for time, line in sorted(timed, key=lambda each: each[0] or 0) if time is not None]
            lines.append(own)
        yield from _variants(note.text, [each for each in lines if each], without_quorum(trust))


def _variants(text: bytes, lines: Sequence[Sequence[SignatureLine]], trust: Trust) -> Iterator[Signed]:
    first = tuple(each[0] for each in lines)
    last = tuple(each[-1] for each in lines)
    for chosen in (first, last) if first != last else (first,):
        note = Note(text, chosen)
        try:
            checkpoint, key = check_log(note, trust)
        except HemaledgerError:
            return
        yield Signed(note, checkpoint, key, check_witnesses(note, trust))
