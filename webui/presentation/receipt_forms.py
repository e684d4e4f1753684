"""The form with which anybody compares a receipt."""

from __future__ import annotations

from flask_babel import gettext, lazy_gettext
from flask_wtf.file import FileField
from wtforms import SubmitField, TextAreaField
from wtforms.validators import Length

from webui.presentation.forms import Form
from webui.usecases.receipt_checks import RECEIPT_CAP


class ReceiptForm(Form):
    """A receipt as a file, or pasted."""

    file = FileField(lazy_gettext("The JSON file of the receipt"))
    text = TextAreaField(lazy_gettext("Or paste its text here"), [Length(max=RECEIPT_CAP)])
    submit = SubmitField(lazy_gettext("Compare with the ledger"))

    def validate(self, extra_validators: object = None) -> bool:
        """Refuse an empty form."""
        right: bool = super().validate(extra_validators)
        if right and not self.file.data and not (self.text.data or "").strip():
            self.file.errors = [gettext("Please choose the file of a receipt, or paste its text.")]
            return False
        return right

    def content(self) -> bytes:
        """Return the bytes of the receipt; one byte more than allowed if it is too large."""
        if self.file.data:
            data: bytes = self.file.data.stream.read(RECEIPT_CAP + 1)
            return data
        return (self.text.data or "").strip().encode()

    def refuse(self) -> None:
        """Say that this is no receipt."""
        where = self.file if self.file.data else self.text
        where.errors = [gettext("This is not a receipt of this kind of site. Choose the JSON file, not the PDF.")]
