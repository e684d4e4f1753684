"""A hospital checks the model of a masked round: it sums the round again, or compares the final model's digest.

Invariant: a hospital attests only what it summed again itself.

Source: PROTOCOL.md 5, phases 7 and 8, and 5W.4.
"""

from __future__ import annotations

from fl.events import Event
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST
from fl.protocol.records import ModelAttested
from fl.protocol.rounds.replayers import drawn
from fl.protocol.rounds.round import Phase, Round
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.rejected_responses import RejectionReporter
from fl.replay.round_documents import digest_of, read_config, read_manifest
from fl.replay.round_replay import Tools, replay_round
from fl.replay.round_sum import RoundSum
from fl.roles.hospital.checked_rounds import CheckedRounds


class ModelCheck:
    """One hospital's checks of proposed and final models."""

    def __init__(self, ports: Ports, reader: FileReader, sums: RoundSum, checks: CheckedRounds) -> None:
        self._ports = ports
        self._reader = reader
        self._sums = sums
        self._checks = checks
        self._rejections = RejectionReporter(ports.notify)
        self._compared = b""
        """The context of the final round whose model was compared with its digest, though others summed it again."""
        self._account = ports.ledger.account

    def step(self, federation: Federation, current: Round) -> bool:
        """Replay and attest a proposal; a hospital that was not drawn compares the final model with its digest."""
        if self._account not in current.hospitals:
            return False
        if self._checks.step(federation, current):
            return True
        if self._account not in drawn(current):
            return current.phase == Phase.FINAL and self._compare(federation, current)
        if current.ended or self._account in current.attestations:
            return False
        if not self._checks.may_attest(federation, current):
            return False
        self._replay(federation, current)
        self._ports.append(ModelAttested(self._account, current.number, digest_of(current), NO_DIGEST))
        self._ports.notify(Event.MODEL_CHECKED, {"round": current.number})
        return True

    def _replay(self, federation: Federation, current: Round) -> None:
        """Check a proposal. The models of this frame are gone before the chain is asked for anything."""
        manifest = read_manifest(federation.opening, self._ports.vault)
        previous = self._reader.model(federation.source, manifest)
        whole = self._ports.whole(current)
        replayed = replay_round(whole, previous, manifest, Tools(self._sums, *self._ports.replaying))
        self._rejections.report(federation.book, current, replayed.rejected)
        self._reader.model(current, manifest, replayed.model)

    def _compare(self, federation: Federation, current: Round) -> bool:
        """Open the final model of a wide round once, and compare it with its digest on the ledger."""
        if federation.source is not current or self._compared == current.context:
            return False
        if not read_config(current, self._ports.vault).release:
            self._reader.model(current, read_manifest(federation.opening, self._ports.vault))
            self._ports.notify(Event.MODEL_CHECKED, {"round": current.number})
        self._compared = current.context
        return True
