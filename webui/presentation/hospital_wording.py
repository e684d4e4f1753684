"""A hospital's own part in words: phases, uploads, keys, curves.

Invariant: every sentence is whole, so that it can be translated.

Source: webui/ports/hospital.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from fl.replay.attendance import Missed
from webui.ports.local_training import LocalTraining, TrainingStep
from webui.presentation.record_wording import record_title
from webui.presentation.wording import Saying
from webui.usecases.own_tools import ShownUpload, UploadStep

DAY_S = 24 * 3600
OLD_KEY_DAYS = 365
"""From this age on, a page advises to replace a key."""
MISSED: Mapping[Missed, Any] = {
    Missed.KEYS: _l("It sent no keys in time."),
    Missed.SHARES: _l("It sent no shares in time."),
    Missed.CHECK: _l("It did not check its shares in time."),
    Missed.REJECTED: _l("What it sent could not be used."),
    Missed.UPDATE: _l("It sent no update in time."),
    Missed.SIGNATURE: _l("It did not sign the set in time."),
    Missed.ANSWER: _l("It sent no answer for the sum in time."),
}


def left_out_why(why: Missed) -> str:
    """Return why a round went on without a hospital."""
    return str(MISSED[why])


def phase_step(name: str) -> Saying:
    """Return the title of a phase, and what a hospital does in it."""
    texts = {
        "open": (_("Updates"), _("Each hospital trains, seals its update and commits to it.")),
        "advertise": (_("Keys"), _("Each hospital publishes two new keys for this round.")),
        "share": (_("Shares"), _("Each hospital sends shares of its secrets to the others.")),
        "complain": (_("Checks"), _("Each hospital checks the shares that it got.")),
        "mask": (_("Masked updates"), _("Each hospital hides what it learned behind masks and commits to it.")),
        "frozen": (_("Sum"), _("The coordinator adds up the updates.")),
        "agree": (_("Agreement"), _("The hospitals sign which updates count.")),
        "unmask": (_("Unmasking"), _("The hospitals reveal what unmasks the sum, and nothing else.")),
        "proposed": (_("Attestation"), _("Members compute the new model again and attest it.")),
    }
    title, text = texts.get(name, (name, ""))
    return Saying("plain", title, text)


def record_name(name: str) -> str:
    """Return what a record of a hospital says, in words."""
    texts: dict[str, str] = {
        "KeysAdvertised": _("Keys of this round"),
        "SharesDealt": _("Shares for the other hospitals"),
        "SharesChecked": _("Shares of the others checked"),
        "UpdateCommitted": _("Commitment to our update"),
        "SetEndorsed": _("Signature under the set of updates"),
        "SharesRevealed": _("Shares that unmask the sum"),
        "ModelAttested": _("Attestation of the new model"),
        "RoundAborted": _("End of the round"),
    }
    return texts.get(name) or record_title(name)


def upload_saying(shown: ShownUpload) -> Saying:
    """Return the state of an upload."""
    number, why = shown.round, shown.why.rstrip(".")
    tone, title, text = {
        UploadStep.REFUSED: ("bad", _("Refused"), _("It was refused: %(why)s. Nothing of it is kept.", why=why)),
        UploadStep.WAITING: (
            "wait",
            _("Waits for round %(number)s", number=number),
            _("It was checked and sealed. The agent uses it in round %(number)s.", number=number),
        ),
        UploadStep.LATE: (
            "bad",
            _("Too late"),
            _("A newer model was made meanwhile, so no round uses it. Download the new model and train again."),
        ),
        UploadStep.TAKEN: (
            "wait",
            _("In round %(number)s", number=number),
            _("The agent hides it behind masks or seals it, and commits to it next."),
        ),
        UploadStep.COMMITTED: (
            "wait",
            _("Committed in round %(number)s", number=number),
            _("The commitment is on the ledger. The round goes on."),
        ),
        UploadStep.FINAL: (
            "good",
            _("Final in round %(number)s", number=number),
            _("Round %(number)s is final, and its model has a part of your weights.", number=number),
        ),
        UploadStep.ENDED: (
            "bad",
            _("Round %(number)s made no model", number=number),
            _("Round %(number)s ended without a model: %(why)s. An upload is used once.", number=number, why=why),
        ),
    }[shown.step]
    return Saying(tone, title, text)


def key_age(since: int | None, now: int, *, own: bool) -> Saying:
    """Return how old a key is; keys do not expire, but an old one of this hospital should be replaced."""
    if since is None:
        return Saying("plain", _("unknown"), "")
    days = max(now - since, 0) // DAY_S
    if days >= OLD_KEY_DAYS and not own:
        return Saying("plain", _("%(days)s days", days=days), "")
    if days >= OLD_KEY_DAYS:
        return Saying("wait", _("%(days)s days: replace it", days=days), "")
    return Saying("good", _("%(days)s days", days=days), "")


def model_file(name: str) -> str:
    """Return what one file of a model is."""
    texts: dict[str, str] = {
        "model.safetensors": _("all values of the model"),
        "manifest.json": _("names and shapes, as the ledger names them"),
        "model.json": _("task, classes, pictures, limits: for a program"),
        "model-card.html": _("the same for people, and how good the model is"),
        "proof.json": _("what the ledger says about the model"),
        "network.py": _("the network; it needs PyTorch, and torchvision if the network is one of torchvision"),
        "verify.py": _("computes the digest again; it needs Python only"),
    }
    return texts.get(name, "")


def training_saying(now: LocalTraining) -> Saying:
    """Return the state of a training on this machine."""
    tone, title, text = {
        TrainingStep.NONE: ("plain", _("No training yet"), _("Nobody has started a training on this page.")),
        TrainingStep.RUNNING: ("wait", _("Training"), _("The first pass may take some minutes.")),
        TrainingStep.DONE: (
            "good",
            _("Done"),
            _("The weights are ready. A round uses them only if you hand them over."),
        ),
        TrainingStep.STOPPED: ("plain", _("Stopped"), _("Somebody stopped it. Nothing of it is kept.")),
        TrainingStep.FAILED: ("bad", _("Failed"), _("It failed: %(why)s", why=now.why)),
    }[now.step]
    return Saying(tone, title, text)
