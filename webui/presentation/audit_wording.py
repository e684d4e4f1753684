"""The words of a full audit: its progress, its checks, and the evidence of a finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l

from fl.audit import plain_words
from webui.http.error_words import translated
from webui.ports.federation import AuditSummary
from webui.presentation.wording import Saying
from webui.usecases.full_audits import AuditRun, AuditState

KINDS: Mapping[str, Any] = {
    "records": _l("records replayed by the rules: sender, role, phase, key and deadline"),
    "files": _l("encrypted files compared with their fingerprint, size, sender and header"),
    "documents": _l("public documents compared with their fingerprint"),
    "agreements": _l("sets of hospitals signed by enough of them"),
    "aggregates": _l("rounds summed again from the hospitals' files, bit for bit"),
    "ceremonies": _l("key ceremonies computed again from the dealers' files"),
    "first models": _l("first models computed again from their recipe, bit for bit"),
    "successors": _l("models after going back, made from an earlier model and the rest alone"),
    "models": _l("models opened and compared with their fingerprint"),
}
EVIDENCE: Mapping[str, Any] = {
    "expected": _l("Expected"),
    "actual": _l("Found"),
    "digest": _l("File"),
    "block": _l("Block"),
    "transaction": _l("Transaction"),
    "round": _l("Round"),
    "cap": _l("Allowed"),
    "size": _l("Size"),
    "why": _l("Reason"),
    "account": _l("Account"),
    "hospital": _l("Hospital"),
}
DIGEST_DIGITS = 66
ACCOUNT_DIGITS = 42


def finding_title(name: str) -> str:
    """Return what a finding is called, for people."""
    return translated(plain_words.finding_title(name))


def check_kind(name: str) -> str:
    return str(KINDS.get(name, name))


def evidence_name(name: str) -> str:
    return str(EVIDENCE.get(name, name.replace("_", " ").capitalize()))


def evidence_kind(name: str, value: str) -> str:
    """Return `digest`, `transaction`, `account` or `text`: how a page shows a piece of evidence."""
    if not value.startswith("0x"):
        return "text"
    if len(value) == DIGEST_DIGITS:
        return "transaction" if name == "transaction" else "digest"
    return "account" if len(value) == ACCOUNT_DIGITS else "text"


def in_order(evidence: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return evidence in the order of `EVIDENCE`; a reason is part of the sentence already."""
    places = {name: place for place, name in enumerate(EVIDENCE)}
    shown = (pair for pair in evidence if pair[0] != "why")
    return sorted(shown, key=lambda pair: places.get(pair[0], len(places)))


def audit_saying(run: AuditRun, findings: int = 0) -> Saying:
    """Return what the newest audit is doing, or how it ended; `findings` counts those of the last report."""
    title, text, tone = {
        AuditState.NONE: ("", "", "plain"),
        AuditState.RUNNING: (gettext("The audit is running"), _progress(run), "wait"),
        AuditState.DONE: (
            gettext("The audit is finished"),
            gettext("It found a problem: see below.") if findings else gettext("Its result is below."),
            "bad" if findings else "good",
        ),
        AuditState.STOPPED: (
            gettext("The audit was stopped"),
            gettext("The result below is that of the audit before it."),
            "plain",
        ),
        AuditState.FAILED: (
            gettext("The audit could not be made"),
            run.why or gettext("This is a mistake of this site. It has written the reason to its log."),
            "bad",
        ),
    }[run.state]
    return Saying(tone, title, text)


def _progress(run: AuditRun) -> str:
    if not run.of:
        return str(gettext("It reads the ledger and the first files."))
    return str(gettext("%(done)s of %(of)s rounds and models are checked.", done=run.done, of=run.of))


def verdict_of(summary: AuditSummary) -> str:
    """Return the result of an audit in one or two sentences, in the language of the page."""
    alarm = ""
    if summary.alarms:
        rounds = ", ".join(str(each.round) for each in summary.alarms)
        alarm = " " + gettext("ALARM: the models of round %(rounds)s are far worse than chance.", rounds=rounds)
    if summary.findings:
        said = ngettext(
            "%(num)d finding: do not trust the models named below.",
            "%(num)d findings: do not trust the models named below.",
            len(summary.findings),
        )
    elif summary.alarms:
        said = gettext("Every record, file and model that was checked is what the ledger says.")
    elif summary.notes:
        said = gettext("Nothing was found in what was checked; the notes say what was not.")
    else:
        said = gettext("Nothing was found: every record, file and model is what the ledger says.")
    return f"{said}{alarm}"
