"""The names of errors in words, for pages, reports and terminals.

Invariant: what this returns holds no name of an error class. JSON reports keep the names, for programs.

Source: fl/protocol/errors (the names); docs/auditor.md (what each finding means).
"""

from __future__ import annotations

import inspect
import re
from functools import cache

from fl.protocol import errors
from fl.protocol.errors import HemaledgerError

TITLES = {
    "AccuracyAlarm": "A model is far worse than chance",
    "AggregationUnusable": "A rule of aggregation that cannot work",
    "AuthFailure": "A file cannot be opened",
    "BelowThreshold": "Too few signatures",
    "BranchWrong": "A round does not go on from the model of its branch",
    "CiphertextInvalid": "An encrypted record is not valid",
    "CommitmentMismatch": "A share does not fit its commitment",
    "HashMismatch": "A file is not the recorded one",
    "ModelDigestMismatch": "A model is not the recorded one",
    "NormExceeded": "A sum that honest hospitals cannot give",
    "ReconstructMismatch": "The shares do not give the mask",
    "ReportMismatch": "A report does not fit the sum",
    "SetMismatch": "A hospital should not be in the set",
    "SignatureInvalid": "A signature is not valid",
    "SumOutOfBounds": "Numbers that honest hospitals cannot give",
    "TooFewReveals": "Too few shares",
    "TotalsMismatch": "A report gives other totals",
    "VaultMissing": "A file is gone",
    "WordsMismatch": "The terms do not fit the configuration",
    "WrongSender": "A record of the wrong sender",
}
_CAPITALS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def finding_title(name: str) -> str:
    """Return what an error is called, for people."""
    return TITLES.get(name) or _CAPITALS.sub(" ", name).lower().capitalize()


def without_names(text: str) -> str:
    """Return a text without the names of errors before a colon or in brackets.

    What follows a name gets a capital letter. A text without such a name stays as it is: it may begin with the name of
    a member or a file.
    """
    plain = _pattern().sub("", text)
    return text if plain == text else _capital(plain)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@cache
def _pattern() -> re.Pattern[str]:
    """Return what matches `Name: ` and ` (Name)` for each leaf."""
    names = [name for name, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, HemaledgerError)]
    either = "|".join(sorted(names, key=len, reverse=True))
    return re.compile(rf"\b(?:{either}): | \((?:{either})\)")
