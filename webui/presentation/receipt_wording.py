"""The words of a receipt: on its sheet of paper, and of its comparison with the ledger.

Invariant: a sentence says no more than the comparison found (usecases/receipt_checks.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask_babel import gettext

from webui.presentation.numbers_and_dates import percent, when, whole
from webui.presentation.request_wording import record_number
from webui.presentation.result_wording import answer_of, counts_of, means_not, next_step
from webui.presentation.review_wording import lead_of, model_line, review_lines, step_of_review
from webui.presentation.verdict_wording import class_name, reported_of
from webui.presentation.wording import Saying, hexed
from webui.usecases.receipt_checks import Compared, Comparison
from webui.usecases.receipt_sheet import Sheet
from webui.usecases.receipts import Receipt
from webui.usecases.record_format import Check
from webui.usecases.review_format import Review


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
            gettext("Fingerprints are written to the ledger at least once a day. Compare it again tomorrow."),
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
        (gettext("Model digest"), hexed(model.model_digest)),
        (gettext("Preparation"), model.preparation),
        (gettext("Fingerprint"), hexed(receipt.leaf)),
    ]
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
        compare=gettext(
            "Anybody can compare this receipt with the ledger: scan the code, or open the address and choose the JSON "
            "file of the same receipt. The fingerprints must be equal."
        ),
        code=printed.address,
        foot=gettext(
            "The sheet was printed from the site of %(site)s. The JSON file of this receipt says the same for "
            "computers, and proves it.",
            site=printed.site_name,
        ),
        picture_png=check.image_png,
    )
