"""Going back to a model without what was withdrawn, and the rounds after that.

Invariant: no round opens from a model that uses what a hospital took back; a person at the coordinator decides how far
to go back.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from functools import partial

from fl.events import Event
from fl.protocol.errors import RoundStillOpen, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.grants import model_of
from fl.protocol.names import Digest
from fl.protocol.records import ModelReverted
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.branches import next_branch, pending, with_branch
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import LedgerView, Ports, grants_of
from fl.replay.round_documents import read_manifest
from fl.roles.coordinator.pauses import Pauses
from fl.roles.requester.agent import Requester
from fl.roles.requester.model_release import Releases


class Returns:
    """The coordinator's part."""

    def __init__(self, ports: Ports, pauses: Pauses) -> None:
        self._ports = ports
        self._pauses = pauses

    def hold(self, federation: Federation) -> bool:
        """Return whether the next round waits until a person went back; report it."""
        open_ones = pending(federation, self._ports.vault)
        if open_ones:
            names = ", ".join(sorted({federation.book.name_of(each.hospital) for each in open_ones}))
            back = min(each.base for each in open_ones)
            why = (
                f"the model still uses what {names} took back; run `hemaledger coordinator go-back`, which returns to "
                f"{f'the model of round {back}' if back else 'the first model'}"
            )
            self._pauses.alarm(federation, why)
        return bool(open_ones)

    def planned(self, federation: Federation, config: RoundConfig) -> RoundConfig:
        """Return a configuration as the next round must have it."""
        return with_branch(config, next_branch(federation, self._ports.vault))


def go_back(ports: Ports, to: int) -> Digest:
    """Go back to the model of a final round, 0 for the first model; return its digest.

    Raises:
        RoundStillOpen: a round is running.
        SettingInvalid: the current model does not come from that round, or is its model.
        RecipientNotFound, KeystoreUnreadable: this coordinator cannot open that model, so nobody could go on.
        VaultMissing, TamperedError: its file.
    """
    view = LedgerView(ports.ledger)
    federation = view.refresh()
    if federation.active_round is not None:
        raise RoundStillOpen(federation.active_round.number)
    source = _source(federation, to)
    release = Releases(view, Requester(ports.ledger, ports.vault, ports.keyring))
    reader = FileReader(ports.ledger.account, ports.vault, ports.keyring, release, partial(grants_of, view))
    reader.model(source or federation.openings[0], read_manifest(federation.opening, ports.vault))
    digest = model_of(source or federation.openings[0]).digest
    ports.append(ModelReverted(ports.ledger.account, to, digest))
    ports.notify(Event.MODEL_REVERTED, {"round": to, "superseded": len(view.refresh().superseded)})
    return digest


def _source(federation: Federation, to: int) -> Round | None:
    """Return the round to go back to, None for the first model; raise SettingInvalid."""
    behind = tuple(federation.lineage.ancestors())
    if not behind or to == behind[0].number:
        raise SettingInvalid("to", "the current model is that one already")
    source = next((each for each in behind if each.number == to), None)
    if to and source is None:
        numbers = ", ".join(str(each.number) for each in reversed(behind[1:]))
        raise SettingInvalid(
            "to", f"the current model comes from none but these rounds: 0 (the first model), {numbers}"
        )
    return source
