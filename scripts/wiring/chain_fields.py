"""The fields of consortium.json about nodes and fees that may be missing."""

from __future__ import annotations

from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError
from scripts.wiring.options import FINALIZED, FINALIZED_WORD, MAX_CONFIRMATIONS

WHAT = "consortium"
MAX_MORE_URLS = 16


def confirmations_in(fields: Fields) -> int:
    """Return when a record counts, as chain/finality.py has it; 1 if the file does not say it."""
    if (given := fields.value.get("confirmations", 1)) == FINALIZED_WORD:
        return FINALIZED
    if given != 1 and not 1 <= fields.integer("confirmations") <= MAX_CONFIRMATIONS:
        raise EncodingError(WHAT, f"confirmations is neither 1 to {MAX_CONFIRMATIONS} nor {FINALIZED_WORD}")
    return fields.integer("confirmations") if "confirmations" in fields.value else 1


def more_urls_in(fields: Fields) -> tuple[str, ...]:
    """Return the URLs behind the first one."""
    more = fields.value.get("more_urls", [])
    if not isinstance(more, list) or len(more) > MAX_MORE_URLS or not all(isinstance(url, str) and url for url in more):
        raise EncodingError(WHAT, f"more_urls is not a list of up to {MAX_MORE_URLS} URLs")
    return tuple(map(str, more))


def wei_in(fields: Fields, name: str) -> int | None:
    """Return a price in wei per gas, or None."""
    if name not in fields.value:
        return None
    if (wei := fields.integer(name)) < 0:
        raise EncodingError(WHAT, f"{name} is negative")
    return wei
