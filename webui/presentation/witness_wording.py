"""The words for witnesses of the log: their states, how far they are behind, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l

from fl.proofs.cosigners import Cosigning, LogNow, WitnessNow
from webui.presentation.numbers_and_dates import whole
from webui.presentation.operator_wording import how_long

STATES: Mapping[Cosigning, tuple[str, Any]] = {
    Cosigning.COSIGNS: ("good", _l("cosigns")),
    Cosigning.BEHIND: ("wait", _l("behind")),
    Cosigning.SILENT: ("bad", _l("silent")),
    Cosigning.DISAGREES: ("bad", _l("disagrees")),
}
ADVICE: Mapping[Cosigning, Any] = {
    Cosigning.SILENT: _l("Ask whether its witness still runs."),
    Cosigning.DISAGREES: _l("It signed another history than the ledger has. Call the auditors, and keep all files."),
}


def state(witness: WitnessNow) -> tuple[str, str]:
    """Return tone and text of a witness's state; before the first checkpoint there is nothing to say."""
    if witness.state is None:
        return "plain", ""
    tone, text = STATES[witness.state]
    return tone, str(text)


def advice(witness: WitnessNow) -> str:
    """Return what to do about a witness; empty if nothing."""
    return "" if witness.state is None else str(ADVICE.get(witness.state, ""))


def lag(witness: WitnessNow) -> str:
    """Return how far a witness is behind, in entries and in time."""
    if witness.state == Cosigning.DISAGREES:
        return "–"
    if witness.entries == 0:
        return str(gettext("none"))
    entries = ngettext("%(count)s entry", "%(count)s entries", witness.entries, count=whole(witness.entries))
    return str(gettext("%(entries)s, for %(time)s", entries=entries, time=how_long(witness.seconds)))


def quorum(log: LogNow) -> str:
    """Return whether enough witnesses cosigned the newest checkpoint, as a sentence."""
    count, needed, all_of_them = len(log.cosigners), log.quorum, len(log.witnesses)
    facts = {"count": whole(count), "all": whole(all_of_them), "needed": whole(needed)}
    if log.met:
        return str(gettext("%(count)s of %(all)s witnesses cosigned it; at least %(needed)s must. It counts.", **facts))
    if all_of_them < needed:
        return str(
            gettext(
                "%(needed)s members must cosign it, but only %(all)s are witnesses. It does not count yet.", **facts
            )
        )
    return str(
        gettext("%(count)s of %(all)s witnesses cosigned it; at least %(needed)s must. It does not count yet.", **facts)
    )


def cosigned(log: LogNow) -> str:
    """Return one line for the page of the model; empty if there is no checkpoint, or nobody cosigned it."""
    if log.cosigned_at is None:
        return ""
    return str(
        gettext(
            "The ledger's newest checkpoint was cosigned by %(count)s of %(all)s members, %(time)s ago.",
            count=whole(len(log.cosigners)),
            all=whole(len(log.witnesses)),
            time=how_long(log.at - log.cosigned_at),
        )
    )
