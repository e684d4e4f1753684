"""The replacement of a hospital's key in words.

Invariant: every sentence is whole, so that it can be translated.

Source: webui/ports/key_orders.py.
"""

from __future__ import annotations

from webui.ports.key_orders import KeyRenewal
from webui.presentation.texts import gettext as _
from webui.presentation.wording import Saying
from webui.usecases.request_notices import Message


def renewal_saying(renewal: KeyRenewal) -> Saying:
    """Return how far the newest order for a key is."""
    why = renewal.outcome.why.rstrip(".") if renewal.outcome is not None else ""
    tone, title, text = {
        "none": ("plain", _("No order yet"), _("Nobody has ordered a new key on this page.")),
        "waiting": _waiting(agent_runs=renewal.agent_runs),
        "taken": (
            "wait",
            _("The agent makes the new key"),
            _("The agent makes the key on its own disk and puts the public half on the ledger. This takes seconds."),
        ),
        "done": (
            "good",
            _("The new key is on the ledger"),
            _("From the next round on, everybody encrypts to the new key. You need not start anything again."),
        ),
        "failed": (
            "bad",
            _("The agent could not replace the key"),
            _("It says: %(why)s. The key from before stays.", why=why),
        ),
        "withdrawn": ("plain", _("The order was taken back"), _("The key was not replaced.")),
    }[renewal.step]
    if renewal.step == "taken" and not renewal.agent_runs:
        text = _("The agent stopped before it was done. Start it again: it goes on with this order.")
    return Saying(tone, title, text)


def _waiting(*, agent_runs: bool) -> tuple[str, str, str]:
    title = _("The order waits for the agent")
    if agent_runs:
        return "wait", title, _("The agent runs. It takes the order when it has finished its present step.")
    return "bad", title, _("The agent does not run now. It takes the order when somebody starts it within a day.")


def key_letter(reader: str, who: str, address: str) -> Message:
    """Return the mail to another person of the staff: `who` ordered a new key; `address` is that of the page."""
    text = _(
        "Hello %(reader)s,\n\n%(who)s ordered a new key for the hospital. The agent makes it and puts it on the "
        "ledger. Follow it here: %(address)s\n\nIf nobody of you wanted this, take the order back on that page and "
        "call the operator of the consortium.",
        reader=reader,
        who=who,
        address=address,
    )
    return Message(_("A new key for the hospital was ordered"), text)
