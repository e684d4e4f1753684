"""E-mail addresses: what is one, and when two are the same.

Invariant: two ways to write one mailbox have one key. The domain counts as the name system reads it (case, Unicode or
punycode, RFC 5891), the local part without case and in NFC, as providers do. Dots and "+tags" count: only some
providers drop them, so two addresses that differ there may be two people.

Source: RFC 5321, 2.4; RFC 6532, 3.1; RFC 5895; the documentation of email-validator.
Not here: whether mail arrives there; the site sends none.
"""

from __future__ import annotations

import unicodedata

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from webui.errors import EmailMalformed
from webui.store.base import EMAIL_CHARS

SPECIAL_USE_DOMAIN_NAMES.clear()  # the library's way to allow anna@clinic.local: an address is a name to sign in with


def email_key(text: str) -> str:
    """Return by what an address is found and compared.

    Raises:
        EmailMalformed: it is no e-mail address, or a longer one than mail knows.
    """
    typed = text.strip()
    if len(typed) > EMAIL_CHARS:
        raise EmailMalformed
    try:
        found = validate_email(typed, check_deliverability=False, globally_deliverable=False, strict=True)
    except (EmailNotValidError, ValueError) as error:
        raise EmailMalformed from error
    key = f"{_folded(found.local_part)}@{found.ascii_domain.lower()}"
    if len(key) > EMAIL_CHARS:
        raise EmailMalformed
    return key


def typed_email(text: str) -> str:
    """Return an address as pages and commands show it: as it was typed, without white space around it."""
    return unicodedata.normalize("NFC", text.strip())


def search_key(text: str) -> str:
    """Return the key of what somebody typed to find an account; of what is no address, something that finds none."""
    try:
        return email_key(text)
    except EmailMalformed:
        return text.strip().casefold()


def _folded(local: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())
