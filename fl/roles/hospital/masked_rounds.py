"""The hospital's part of a masked round: keys, shares, mask, agreement, unmasking response, attestation.

Invariant: every secret, file and promise is durable in the journal and the outbox before anything derived from it
leaves. A retry after any crash sends the same bytes again. A hospital reveals shares for one set only, ever.

Source: PROTOCOL.md 5, phases 0 to 8, and 13.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from fl.crypto import masking
from fl.crypto.curve import POINT_BYTES
from fl.crypto.envelope import Kind, seal
from fl.crypto.round_keys import RoundKeys
from fl.crypto.share_delivery import SEALED_BYTES, Parcel, SharePair, open_shares, own_shares, seal_shares
from fl.crypto.share_encryption import bundle_to_bytes, complain
from fl.crypto.unmasking_shares import answer
from fl.events import Event
from fl.protocol.errors import (
    BelowThreshold,
    EquivocationDetected,
    HashMismatch,
    MalformedError,
    MaskReuse,
    NotInSet,
    TamperedError,
    UpdateSpent,
)
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Address, Blob, Digest, Suite
from fl.protocol.records import (
    KeysAdvertised,
    ModelAttested,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    UpdateCommitted,
)
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.parts import PartList, cuts
from fl.protocol.rounds.replayers import drawn
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.set_statement import set_statement
from fl.replay.expected_files import masked_core
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import masked_readers
from fl.replay.participants import (
    advertised,
    masking_with,
    parcels,
    participant,
    participants,
    sharing_with,
    usable,
    why_not,
)
from fl.replay.rejected_responses import RejectionReporter
from fl.replay.round_documents import digest_of, read_config, read_manifest, suite_of
from fl.replay.round_replay import Tools, replay_round
from fl.replay.round_sum import RoundSum
from fl.replay.round_work import checked_work
from fl.replay.unmasking import check_agreement, check_sharers
from fl.roles.graph_promise import check_graph
from fl.roles.hospital.background_training import Background
from fl.roles.hospital.checked_rounds import CheckedRounds
from fl.roles.hospital.jobs import training_job
from fl.roles.hospital.opened_shares import OpenedShares
from fl.roles.hospital.outbox import RoundOutbox, key_of
from fl.roles.hospital.trusted_peers import TrustedPeers
from fl.timing import timed
from fl.training.aggregation.quantise import LANES, Words
from fl.training.aggregation.work import figures


class MaskedHospital:
    """One hospital's steps in masked rounds."""

    def __init__(
        self, ports: Ports, reader: FileReader, promises: RoundOutbox, training: Background, trust: TrustedPeers
    ) -> None:
        self._ports = ports
        self._reader = reader
        self._sums = RoundSum(reader, ports.vault)
        self._training = training
        self._trust = trust
        self._promises = promises
        self._rejections = RejectionReporter(ports.notify)
        self._opened = OpenedShares()
        self.checks = CheckedRounds(ports, reader, promises)
        self._compared = b""
        """The context of the final round whose model was compared with its digest, though others summed it again."""
        self._account = ports.ledger.account

    def step(self, federation: Federation, current: Round) -> bool:
        """Do the next thing the round asks of this hospital; False when there is none.

        Raises:
            MalformedError, RefusedError, TamperedError: see failures.py; this step sent nothing.
        """
        me = self._account
        if self._promises.deliver_recorded(current, me):
            return True
        if self._promises.refused(current):
            return False
        if current.phase in (Phase.PROPOSED, Phase.FINAL, Phase.ABORTED):
            return self._end(federation, current)
        withheld = self._ports.journal.get(key_of("withheld", current)) is not None
        if withheld or me not in current.sharers or self._is_over(current):
            return False
        check_graph(current, self._ports.journal)
        if current.phase in (Phase.AGREE, Phase.UNMASK):
            return self._agree_and_answer(federation, current) if me in current.hospitals else self._missing(current)
        self._begin_training(federation, current)
        duties: dict[Phase, tuple[bool, Callable[[], bool]]] = {
            Phase.ADVERTISE: (me in current.advertised, lambda: self._advertise(current)),
            Phase.SHARE: (me in current.dealt, lambda: self._deal(current)),
            Phase.COMPLAIN: (me in current.checked, lambda: self._check_shares(current)),
            Phase.MASK: (me in current.commitments, lambda: self._mask(federation, current)),
        }
        done, duty = duties[current.phase]
        return not done and duty()

    # --- Set-up ------------------------------------------------------------------------------------------------

    def _begin_training(self, federation: Federation, current: Round) -> None:
        """Phase 0: accept the round, and train during the set-up."""
        self._trust.check_round(current)
        self._reader.check_group(current)
        if self._ports.journal.get(key_of("update", current)) is None:
            self._train(federation, current)

    def _train(self, federation: Federation, current: Round) -> None:
        failure = self._training.failed(current.context, self._ports.now())
        if failure is not None:
            error, pause_s = failure
            facts = {"round": current.number, "reason": str(error), "pause in seconds": pause_s}
            self._ports.notify(Event.TRAINING_FAILED, facts)
        if self._training.begun(current.context) or self._training.pauses(current.context, self._ports.now()):
            return
        job = training_job(self._ports, self._reader, federation, current)
        if not self._training.ready(job):
            self._promises.await_upload(current)
            return
        self._ports.notify(Event.TRAINING, {"round": current.number})
        self._training.begin(current.context, job)

    def _advertise(self, current: Round) -> bool:
        advert = self._promises.keys(current).advert()
        self._ports.append(KeysAdvertised(self._account, current.number, advert[:POINT_BYTES], advert[POINT_BYTES:]))
        self._ports.notify(Event.KEYS_ADVERTISED, {"round": current.number})
        return True

    def _deal(self, current: Round) -> bool:
        """Share both secrets among the neighbours of those that advertised keys: all others, but in a wide round."""
        wrong = why_not(current)
        for account in current.receivers:
            if account in wrong or account not in current.advertised:
                raise wrong.get(account, NotInSet(account))
        for account in current.across.keys() & wrong.keys():
            raise wrong[account]
        keys = self._promises.keys(current)
        dealing = keys.dealing()
        half = len(dealing) // 2
        bundle = self._promises.promised("bundle", current)
        bundle = bundle or self._promises.promise("bundle", current, self._bundle(current, keys))
        dealt = (dealing[:half], dealing[half:], self._promises.dealt(current, bundle))
        self._ports.append(SharesDealt(self._account, current.number, *dealt))
        self._promises.deliver("bundle", current)
        self._ports.notify(Event.SHARES_DEALT, {"round": current.number})
        return True

    def _bundle(self, current: Round, keys: RoundKeys) -> bytes:
        others = graph_of(current).neighbours(self._account)
        sealed = [seal_shares(keys, self._outgoing(current, account)) for account in others]
        return bundle_to_bytes(sealed, SEALED_BYTES)

    def _outgoing(self, current: Round, receiver: Address) -> Parcel:
        """Return the parcel to fill; nobody has recorded commitments before dealing."""
        return Parcel(current.context, advertised(current, self._account), advertised(current, receiver))

    def _check_shares(self, current: Round) -> bool:
        """Open the shares of all remaining dealers, and complain about wrong ones.

        Dealers with invalid points are already excluded.

        Raises:
            VaultMissing: a dealer's file is missing; nothing is recorded until it comes.
        """
        transport, complaints = self._promises.keys(current).transport, b""
        near = sharing_with(current, self._account)
        others = [each for each in near if each != self._account and usable(current, each)]
        received = parcels(current, others, self._account, self._ports.vault)
        for each in received:
            try:
                self._opened.keep(current, each.dealer.account, open_shares(each, transport))
            except (MalformedError, TamperedError) as error:
                complaints += each.dealer.account + complain(each.shares, transport)
                self._ports.notify(Event.COMPLAINED, {"round": current.number, "reason": str(error)})
        self._ports.append(SharesChecked(self._account, current.number, complaints))
        self._ports.notify(Event.SHARES_CHECKED, {"round": current.number})
        return True

    # --- Mask --------------------------------------------------------------------------------------------------

    def _mask(self, federation: Federation, current: Round) -> bool:
        """Mask the learned weights, journal the file, commit, upload; withhold weights that were used before."""
        if self._ports.journal.get(key_of("update", current)) is None and not self._training.done(current.context):
            return False
        self._trust.check(current.sharers)
        check_sharers(current, self._ports.vault, self._looked_at(current))
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

    def _looked_at(self, current: Round) -> frozenset[Address] | None:
        """Return whose dealings this hospital checks: its neighbours' in a wide round, None (everybody's) otherwise."""
        return None if current.wide is None else graph_of(current).holders(self._account)

    # --- Agree and unmask --------------------------------------------------------------------------------------

    def _agree_and_answer(self, federation: Federation, current: Round) -> bool:
        if self._account not in current.endorsed:
            return self._endorse(current)
        if current.phase == Phase.UNMASK and self._account not in current.revealed:
            return self._reveal(federation, current)
        return self.checks.step(federation, current) or self._add_early(current)

    def _add_early(self, current: Round) -> bool:
        """Add one more file to the sum while others act, if this hospital surely sums the round again."""
        surely = current.viewer is None and (current.wide is None or not current.wide.replayers)
        return surely and self._sums.step(current)

    def _missing(self, current: Round) -> bool:
        """Report once that the frozen set does not contain this hospital although it committed."""
        reason = "the frozen set does not contain this hospital: its file came too late, or somebody withheld it"
        if self._account in current.commitments and self._promises.note_once("left out", current, reason):
            self._ports.notify(Event.MISSING_IN_SET, {"round": current.number, "reason": reason})
        return False

    def _endorse(self, current: Round) -> bool:
        """Sign the frozen set; once per round, never a second set."""
        self._trust.check(current.hospitals)
        self._check_set(current)
        signature = self._ports.endorser.endorse(set_statement(current))
        self._ports.append(SetEndorsed(self._account, current.number, current.set_digest, signature))
        self._ports.notify(Event.SET_ENDORSED, {"round": current.number})
        return True

    def _check_set(self, current: Round) -> None:
        promised = self._promises.promised("update", current) or NO_DIGEST
        if promised != current.commitments[self._account]:
            raise HashMismatch(current.commitments[self._account], promised)
        first_set = self._ports.journal.once(key_of("set", current), current.set_digest)
        if first_set != current.set_digest:
            raise EquivocationDetected(first_set, current.set_digest)

    def _reveal(self, federation: Federation, current: Round) -> bool:
        """Reveal one share per hospital, as soon as enough hospitals signed the same set."""
        self._trust.check(current.hospitals)
        self._check_set(current)
        try:
            check_agreement(current, self._ports.endorser, self._ports.vault, self._looked_at(current))
        except BelowThreshold:
            return self._add_early(current)
        self._promises.spend(current)
        digest = self._promises.promised("answer", current)
        digest = digest or self._promises.promise("answer", current, self._answer_file(federation, current))
        self._ports.append(SharesRevealed(self._account, current.number, current.set_digest, digest))
        self._promises.deliver("answer", current)
        self._promises.deliver("sketch", current)
        self._ports.notify(Event.SHARES_REVEALED, {"round": current.number})
        return True

    def _answer_file(self, federation: Federation, current: Round) -> Blob:
        keys, me = self._promises.keys(current), self._account
        near = sharing_with(current, me)
        shares: dict[Address, SharePair] = {me: own_shares(keys, participant(current, me).index)}
        opened = {dealer: self._opened.of(current, dealer) for dealer in near if dealer != me}
        shares |= {dealer: pair for dealer, pair in opened.items() if pair is not None}
        closed = [dealer for dealer, pair in opened.items() if pair is None]
        for each in parcels(current, closed, me, self._ports.vault) if closed else []:
            shares[each.dealer.account] = open_shares(each, keys.transport)
        body = answer(shares, participants(current, near), frozenset(current.hospitals) & set(near))
        body += self.checks.tags(federation, current)
        core = masked_core(current, self._account, Kind.UNMASK, suite_of(current, self._ports.vault))
        return seal(core, masked_readers(federation, current, self._ports.vault), body)

    # --- End ---------------------------------------------------------------------------------------------------

    def _end(self, federation: Federation, current: Round) -> bool:
        """Replay and attest a proposal; a hospital that was not drawn compares the final model with its digest."""
        if self._account not in current.hospitals:
            return False
        if self.checks.step(federation, current):
            return True
        if self._account not in drawn(current):
            return current.phase == Phase.FINAL and self._compare(federation, current)
        if current.ended or self._account in current.attestations:
            return False
        if not self.checks.may_attest(federation, current):
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

    def _is_over(self, current: Round) -> bool:
        """Return whether the phase's deadline has passed, so that the ledger would refuse a record."""
        deadline = current.terms.commit_deadline if current.phase == Phase.MASK else current.step_deadline
        return self._ports.now() > deadline


@timed("mask")
def _masked(words: Words, masks: masking.Masks, first: int = 0) -> memoryview:
    """Return words, int32 or int64, under a hospital's masks, in the same memory; `first` is their place."""
    return masking.to_bytes(masking.apply(words, masks, first))
