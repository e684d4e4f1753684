"""The operator's forms that change accounts; the others only prepare files, and are plain GET forms."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, EmailField, SelectField, StringField, SubmitField, TimeField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from webui.errors import EmailMalformed, NameMalformed
from webui.http.error_words import sentence_of
from webui.presentation.code_words import CODES
from webui.presentation.forms import Form
from webui.store.base import EMAIL_CHARS, NAME_CHARS
from webui.store.emails import email_key
from webui.store.models import SiteRole
from webui.store.new_accounts import Hours
from webui.store.person_names import person_name

WORKDAYS = range(5)
STAFF_ROLES = tuple(role for role in SiteRole if role is not SiteRole.PATIENT)


class StaffForm(Form):
    """A new account of staff."""

    role = SelectField(_l("Role"), choices=[SelectChoice(role.value, CODES[role.value]) for role in STAFF_ROLES])
    name = StringField(_l("Full name"), [InputRequired(_l("Please enter the name."))])
    email = EmailField(_l("E-mail address"), [InputRequired(_l("Please enter the address.")), Length(max=EMAIL_CHARS)])
    specialty = StringField(_l("Specialty (doctors)"), [Optional(), Length(max=NAME_CHARS)])
    room = StringField(_l("Room (doctors)"), [Optional(), Length(max=NAME_CHARS)])
    opens = TimeField(_l("Monday to Friday from (doctors)"), [Optional()])
    closes = TimeField(_l("Monday to Friday until (doctors)"), [Optional()])
    submit = SubmitField(_l("Create the account"))

    def validate_name(self, field: StringField) -> None:
        """Refuse a text that cannot be a name."""
        try:
            person_name(field.data)
        except NameMalformed as error:
            raise ValidationError(sentence_of(error)) from error

    def validate_email(self, field: EmailField) -> None:
        """Refuse a text that cannot be an address."""
        try:
            email_key(field.data)
        except EmailMalformed as error:
            raise ValidationError(sentence_of(error)) from error

    def validate_closes(self, field: TimeField) -> None:
        """Refuse hours that end before they begin."""
        if bool(field.data) != bool(self.opens.data) or (field.data and field.data <= self.opens.data):
            raise ValidationError(_l("Give both times, the earlier one first, or none."))

    @property
    def hours(self) -> tuple[Hours, ...]:
        if not self.opens.data or not self.closes.data:
            return ()
        opens, closes = (60 * each.data.hour + each.data.minute for each in (self.opens, self.closes))
        return tuple(Hours(day, opens, closes) for day in WORKDAYS)


class DisableForm(Form):
    """Blocks an account."""

    keep = BooleanField(_l("Keep the coming appointments"))
    submit = SubmitField(_l("Block this account"))
