"""The words of a receipt: on its sheet of paper, and of its comparison with the ledger.

Invariant: a sentence says no more than the comparison found (usecases/receipt_checks.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask_babel import gettext

from webui.http.error_words import translated
from webui.presentation.numbers_and_dates import percent, when, whole
from webui.presentation.request_wording import record_number
from webui.presentation.result_wording import answer_of, counts_of, means_not, next_step
from webui.presentation.review_wording import lead_of, model_line, review_lines, step_of_review
from webui.presentation.risk_wording import doubt_of, risk_percent, risk_saying
from webui.presentation.verdict_wording import class_name, reported_of
from webui.presentation.wording import Saying, hexed, listing
from webui.usecases.proof_states import Far
from webui.usecases.receipt_checks import Compared, Comparison
from webui.usecases.receipt_sheet import Sheet
from webui.usecases.receipts import Answered, Receipt
from webui.usecases.record_format import Check
from webui.usecases.review_format import Review
from webui.usecases.risk_format import RiskRecord


def _(text: str, **values: object) -> str:
    """Return a text in the language of the page."""
    return str(gettext(text, **values))


def comparison(found: Comparison, zone: ZoneInfo) -> Saying:
    """Return what a comparison found."""
    anchored = found.anchored
    if found.state is Compared.PROVED and anchored is not None:
        return Saying(
            "good",
            gettext("This receipt is genuine and unchanged") if found.core else gettext("This receipt was issued here"),
            gettext(
                "Its fingerprint leads to root %(batch)d of this hospital, which was written to the ledger on "
                "%(when)s, in block %(block)s. Nobody can change a receipt without changing its fingerprint.",
                batch=anchored.batch,
                when=when(anchored.anchored_at, zone),
                block=whole(anchored.block),
            ),
        )
    texts = {
        Compared.WAITING: (
            "wait",
            gettext("This receipt was issued here, and is not on the ledger yet"),
            gettext("Fingerprints are written to the ledger soon after the answer. Compare it again in an hour."),
        ),
        Compared.CHANGED: (
            "bad",
            gettext("Do not trust this receipt"),
            gettext("It was changed, or this hospital did not issue it. Ask for the original, or ask the hospital."),
        ),
        Compared.ELSEWHERE: (
            "wait",
            gettext("Another hospital issued this receipt"),
            gettext("Compare it on the site of that hospital."),
        ),
        Compared.SILENT: (
            "wait",
            gettext("The ledger does not answer now"),
            gettext("So nobody can say whether the receipt is genuine. Try again in a few minutes."),
        ),
    }
    return Saying(*texts.get(found.state, texts[Compared.SILENT]))


@dataclass(frozen=True)
class Printed:
    """What a sheet needs beside the check and its receipt."""

    number: str
    """Of the record."""
    address: str
    """What the QR code holds."""
    site_name: str
    zone: ZoneInfo
    trust_code: str = ""
    """Of the trust file with which the receipt's proof holds; empty while there is none."""
    review: Review | None = None
    """The newest one; the sheet then says what the doctor says, and never the model's advice alone."""


def sheet_of(check: Check, receipt: Receipt, printed: Printed) -> Sheet:
    """Return the texts of a receipt's sheet."""
    model, said, zone, review = check.model, answer_of(check), printed.zone, printed.review
    advice = step_of_review([review]) if review is not None else None
    model_lines = [*([model_line(said)] if advice is not None else []), *counts_of(check)]
    not_said = means_not(check) if advice is None else [gettext("The model's answer is not a diagnosis.")]
    facts = [
        (gettext("Patient"), check.patient.name),
        (gettext("Born"), check.patient.born),
        (gettext("Record"), record_number(printed.number)),
        (gettext("Checked"), when(check.checked_at, zone)),
        (gettext("Likeliest class"), f"{class_name(model.task, check.label)}, {percent(check.shares[check.label])}"),
        (
            gettext("Model"),
            gettext("round %(number)d, recorded by %(name)s", number=model.round, name=model.coordinator_name),
        ),
        *_origin(check, receipt),
    ]
    if check.private:
        facts.insert(-3, (gettext("Came by the private way"), listing(list(check.private.trustees))))
    if check.route:
        facts.insert(-3, (gettext("Answered by the server of"), check.route.server))
    if check.probability is not None:
        estimate = (gettext("Estimate"), f"{percent(check.probability)} {reported_of(model.task)}")
        facts.insert(4, estimate)
    return Sheet(
        site=printed.site_name,
        heading=gettext("Receipt of a check by Hemaledger"),
        title=lead_of([review], model.task, said).title if review is not None else said.title,
        lead=f"{advice.title}. {advice.text}" if advice is not None else next_step(check),
        lines=[*(review_lines(review, model.task, zone) if review is not None else []), *model_lines],
        facts=facts,
        not_said=[*not_said, gettext("Research software, not a medical device.")],
        compare=_compare(),
        trust=_trust(printed) if receipt.proof else "",
        shows=receipt_shows(receipt.far),
        shows_not=receipt_does_not_show(),
        code=printed.address,
        foot=_foot(printed),
        picture_png=check.image_png,
    )


