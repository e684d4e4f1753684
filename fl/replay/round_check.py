"""Judges every update of a checked round under its masks: from the sketches of the masked files and of the masks.

Invariant: the verdict follows from the files that auditors can open, from the openings, and from who was absent. So two
auditors with the same of them get the same bytes. A hospital that did what it should is never named.

Source: PROTOCOL.md 5C (Verdict).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fl.crypto import masking
from fl.crypto.mask_sketch import sketch_from_bytes
from fl.crypto.pair_sketches import (
    OPENING_BYTES,
    Opened,
    PairSketch,
    Tags,
    pair_sketches,
    parse_body,
    read_opening,
)
from fl.crypto.round_keys import Participant, pair_seed, self_seed
from fl.crypto.unmasking_shares import Uncovered
from fl.protocol.errors import (
    HemaledgerError,
    MalformedError,
    RefusedError,
    SketchDisputed,
    SketchFalse,
    SketchInvalid,
    SketchMissing,
    TamperedError,
    UnavailableError,
    UpdateAgainstOthers,
    UpdateTooLong,
)
from fl.protocol.federation import Federation
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Address, Digest, StatementKind
from fl.protocol.ports import Vault
from fl.protocol.records import Position
from fl.protocol.rounds.round import Round
from fl.replay.file_reader import FileReader
from fl.replay.participants import participants
from fl.replay.round_sketches import map_of, sketch_body
from fl.replay.round_sum import RoundSum
from fl.replay.unmasking import partners, read_responses, uncovered_by
from fl.replay.vault_files import read_document
from fl.replay.verdict import Verdict
from fl.training.aggregation.directions import against, directions, histories, scaled
from fl.training.aggregation.lengths import ROWS, Measured, fault_of, usual_length

Pairs = dict[Address, dict[Address, PairSketch]]
"""Hospital -> partner -> what the hospital says about their mask."""


def openings_of(federation: Federation, current: Round, vault: Vault, before: Position | None = None) -> list[Opened]:
    """Return the masks of a round that were opened, before a position; an opening that does not hold is left out."""
    known = {part.account: part for part in participants(current, current.hospitals)}
    found = []
    for entry, made in federation.stated(StatementKind.OPENED):
        later = before is not None and entry.position >= before
        if made.round != current.number or made.sender not in known or later:
            continue
        try:
            data = read_document(vault, made.digest, OPENING_BYTES)
            opened = read_opening(data, known, Digest(current.mask_context))
        except (MalformedError, RefusedError, TamperedError, UnavailableError):
            continue
        if opened.opener == made.sender:
            found.append(opened)
    return found


def disputes(tags: Mapping[Address, Tags]) -> list[tuple[Address, Address]]:
    """Return the pairs of hospitals whose tags for their mask differ, ascending."""
    every = [(one, other) for one in sorted(tags) for other in sorted(tags) if one < other]
    return [(one, other) for one, other in every if tags[one].of[other] != tags[other].of[one]]


@dataclass(frozen=True)
class Known:
    """What a verdict takes as given, because it cannot follow from files."""

    openings: Sequence[Opened] = ()
    absent: tuple[Address, ...] | None = None
    """None: those whose files are not in the vault now."""
    missing: frozenset[Address] = frozenset()
    """Whose answer or sketches another auditor could not open, as it says."""
    earlier: Sequence[Mapping[Address, int]] = ()
    """The directions that the same auditor stated about earlier rounds, the oldest first."""


class Judging:
    """One auditor's look at the updates of a round whose answers cannot change any more."""

    def __init__(
        self,
        current: Round,
        reader: FileReader,
        required: Sequence[MemberKey],
        known: Known | None = None,
        sums: RoundSum | None = None,
    ) -> None:
        """Open the answers; `required` are the keys of the round's auditors.

        `sums`: what this auditor has added up of the round, with sketches of the files; None: each file is opened here.

        Raises:
            CheckUnusable: the round is not checked, or not frozen.
            TamperedError, MalformedError, UnavailableError: the keys on the ledger, or the configuration.
        """
        known = known or Known()
        self._round, self._reader, self._required, self._known = current, reader, required, known
        self._sums = sums
        self._config = reader.config(current)
        self._map = map_of(current, self._config)
        self._wide = self._config.word_bits == 64  # noqa: PLR2004 - of two widths
        self._parts = {part.account: part for part in participants(current, current.sharers)}
        self._responses = read_responses(current, reader)
        self._absent = self._absent_now() if known.absent is None else known.absent
        self._tags = {who: each for who, each in self._responses.tags.items() if who not in self._absent}
        self.named: dict[Address, HemaledgerError] = {}
        self.unclear: dict[Address, HemaledgerError] = {}

    @property
    def incomplete(self) -> bool:
        """Return whether a file or an opening may still come that changes the verdict."""
        opened = {each.pair for each in self._known.openings}
        disputed = any(frozenset(pair) not in opened for pair in disputes(self._tags))
        return disputed or bool(set(self._absent) - set(self._responses.rejected))

    def verdict(self, auditor: Address) -> Verdict:
        """Return the verdict about the round.

        Raises:
            TooFewReveals, BelowThreshold, ReconstructMismatch: the answers do not uncover the masks.
            UpdateUnusable, TamperedError, MalformedError, RefusedError, UnavailableError: a masked file.
        """
        current, tags, absent = self._round, self._tags, self._absent
        uncovered = uncovered_by(current, list(self._parts.values()), self._responses)
        said, opened = self._said(tags), self._opened()
        self._compare(tags, opened)
        self._settle(said, opened)
        measured = self._measured(said, uncovered)
        for who, each in measured.items():
            self._weigh(who, each, present=who in tags)
        good = {who: each for who, each in measured.items() if who not in self.named and who not in self.unclear}
        pointing = self._directions({who: each for who, each in good.items() if who in tags})
        faults = {**self.unclear, **self.named}
        return Verdict(
            auditor=auditor,
            round=current.number,
            set_digest=current.set_digest,
            named={who: self.named[who].name for who in sorted(self.named)},
            unclear={who: self.unclear[who].name for who in sorted(self.unclear)},
            absent=absent,
            usual=usual_length(good.values(), self._config),
            times={who: error.times for who, error in sorted(faults.items()) if isinstance(error, UpdateTooLong)},
            directions=pointing,
        )

    def _absent_now(self) -> tuple[Address, ...]:
        """Return whose answer cannot be used, or whose sketches are not there."""
        there = {who for who, tags in self._responses.tags.items() if self._reader.has(tags.file)}
        return tuple(each for each in self._round.hospitals if each not in there)

    def _said(self, tags: Mapping[Address, Tags]) -> Pairs:
        """Open the sketches of each hospital; name those whose file cannot be used."""
        closed = {*self._responses.rejected, *self._known.missing}
        self.named |= {who: SketchMissing(who) for who in closed if who in self._round.in_set}
        said: Pairs = {}
        for who, each in tags.items():
            if who in closed:
                continue
            try:
                said[who] = self._opened_file(who, each)
            except SketchMissing as error:
                self.named[who] = error
            except (MalformedError, RefusedError, TamperedError):
                self.named[who] = SketchInvalid(who)
        return said

    def _opened_file(self, who: Address, tags: Tags) -> dict[Address, PairSketch]:
        body = sketch_body(self._round, self._map)
        try:
            data = self._reader.sketches(self._round, who, tags.file, body, self._required)
        except (MalformedError, RefusedError, TamperedError) as error:
            raise SketchMissing(who) from error
        pairs = parse_body(data, partners(self._round, who), self._map.size_bytes)
        for partner, pair in pairs.items():
            if pair.tag(who, partner) != tags.of[partner]:
                raise SketchInvalid(who)
        return pairs

    def _opened(self) -> dict[frozenset[Address], PairSketch]:
        """Return the true sketches of the masks that were opened."""
        seeds = {each.pair: each.seed for each in self._known.openings}
        made = pair_sketches([*seeds.values()], self._map, self._round.mask_context, self._round.set_digest)
        return dict(zip(seeds, made, strict=True))

    def _compare(self, tags: Mapping[Address, Tags], opened: Mapping[frozenset[Address], PairSketch]) -> None:
        """Name who gave a false tag for an opened mask; a dispute without an opening is unclear."""
        for pair, truth in opened.items():
            for who in pair & tags.keys():
                (partner,) = pair - {who}
                if tags[who].of[partner] != truth.tag(who, partner):
                    self.named.setdefault(who, SketchFalse(who))
        for one, other in disputes(tags):
            if frozenset((one, other)) not in opened:
                self.unclear |= {one: SketchDisputed(one), other: SketchDisputed(other)}

    def _settle(self, said: Pairs, opened: Mapping[frozenset[Address], PairSketch]) -> None:
        """Put the true sketch of each opened mask in place of what its partners say."""
        for pair, truth in opened.items():
            for who in pair & said.keys():
                (partner,) = pair - {who}
                said[who][partner] = truth

    def _measured(self, said: Pairs, uncovered: Uncovered) -> dict[Address, Measured]:
        """Return the sketch of each hospital's update, without those of which nobody who could open it knows a mask.

        The masks that the answers uncover are sketched all at once, because the map costs more than a mask.
        """
        masks = {who: self._masks(who, said) for who in self._round.hospitals}
        known = {who: each for who, each in masks.items() if each is not None}
        gone = [(self._parts[each], secret) for each, secret in uncovered.mask_secrets.items()]
        seeds = {who: self._seeds(who, uncovered.self_secrets[who], gone) for who in known}
        made = iter(self._map.of([seed for each in seeds.values() for seed in each]))
        found = {}
        for who, others in known.items():
            rest, index = self._of_file(who) - next(made), self._parts[who].index
            dropped = [(part, next(made)) for part, _ in gone]
            for part, sketch in (*dropped, *others):
                rest = rest - sketch if part.index > index else rest + sketch
            found[who] = Measured.of(masking.to_signed(rest))
        return found

    def _seeds(self, who: Address, self_secret: int, gone: Sequence[tuple[Participant, int]]) -> list[bytes]:
        """Return the seeds of the masks of a hospital that the answers uncover: its own, and those with who is gone."""
        own, context = self._parts[who], Digest(self._round.mask_context)
        return [self_seed(self_secret, own, context), *(pair_seed(secret, part, own, context) for part, secret in gone)]

    def _of_file(self, who: Address) -> masking.Masked:
        """Return the sketch of a masked file: the one made when it was added up, or of the file opened now."""
        made = self._sums.sketch_of(self._round, who, self._map) if self._sums is not None else None
        if made is not None:
            return made
        sketch = self._map.growing()
        for place, body in self._reader.masked(self._round, who):
            sketch.add(masking.from_bytes(body, place.stop - place.start, wide=self._wide))
        return sketch.done()

    def _masks(self, who: Address, said: Pairs) -> list[tuple[Participant, masking.Masked]] | None:
        """Return the sketches of a hospital's masks with the others; None if nobody who could open one says it."""
        found = [(self._parts[other], self._mask(who, other, said)) for other in partners(self._round, who)]
        known = [(part, sketch) for part, sketch in found if sketch is not None]
        return known if len(known) == len(found) else None

    def _mask(self, who: Address, other: Address, said: Pairs) -> masking.Masked | None:
        """Return the sketch of a mask as the hospital itself says, or its partner if the hospital says nothing."""
        pair = said.get(who, {}).get(other) or said.get(other, {}).get(who)
        return None if pair is None else sketch_from_bytes(pair.sketch, wide=self._wide)

    def _weigh(self, who: Address, measured: Measured, *, present: bool) -> None:
        error = fault_of(measured, self._config, self._buckets)
        if error is None:
            return
        if present and who not in self.unclear:
            self.named.setdefault(who, error)
        elif who not in self.named:
            self.unclear.setdefault(who, error)

    def _directions(self, measured: Mapping[Address, Measured]) -> dict[Address, int]:
        """Return where updates point, if that counts; name who points against the others over several rounds."""
        rounds = self._config.check.direction if self._config.check else 0
        if not rounds:
            return {}
        units = {who: unit for who, each in measured.items() if (unit := scaled(each.sums)) is not None}
        found = directions(units)
        history = histories([*self._known.earlier, found])
        who = against({each: history[each] for each in found}, rounds, ROWS * self._buckets)
        if who is not None:
            self.named[who] = UpdateAgainstOthers(rounds)
        return found

    @property
    def _buckets(self) -> int:
        return self._config.check.buckets if self._config.check else 0
