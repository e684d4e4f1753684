"""The masked update of a hospital: its learned weights under its masks, sealed, promised, committed.

Invariant: the masks of a round are used once; weights that went out before are withheld.

Source: PROTOCOL.md 5, phase 3, and 13.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fl.crypto import masking
from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Kind
from fl.events import Event
from fl.protocol.errors import MaskReuse, UpdateSpent
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Blob, Digest, Suite
from fl.protocol.records import UpdateCommitted
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.parts import PartList, cuts
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import masked_core
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import masked_readers
from fl.replay.participants import masking_with
from fl.replay.round_documents import read_config, read_manifest
from fl.replay.round_work import checked_work
from fl.replay.unmasking import check_sharers
from fl.roles.hospital.background_training import Background
from fl.roles.hospital.outbox import RoundOutbox, key_of
from fl.roles.hospital.trusted_peers import TrustedPeers
from fl.timing import timed
from fl.training.aggregation.quantise import LANES, Words
from fl.training.aggregation.work import figures


class MaskedUpdate:
    """Masks and commits one hospital's updates."""

    def __init__(
        self, ports: Ports, reader: FileReader, promises: RoundOutbox, training: Background, trust: TrustedPeers
    ) -> None:
        self._ports = ports
        self._reader = reader
        self._promises = promises
        self._training = training
        self._trust = trust
        self._account = ports.ledger.account

    def step(self, federation: Federation, current: Round) -> bool:
        """Mask the learned weights, journal the file, commit, upload; withhold weights that were used before."""
        if self._ports.journal.get(key_of("update", current)) is None and not self._training.done(current.context):
            return False
        self._trust.check(current.sharers)
        check_sharers(current, self._ports.vault, looked_at(current, self._account))
        try:
            digest = self._promises.promised("update", current)
            digest = digest or self._promises.promise("update", current, self._masked_file(federation, current))
            self._training.forget(current.context)
        except UpdateSpent as error:
            reason = f"{error.name}: {error}"
            self._promises.note_once("withheld", current, reason)
            self._ports.notify(Event.UPDATE_WITHHELD, {"round": current.number, "reason": reason})
            return True
        self._promises.check_kept("update", current)
        self._ports.append(UpdateCommitted(self._account, current.number, digest))
        self._ports.notify(Event.UPDATE_COMMITTED, {"round": current.number})
        self._promises.deliver("update", current)
        return True

    def _masked_file(self, federation: Federation, current: Round) -> Blob:
        context = current.mask_context
        if self._ports.journal.once(key_of("masked", current), context) != context:
            raise MaskReuse(self._account)
        learned = self._training.result(current.context)
        self._ports.notify(Event.TRAINED, {"round": current.number, **figures(learned)})
        config, manifest = read_config(current, self._ports.vault), read_manifest(federation.opening, self._ports.vault)
        previous = manifest.weights_of(self._reader.model(federation.source, manifest))
        places = cuts(current.terms.parameters + LANES, config.part_words)
        work = checked_work(current, config, manifest)
        pieces = work.pieces(previous, learned, places) if len(places) > 1 else [work.encode(previous, learned)]
        self._promises.offer(current, previous, learned)
        masks, sealed = self._masks(current), partial(self._sealed, federation, current, config.suite)
        if len(places) == 1:
            return sealed(_masked(next(iter(pieces)), masks))
        files = (
            sealed(_masked(words, masks, place.start), seq)
            for seq, (place, words) in enumerate(zip(places, pieces, strict=True))
        )
        digests = tuple(map(self._ports.outbox.put, files))
        self._promises.divide("update", current)
        return PartList(current.mask_context, config.part_words, digests).to_bytes()

    def _sealed(
        self, federation: Federation, current: Round, suite: Suite, body: memoryview, seq: int = 0
    ) -> bytearray:
        core = replace(masked_core(current, self._account, Kind.MASKED, suite), seq=seq)
        return seal(core, masked_readers(federation, current, self._ports.vault), body)

    @timed("mask")
    def _masks(self, current: Round) -> masking.Masks:
        parts = masking_with(current, self._account)
        context = Digest(current.mask_context)
        return masking.hospital_masks(self._promises.keys(current), self._account, parts, context)


def looked_at(current: Round, account: Address) -> frozenset[Address] | None:
    """Return whose dealings a hospital checks: its neighbours' in a wide round, None (everybody's) otherwise."""
    return None if current.wide is None else graph_of(current).holders(account)


@timed("mask")
def _masked(words: Words, masks: masking.Masks, first: int = 0) -> memoryview:
    """Return words, int32 or int64, under a hospital's masks, in the same memory; `first` is their place."""
    return masking.to_bytes(masking.apply(words, masks, first))
