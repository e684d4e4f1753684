"""The form that makes a token, and what each scope means in words."""

from __future__ import annotations

from flask_babel import gettext, lazy_gettext
from werkzeug.datastructures import MultiDict
from wtforms import SelectField, SelectMultipleField, StringField, SubmitField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from webui.presentation.forms import Form
from webui.store.models import SiteRole
from webui.store.token_tables import LABEL_CHARS
from webui.store.tokens import Scope, scopes_of

DAYS = ("7", "30", "90", "365")
WORDS = {
    Scope.CHECKS_READ: lazy_gettext("Read checks: results, pictures, receipts and proofs"),
    Scope.CHECKS_WRITE: lazy_gettext("Send pictures to be checked"),
    Scope.CHECKS_ERASE: lazy_gettext("Erase checks for good"),
    Scope.CONSENT_READ: lazy_gettext("Read who can open my records"),
    Scope.CONSENT_WRITE: lazy_gettext("Choose who can open my records"),
    Scope.REVIEWS_READ: lazy_gettext("Read the work list"),
    Scope.REVIEWS_WRITE: lazy_gettext("Send reviews of checks, in my name"),
    Scope.APPOINTMENTS_READ: lazy_gettext("Read appointments, doctors and free times"),
    Scope.APPOINTMENTS_WRITE: lazy_gettext("Book, move and cancel appointments"),
    Scope.RISKS_READ: lazy_gettext("Read risks, and which tables there are"),
    Scope.RISKS_WRITE: lazy_gettext("Have risks computed from values, and save them"),
    Scope.LEDGER_READ: lazy_gettext("Read rounds and look up files on the ledger"),
    Scope.METRICS_READ: lazy_gettext("Read the figures of the running site (Prometheus)"),
}


class TokenForm(Form):
    """A new token: its name, what it may do, and for how long."""

    label = StringField(
        lazy_gettext("What is it for?"),
        [DataRequired(lazy_gettext("Please give the token a name.")), Length(max=LABEL_CHARS)],
        filters=[lambda value: value.strip() if value else value],
    )
    scopes = SelectMultipleField(
        lazy_gettext("What may it do?"), [DataRequired(lazy_gettext("Please choose at least one right."))]
    )
    days = SelectField(lazy_gettext("How long does it work?"), default="90")
    submit = SubmitField(lazy_gettext("Make the token"))

    def __init__(self, role: SiteRole, **kwargs: object) -> None:
        """Offer only what `role` may do itself."""
        super().__init__(**kwargs)
        self.scopes.choices = [SelectChoice(scope.value, str(WORDS[scope])) for scope in scopes_of(role)]
        self.days.choices = [SelectChoice(each, gettext("%(days)s days", days=each)) for each in DAYS]

    @classmethod
    def empty(cls, role: SiteRole) -> TokenForm:
        """Return a form without what was just sent."""
        return cls(role, formdata=MultiDict())

    @property
    def chosen(self) -> tuple[Scope, ...]:
        return tuple(Scope(each) for each in self.scopes.data or ())


def scope_words(scopes: str) -> list[str]:
    """Return the rights of a stored token in words."""
    return [str(WORDS[Scope(each)]) for each in scopes.split() if each in set(Scope)]
