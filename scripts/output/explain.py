"""One round of an audit for a terminal. fl/audit/narrative.py writes the sentences."""

from __future__ import annotations

from fl.audit.narrative import Passage, Results
from fl.audit.narrative import explain as explain_round
from fl.audit.plain_words import finding_title, without_names
from fl.protocol.errors import SettingInvalid
from scripts.output.report import MARKS, Audited


def explain(audited: Audited, number: int) -> str:
    """Return the sentences about one round, numbered in the order of the events.

    Raises:
        SettingInvalid: the round does not exist.
    """
    federation = audited.federation
    if number not in {each.number for each in federation.rounds}:
        raise SettingInvalid("round", f"there is no round {number}; the last is {federation.last_round}")
    current, story = federation.round(number), explain_round(federation, number, Results.of(audited.report, number))
    lines = [f"Round {number} was {current.terms.protection.name.lower()} and is {current.phase.name.lower()}.", ""]
    lines += [f"{place:>3}. {_sentences(passage)}" for place, passage in enumerate(story.passages, start=1)]
    lines += ["", story.ending, story.seen]
    lines += [
        f"FINDING {finding_title(each.name)} ({each.subject}): {without_names(each.sentence)}"
        for each in story.results.findings
    ]
    lines += [f"Note: {without_names(note)}" for note in story.results.notes]
    return "\n".join([*lines, story.verdict])


def _sentences(passage: Passage) -> str:
    return f"{passage.happened} {MARKS[passage.outcome]}: {passage.checked}"