def risk_sheet(record: RiskRecord, receipt: Receipt, printed: Printed) -> Sheet:
    """Return the texts of the sheet of an answer about a table."""
    answer, model, zone = record.answer, record.model, printed.zone
    said = risk_saying(record)
    facts = [
        (gettext("Patient"), record.patient.name),
        (gettext("Born"), record.patient.born),
        (gettext("Record"), record_number(printed.number)),
        (gettext("Answered"), when(record.answered_at, zone)),
        (gettext("About"), translated(record.schema.reported)),
        (gettext("Estimate"), risk_percent(answer.probability)),
        (doubt_of(answer), f"{risk_percent(answer.low)} – {risk_percent(answer.high)}"),
        (
            gettext("Model"),
            gettext("round %(number)d, recorded by %(name)s", number=model.round, name=model.coordinator_name),
        ),
        *_origin(record, receipt),
    ]
    return Sheet(
        site=printed.site_name,
        heading=gettext("Receipt of an answer by Hemaledger"),
        title=said.title,
        lead=said.text,
        facts=facts,
        not_said=[gettext("This is not a diagnosis."), gettext("Research software, not a medical device.")],
        compare=_compare(),
        trust=_trust(printed) if receipt.proof else "",
        shows=receipt_shows(receipt.far),
        shows_not=receipt_does_not_show(),
        code=printed.address,
        foot=_foot(printed),
    )


def _origin(answered: Answered, receipt: Receipt) -> list[tuple[str, str]]:
    """Return by which model and program an answer was made, and how far its proof is."""
    ended = gettext("no longer in use: the hospitals went back") if receipt.superseded else ""
    program = [(gettext("Program"), f"hemaledger {answered.software}")] if answered.software else []
    return [
        (gettext("Model digest"), hexed(answered.model.model_digest)),
        *([(gettext("This model now"), ended)] if ended else []),
        *program,
        *([(gettext("Preparation"), answered.model.preparation)] if isinstance(answered, Check) else []),
        (gettext("Fingerprint"), hexed(receipt.leaf)),
        (gettext("Proof"), receipt_far(receipt.far)),
    ]


def receipt_far(far: Far) -> str:
    """Return in plain words how far the proof of a receipt is."""
    if far is Far.THERE:
        return _("It is in the JSON file, which is also attached to the PDF. Anybody can check it without this site.")
    if far is Far.CHECKPOINT:
        return _("It waits: the fingerprint is on the ledger; too few witnesses have signed it so far.")
    return _("It waits: this hospital writes the fingerprint to the ledger soon. Download the receipt again later.")


@dataclass(frozen=True)
class ReceiptPanel:
    """The part about the receipt on the page of an answer."""

    there: bool
    """Whether the proof is there."""
    line: str
    code: str
    """Of the trust file; empty without one."""
    shows: list[str]
    shows_not: list[str]


def receipt_panel(far: Far, trust_code: str) -> ReceiptPanel:
    """Return the words about a receipt."""
    code = code_in_groups(trust_code) if far is Far.THERE else ""
    return ReceiptPanel(far is Far.THERE, receipt_far(far), code, receipt_shows(far), receipt_does_not_show())


def receipt_shows(far: Far) -> list[str]:
    """Return what a receipt shows, with its proof or until it is there."""
    when_recorded = (
        _("It recorded it before its fingerprint was written to the ledger. The witnesses saw the fingerprint there.")
        if far is Far.THERE
        else _("Once its proof is there: when at the latest, because witnesses saw the fingerprint on the ledger.")
    )
    return [
        _("What it shows:"),
        _(
            "This hospital recorded this answer, with this model, this program, and this very picture or these values. "
            "Nothing of it was changed since."
        ),
        when_recorded,
    ]


def receipt_does_not_show() -> list[str]:
    """Return what nobody may read into a receipt."""
    return [
        _("What it does not show:"),
        _("That the answer is right, that the program worked as it should, or whose picture it is."),
        _("That there is no other answer, or that a doctor agreed."),
    ]


def _compare() -> str:
    return _(
        "Anybody can compare this receipt with the ledger: scan the code, or open the address and choose the JSON "
        "file of the same receipt. The fingerprints must be equal."
    )


def _trust(printed: Printed) -> str:
    """Return what to compare the code of a trust file with; nothing while there is none."""
    if not printed.trust_code:
        return ""
    return _(
        "Code of the trust file: %(code)s. Who checks the proof takes the trust file from another place than this "
        "hospital, and compares this code.",
        code=code_in_groups(printed.trust_code),
    )


def code_in_groups(code: str) -> str:
    """Return the code of a trust file as people read it aloud: five groups of four."""
    return " ".join(code[at : at + 4] for at in range(0, len(code), 4))


def _foot(printed: Printed) -> str:
    return _(
        "The sheet was printed from the site of %(site)s. The JSON file of this receipt says the same for "
        "computers, and proves it.",
        site=printed.site_name,
    )
