"""The hospital's part of a sealed round: train, seal, commit, upload; check its own part afterwards.

Invariant: the sealed file and its digest are durable in the outbox and the journal before they leave; a retry after any
crash sends the same bytes again.

Source: PROTOCOL.md 5S and 13.
"""

from __future__ import annotations

from fl.crypto.envelope import seal
from fl.events import Event
from fl.failures import MISSED_DEADLINE
from fl.protocol.errors import HashMismatch, NotReleased, SetMismatch, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Blob
from fl.protocol.records import UpdateCommitted
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import update_core, update_recipients
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import reader_keys
from fl.replay.round_documents import read_config, read_manifest
from fl.replay.round_work import checked_work
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.roles.hospital.jobs import training_job
from fl.roles.hospital.outbox import RoundOutbox, key_of
from fl.roles.hospital.uploads import Uploads
from fl.training.aggregation.quantise import to_bytes
from fl.training.aggregation.work import figures


class SealedHospital:
    """One hospital's steps in sealed rounds."""

    def __init__(self, ports: Ports, reader: FileReader, promises: RoundOutbox, train: Train, uploads: Uploads) -> None:
        self._ports = ports
        self._reader = reader
        self._promises = promises
        self._train = train
        self._uploads = uploads
        self._account = ports.ledger.account

    def step(self, federation: Federation, current: Round) -> bool:
        """Do the next thing; upload the own file again if somebody removed or changed it."""
        awaited = current.phase == Phase.OPEN or (not current.ended and self._account in current.hospitals)
        if awaited and self._account in current.commitments and self._upload(current):
            return True
        if self._promises.refused(current):
            return False
        if current.phase == Phase.OPEN and self._account not in current.commitments:
            return self._take_part(federation, current)
        if current.phase in (Phase.PROPOSED, Phase.FINAL):
            return self._check(federation, current)
        return False

    def _take_part(self, federation: Federation, current: Round) -> bool:
        """Train, seal, journal, commit, upload, in this order. After the deadline, wait for the next round."""
        late = key_of("late", current)
        if self._ports.now() > current.terms.commit_deadline or self._ports.journal.get(late) is not None:
            return False
        digest = self._promises.promised("update", current)
        if digest is None:
            job = training_job(self._ports, self._reader, federation, current)
            if not self._uploads.ready(job):
                self._promises.await_upload(current)
                return False
            digest = self._promises.promise("update", current, self._sealed_file(federation, current, job))
        if not self._ports.outbox.has(digest):
            raise VaultMissing(digest)
        try:
            self._ports.append(UpdateCommitted(self._account, current.number, digest))
        except MISSED_DEADLINE as error:
            self._ports.journal.once(late, error.name.encode())
            raise
        self._ports.notify(Event.UPDATE_COMMITTED, {"round": current.number})
        self._upload(current)
        return True

    def _sealed_file(self, federation: Federation, current: Round, job: TrainingJob) -> Blob:
        config, manifest = read_config(current, self._ports.vault), read_manifest(federation.opening, self._ports.vault)
        work = checked_work(current, config, manifest)
        self._ports.notify(Event.TRAINING, {"round": current.number})
        learned = self._train(job)
        self._ports.notify(Event.TRAINED, {"round": current.number, **figures(learned)})
        body = to_bytes(work.encode(job.previous, learned))
        keys = reader_keys(federation, current, self._ports.vault)
        readers = update_recipients(current, federation.book, keys)
        return seal(update_core(current, self._account, config.suite), readers, body)

    def _upload(self, current: Round) -> bool:
        """Put the promised file into the vault unless it is there; False if it is."""
        if not self._promises.deliver("update", current):
            return False
        self._ports.journal.once(key_of("uploaded", current), str(self._ports.now()).encode())
        self._ports.notify(Event.UPDATE_UPLOADED, {"round": current.number})
        return True

    def _check(self, federation: Federation, current: Round) -> bool:
        """Check that the own commitment is in the set and that the opened model has the proposed digest."""
        key = key_of("checked", current)
        if self._ports.journal.get(key) is not None:
            return False
        if self._account in current.commitments:
            self._check_own(current)
        try:
            self._reader.model(current, read_manifest(federation.opening, self._ports.vault))
        except NotReleased:
            return False
        self._ports.journal.once(key, b"ok")
        self._ports.notify(Event.MODEL_CHECKED, {"round": current.number})
        return True

    def _check_own(self, current: Round) -> None:
        """Check what the ledger and the coordinator did with this hospital's update.

        Raises:
            HashMismatch: the recorded commitment is another one.
            SetMismatch: the file was in the vault in time, and the coordinator left it out of the set.
        """
        recorded, promised = current.commitments[self._account], self._promises.promised("update", current) or NO_DIGEST
        if promised != recorded:
            raise HashMismatch(recorded, promised)
        uploaded = self._ports.journal.get(key_of("uploaded", current))
        if self._account not in current.hospitals:
            in_time = uploaded is not None and int(uploaded) < current.terms.commit_deadline
            if in_time and self._promises.delivered("update", current):
                raise SetMismatch(self._account)
            self._ports.notify(Event.MISSING_IN_SET, {"round": current.number})
