"""The hospital: trains when a round asks for it, seals what it learned, commits, uploads, and checks its part.

Invariant: the sealed file and its digest are durable in the outbox and the journal before anybody hears of them; a
retry after any crash re-sends the same bytes.

Source: PROTOCOL.md 5S and 13.
"""

from __future__ import annotations

from fl.crypto.envelope import MAX_RECIPIENTS, seal, sealed_size
from fl.protocol.config import RoundConfig
from fl.protocol.errors import DeadlinePassed, HashMismatch, NotReleased, SetMismatch, WrongPhase, WrongRound
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Digest
from fl.protocol.records import UpdateCommitted
from fl.protocol.round import Phase, Round
from fl.roles.artefacts import Reader, read_config, read_manifest, update_core, update_recipients
from fl.roles.documents import read_document
from fl.roles.masked_hospital import NO_TRUST, MaskedHospital, Trust
from fl.roles.release import Releases
from fl.roles.requester import Requester
from fl.roles.training_thread import Background, Task, Train
from fl.roles.view import LedgerView, Ports
from fl.training.quantise import LocalMetrics, Vector, body_bytes, quantise, to_bytes


class Hospital:
    """One hospital's agent."""

    def __init__(self, ports: Ports, train: Train, trust: Trust = NO_TRUST) -> None:
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._train = train
        self._account = ports.ledger.account
        release = Releases(self.view, Requester(ports.ledger, ports.vault, ports.keyring))
        self._reader = Reader(self._account, ports.vault, ports.keyring, ports.watch, release)
        self._training = Background(train, ports.watch)
        self._masked = MaskedHospital(ports, self._reader, self._training, trust)

    def step(self) -> bool:
        """Do the next thing the ledger asks of this hospital; False when there is none.

        Raises:
            HemaledgerError: the round's files or records are not what they should be; nothing was sent.
        """
        federation = self.view.current()
        self._masked.settle_ended(federation)
        current = federation.rounds[-1] if federation.rounds else None
        if current is None or self._account not in current.roster:
            return False
        if current.masked:
            return self._step_masked(federation, current)
        if current.phase == Phase.OPEN and self._account not in current.commitments:
            return self._take_part(federation, current)
        if current.phase == Phase.OPEN and self._account in current.commitments:
            return self._upload(current)
        if current.phase in (Phase.PROPOSED, Phase.FINAL):
            return self._check(federation, current)
        return False

    def finish(self) -> None:
        """Erase the secrets of rounds that have ended; call it before the process ends."""
        self._masked.settle_ended(self.view.refresh())

    def finish_training(self) -> None:
        """Wait for a training that runs beside a masked round; without one, return at once."""
        self._training.wait()

    def _step_masked(self, federation: Federation, current: Round) -> bool:
        try:
            return self._masked.step(federation, current)
        except (DeadlinePassed, WrongPhase, WrongRound) as error:  # the round went on without this hospital
            self._ports.notify("too late", {"round": current.number, "reason": str(error)})
            return False

    def _take_part(self, federation: Federation, current: Round) -> bool:
        """Train, seal, remember, commit, upload; in this order. Who is too late waits for the next round."""
        late = _key("late", current)
        if self._ports.now() > current.terms.commit_deadline or self._ports.journal.get(late) is not None:
            return False
        if self._ports.journal.get(_key("update", current)) is None:
            self._prepare(federation, current)
        digest = self._promised(current)
        self._ports.outbox.get(digest, self._cap(current))
        try:
            with self._ports.watch("chain"):
                self._ports.ledger.append(UpdateCommitted(self._account, current.number, digest))
        except (DeadlinePassed, WrongPhase, WrongRound) as error:
            self._ports.journal.once(late, error.name.encode())
            self._ports.notify("too late", {"round": current.number, "reason": str(error)})
            return False
        self._ports.notify("committed", {"round": current.number})
        self._upload(current)
        return True

    def _prepare(self, federation: Federation, current: Round) -> None:
        config = read_config(current, self._ports.vault)
        source = federation.source
        previous = self._reader.model(source, read_manifest(federation.opening, self._ports.vault))
        self._ports.notify("training", {"round": current.number})
        with self._ports.watch("training"):
            trained, metrics = self._train(Task(current.number, previous, config.training))
        self._ports.notify(
            "trained", {"round": current.number, "samples": metrics.samples, "loss": round(metrics.loss, 4)}
        )
        file = self._seal(federation, current, config, (previous, trained, metrics))
        with self._ports.watch("vault"):
            digest = self._ports.outbox.put(file)
        self._ports.journal.once(_key("update", current), digest)

    def _seal(
        self,
        federation: Federation,
        current: Round,
        config: RoundConfig,
        learned: tuple[Vector, Vector, LocalMetrics],
    ) -> bytearray:
        with self._ports.watch("quantise"):
            body = to_bytes(quantise(*learned, config))
        with self._ports.watch("seal"):
            return seal(update_core(current, self._account), update_recipients(current, federation.book), body)

    def _upload(self, current: Round) -> bool:
        """Put the promised file into the vault unless it is there; False when there was nothing to do."""
        digest = self._promised(current)
        if digest == NO_DIGEST or self._ports.vault.has(digest):
            return False
        with self._ports.watch("vault"):
            self._ports.vault.put(self._ports.outbox.get(digest, self._cap(current)))
        self._ports.journal.once(_key("uploaded", current), str(self._ports.now()).encode())
        self._ports.notify("uploaded", {"round": current.number})
        return True

    def _check(self, federation: Federation, current: Round) -> bool:
        """Check that the own commitment is in the set and that the model opened has the proposed digest."""
        key = _key("checked", current)
        if self._ports.journal.get(key) is not None:
            return False
        if self._account in current.commitments:
            self._check_own(current)
        try:
            self._reader.model(current, read_manifest(federation.opening, self._ports.vault))
        except NotReleased:
            return False
        self._ports.journal.once(key, b"ok")
        self._ports.notify("checked", {"round": current.number})
        return True

    def _check_own(self, current: Round) -> None:
        """Raise HashMismatch for a commitment or file that is not the own, SetMismatch for a file in time left out."""
        recorded, promised = current.commitments[self._account], self._promised(current)
        if promised != recorded:
            raise HashMismatch(recorded, promised)
        uploaded = self._ports.journal.get(_key("uploaded", current))
        if self._account not in current.hospitals:
            if uploaded is not None and int(uploaded) < current.terms.commit_deadline:
                if self._ports.vault.has(promised):  # raises when somebody changed it there: then it is not usable
                    read_document(self._ports.vault, promised, self._cap(current))
                raise SetMismatch(self._account)
            self._ports.notify("left out", {"round": current.number})

    def _promised(self, current: Round) -> Digest:
        return Digest(self._ports.journal.get(_key("update", current)) or NO_DIGEST)

    def _cap(self, current: Round) -> int:
        return sealed_size(body_bytes(current.terms.parameters), MAX_RECIPIENTS)


def _key(what: str, current: Round) -> str:
    """Return the journal key of a promise in one round; the context tells consortium, chain and contract apart."""
    return f"{what}/{current.context.hex()}"
