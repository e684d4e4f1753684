"""One round of an audit in plain words: what happened, what was checked, who could see what."""

from __future__ import annotations

import time
from collections.abc import Iterable

from fl.protocol.errors import SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Address, show
from fl.protocol.round import Phase, Round
from fl.protocol.steps import complaints_of
from scripts._report import Audited

SEEN = {
    True: "Nobody, the coordinator included, could see one hospital's update: only the sum of the survivors.",
    False: "The coordinator and the auditors could read each hospital's update; other hospitals could not.",
}


def explain(audited: Audited, number: int) -> str:
    """Return the sentences about one round, numbered in the order in which things happened.

    Raises:
        SettingInvalid: there is no such round.
    """
    federation = audited.federation
    if number not in {each.number for each in federation.rounds}:
        raise SettingInvalid("round", f"there is no round {number}; the last is {federation.last_round}")
    current = federation.round(number)
    steps = [*_opening(federation, current), *_hiding(federation, current), *_ending(federation, current)]
    lines = [f"Round {number} was {current.terms.protection.name.lower()} and is {current.phase.name.lower()}.", ""]
    lines += [f"{place:>3}. {sentence}" for place, sentence in enumerate(steps, start=1)]
    lines += ["", SEEN[current.masked]]
    found = [finding for finding in audited.report.findings if finding.round == number]
    lines += [f"FINDING {each.name} ({each.subject}): {each.sentence}" for each in found]
    lines += [f"Note: {note}" for note in audited.report.notes if note.startswith(_about(number))]
    return "\n".join([*lines, "" if found else "Nothing was found in this round."]).rstrip()


def _about(number: int) -> tuple[str, ...]:
    """Return how a note begins that concerns this round or the whole audit."""
    return (f"Round {number}:", f"Round {number} ", "No auditor key")


def _opening(federation: Federation, current: Round) -> list[str]:
    terms, when = current.terms, _when(current.opened.timestamp)
    return [
        (
            f"On {when} {federation.book.name_of(current.opener)} opened the round for"
            f" {_names(federation, current.roster)}, starting from the model {_short(current.previous_model)}."
            " Checked: the sender's role, that this was the model in force, and that every hospital was a member with"
            " a key."
        ),
        (
            f"The terms demanded {terms.min_commitments} hospitals and {terms.attestations} attestations. Checked: the"
            " configuration in the vault has the digest in the terms."
        ),
    ]


def _hiding(federation: Federation, current: Round) -> list[str]:
    commits = f"{_names(federation, current.commitments)} committed an update"
    files = "each file has the recorded digest, size and sender, and belongs to this round"
    if not current.masked:
        return [f"{commits}, sealed to the coordinator and the auditors. Checked: {files}."]
    complaints = sum(len(complaints_of(record.complaints)) for record in current.checked.values())
    return [
        (
            f"{_names(federation, current.advertised)} advertised fresh keys and"
            f" {_names(federation, current.dealt)} dealt"
            " shares of their secrets. Checked: all keys are valid and different, and the commitments are to them."
        ),
        (
            f"{_names(federation, current.checked)} checked their shares; {complaints} complaints were made."
            f" Checked: who went on ({_names(federation, current.sharers)}) lost no complaint."
        ),
        f"{commits}, masked by the others' keys. Checked: {files}.",
        (
            f"{_names(federation, current.endorsed)} signed the same set of survivors. Checked: at least"
            f" {current.terms.threshold} signatures of its members verify, independently of any node."
        ),
        (
            f"{_names(federation, current.revealed)} revealed shares, one secret per hospital. Checked: each share fits"
            " its dealer's commitments, and the rebuilt secrets fit the advertised keys."
        ),
    ]


def _ending(federation: Federation, current: Round) -> list[str]:
    if current.phase == Phase.ABORTED:
        return [f"The round was aborted: {current.reason}. The model before it stands."]
    if current.proposal is None:
        return ["No model was proposed yet."]
    return [
        (
            f"The coordinator proposed the model {_short(current.proposal.model_digest)}. Checked: the updates of"
            f" {_names(federation, current.hospitals)} were summed again, and give this model bit for bit."
        ),
        f"{_names(federation, current.attestations)} replayed the round and attested the same model.",
    ]


def _names(federation: Federation, accounts: Iterable[Address]) -> str:
    return ", ".join(sorted(federation.book.name_of(account) for account in accounts)) or "nobody"


def _when(timestamp: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(timestamp))


def _short(digest: bytes) -> str:
    return show(digest)[:18] + "..."
