"""Weights from the hospital's own tools: checked, sealed, handed to the agent; and what became of each upload.

Invariant: nothing of a refused file is kept but its digest and the reason.

Source: webui/ports/hospital.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from fl.protocol.errors import HemaledgerError, UploadUnusable
from fl.protocol.names import Digest
from fl.roles.hospital.uploads import UploadState
from fl.training.model.handed_in import Declared
from webui.errors import NoHospital, NotFound
from webui.ports.hospital import HospitalService, RoundPart
from webui.ports.local_training import TrainingService
from webui.store.upload_tables import WeightUpload
from webui.store.uploads import PAGE_ROWS, NewUpload, UploadStore


class UploadStep(StrEnum):
    """How far an upload is."""

    REFUSED = "refused"
    WAITING = "waiting"
    """Checked and sealed; the agent has not used it yet."""
    LATE = "late"
    """A newer model was made meanwhile; the agent will refuse it."""
    TAKEN = "taken"
    """The agent uses it in a round."""
    COMMITTED = "committed"
    FINAL = "final"
    ENDED = "ended"
    """The round ended without a model."""


@dataclass(frozen=True)
class ShownUpload:
    """An upload with its present state."""

    row: WeightUpload
    step: UploadStep
    why: str = ""
    round: int | None = None
    """The round that used it, or the next one if it waits."""
    part: RoundPart | None = None


class OwnTools:
    """Uploads of one hospital's staff."""

    def __init__(self, store: UploadStore, service: HospitalService | None) -> None:
        self._store = store
        self._service = service

    @property
    def service(self) -> HospitalService:
        """Return the hospital's part, or raise NoHospital if this site has none."""
        if self._service is None:
            raise NoHospital
        return self._service

    def receive(self, account_id: int, data: bytes, declared: Declared, base: str) -> WeightUpload:
        """Check a file and hand it to the agent; a refused one is noted with the reason.

        Raises:
            UploadUnusable: it was refused; its row says why.
            FederationNotOpened, NotReleased, StorageFull: nothing was stored.
        """
        digest = Digest(sha256(data).digest())
        try:
            checked = self.service.check(data, declared, base)
        except UploadUnusable as error:
            self._store.add(account_id, NewUpload(len(data), digest, declared, refused=error.why))
            raise
        new = NewUpload(len(data), digest, declared, checked.base, checked.norm)
        row = self._store.add(account_id, new)
        try:
            self.service.hand_over(row.name, checked)
        except HemaledgerError:
            self._store.refuse(row.id, "this machine could not store it; send it again later")
            raise
        return row

    def hand_over_training(self, account_id: int, training: TrainingService) -> WeightUpload:
        """Hand the result of a training on this machine to the agent, through the same checks as any file.

        Raises:
            NotFound: no training is done.
            UploadUnusable: as `receive`; mostly that the model has changed since.
        """
        result = training.result()
        if result is None:
            raise NotFound
        return self.receive(account_id, *result, "")

    def page(self, number: int) -> tuple[Sequence[ShownUpload], bool]:
        """Return the uploads of one page, the newest first, and whether there are older ones."""
        rows = self._store.page(number)
        return [self._shown(row) for row in rows[:PAGE_ROWS]], len(rows) > PAGE_ROWS

    def one(self, row_id: int) -> ShownUpload:
        """Return one upload, or raise NotFound."""
        row = self._store.get(row_id)
        if row is None:
            raise NotFound
        return self._shown(row)

    def _shown(self, row: WeightUpload) -> ShownUpload:
        if row.refused:
            return ShownUpload(row, UploadStep.REFUSED, row.refused)
        outcome = self.service.outcome(row.name)
        if outcome is None:
            return self._waiting(row)
        if outcome.state is UploadState.REFUSED:
            return ShownUpload(row, UploadStep.REFUSED, outcome.why, outcome.round)
        part = self.service.part(outcome.round)
        if part is None or (part.commitment is None and part.phase != "aborted"):
            return ShownUpload(row, UploadStep.TAKEN, "", outcome.round, part)
        step = {"final": UploadStep.FINAL, "aborted": UploadStep.ENDED}.get(part.phase, UploadStep.COMMITTED)
        return ShownUpload(row, step, part.reason, outcome.round, part)

    def _waiting(self, row: WeightUpload) -> ShownUpload:
        origin, now = self.service.origin(), self.service.now()
        if origin is not None and row.base != origin.digest:
            return ShownUpload(row, UploadStep.LATE, "", origin.round)
        running = now is not None and now.phase not in {"final", "aborted"}
        return ShownUpload(row, UploadStep.WAITING, "", now.number + (0 if running else 1) if now is not None else 1)
