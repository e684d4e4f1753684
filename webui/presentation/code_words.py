"""The words for codes of the ledger that tables show: phases, roles, purposes.

Invariant: in English a word is the code itself, so that a table and its CSV file agree.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

CODES = {
    "operator": _l("operator"),
    "hospital": _l("hospital"),
    "coordinator": _l("coordinator"),
    "auditor": _l("auditor"),
    "trustee": _l("trustee"),
    "doctor": _l("doctor"),
    "patient": _l("patient"),
    "masked": _l("masked"),
    "sealed": _l("sealed"),
    "records": _l("records"),
    "model": _l("model"),
    "inference": _l("inference"),
    "generate": _l("generate"),
    "dealer": _l("dealer"),
    "refresh": _l("refresh"),
    "reshare": _l("reshare"),
    "treatment": _l("treatment"),
    "second opinion": _l("second opinion"),
    "emergency": _l("emergency"),
    "patient wish": _l("patient wish"),
    "research": _l("research"),
    "quality": _l("quality"),
    "release": _l("release"),
    "ciphertext": _l("ciphertext"),
    "consent": _l("consent"),
    "purpose": _l("purpose"),
    "requester": _l("requester"),
    "judgement": _l("judgement"),
    "open": _l("open"),
    "advertise": _l("advertise"),
    "share": _l("share"),
    "complain": _l("complain"),
    "mask": _l("mask"),
    "frozen": _l("frozen"),
    "agree": _l("agree"),
    "unmask": _l("unmask"),
    "proposed": _l("proposed"),
    "final": _l("final"),
    "aborted": _l("aborted"),
    "commit": _l("commit"),
    "deal": _l("deal"),
    "check": _l("check"),
    "confirm": _l("confirm"),
    "done": _l("done"),
    "approved": _l("approved"),
    "fulfilled": _l("fulfilled"),
    "refused": _l("refused"),
    "active": _l("active"),
    "revoked": _l("revoked"),
    "no key": _l("no key"),
    "in use": _l("in use"),
    "replaced": _l("replaced"),
    "in force": _l("in force"),
    "opened": _l("opened"),
    "yes": _l("yes"),
    "no": _l("no"),
}


def code_word(code: str) -> str:
    """Return the word for a code in the language of the page; a code without a word stays as it is."""
    return str(CODES.get(code, code))
