"""E-mail addresses: which are valid, and when two are the same.

Invariant: all spellings of one mailbox have one key. The domain is compared as the name system does (case, Unicode or
punycode, RFC 5891), the local part without case and in NFC, as providers do. Dots and "+tags" count: only some
providers ignore them, so addresses that differ there may belong to two people.

Source: RFC 5321, 2.4; RFC 6532, 3.1; RFC 5895; the documentation of email-validator.
Not here: whether mail arrives.
"""

from __future__ import annotations

import unicodedata

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from webui.errors import EmailMalformed
from webui.store.base import EMAIL_CHARS

SPECIAL_USE_DOMAIN_NAMES.clear()  # allow anna@clinic.local: an address is only a name to sign in with


def email_key(text: str) -> str:
    """Return the key by which an address is found and compared.

    Raises:
        EmailMalformed: it is not an e-mail address, or it is too long.
    """
    typed = text.strip()
    if len(typed) > EMAIL_CHARS:
        raise EmailMalformed
    try:
        address = validate_email(typed, check_deliverability=False, globally_deliverable=False, strict=True)
    except (EmailNotValidError, ValueError) as error:
        raise EmailMalformed from error
    key = f"{_folded(address.local_part)}@{address.ascii_domain.lower()}"
    if len(key) > EMAIL_CHARS:
        raise EmailMalformed
    return key


def typed_email(text: str) -> str:
    """Return an address for pages and commands: as it was typed, without spaces around it."""
    return unicodedata.normalize("NFC", text.strip())


def search_key(text: str) -> str:
    """Return the key to search for; for an invalid address, a text that finds nothing."""
    try:
        return email_key(text)
    except EmailMalformed:
        return text.strip().casefold()


def _folded(local: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).casefold())
