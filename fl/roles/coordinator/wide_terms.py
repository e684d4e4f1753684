"""The terms of a wide round: what a masked round of many hospitals has instead.

Source: PROTOCOL.md 5W.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fl.protocol.federation import Federation
from fl.protocol.grants import MODEL_READERS
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Protection, Role
from fl.protocol.records import RoundOpened, WideOpening, WideTerms
from fl.protocol.rounds.replayers import needed_of
from fl.replay.group_key import Drawn, Opening, draw
from fl.replay.ledger_view import Ports
from fl.roles.coordinator.plan import Plan


def widened(opened: RoundOpened, plan: Plan, group: Callable[[], Drawn], ports: Ports) -> RoundOpened:
    """Return the opening of a wide round in place of that of a masked round with many hospitals; else the same.

    The files of its group key are in the vault then.

    Raises:
        SettingInvalid: no graph bears the colluders and drop-outs of the plan.
    """
    wide, count = plan.wide, len(opened.roster)
    if wide is None or opened.terms.protection != Protection.MASKED or count <= wide.above:
        return opened
    degree, threshold, clusters = wide.graph(count)
    replayers = wide.drawn(count, clustered=clusters is not None)
    hospitals = needed_of(replayers) if replayers else threshold
    terms = replace(
        opened.terms,
        protection=Protection.WIDE,
        threshold=threshold,
        min_commitments=wide.crowd(count).fewest,
        attestations=plan.attestations + hospitals,
    )
    drawn = group()
    files = tuple(ports.vault.put(file) for file in drawn.files)
    given = WideTerms(degree, replayers, drawn.public_key, files, clusters)
    return WideOpening(opened.sender, opened.round, terms, opened.roster, opened.previous_model, given)


class GroupDraws:
    """Draws the group key of the next round, once for the same readers: a try that fails leaves no further file."""

    def __init__(self) -> None:
        self._last: tuple[Opening, list[MemberKey], Drawn] | None = None

    def of(self, federation: Federation, opened: RoundOpened) -> Drawn:
        """Return the group key of a round that will be opened now, for everybody who may read its model."""
        members = federation.book.members.values()
        readers = [each.key for each in members if each.key and not each.revoked and each.role in MODEL_READERS]
        epoch = federation.book.active(opened.sender, Role.COORDINATOR).keys[-1].epoch
        opening = Opening(federation.anchor, opened.sender, epoch, opened.round, opened.previous_model)
        if self._last is None or self._last[:2] != (opening, readers):
            self._last = (opening, readers, draw(opening, readers))
        return self._last[2]
