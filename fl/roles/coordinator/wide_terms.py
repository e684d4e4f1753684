"""The terms of a wide round: what a masked round of many hospitals has instead.

Source: PROTOCOL.md 5W.
"""

from __future__ import annotations

from dataclasses import replace

from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.names import Protection
from fl.protocol.records import RoundOpened, WideOpening, WideTerms
from fl.roles.coordinator.plan import Plan


def widened(opened: RoundOpened, plan: Plan) -> RoundOpened:
    """Return the opening of a wide round in place of that of a masked round with many hospitals; else the same.

    Raises:
        SettingInvalid: no graph bears the colluders and drop-outs of the plan.
    """
    wide, count = plan.wide, len(opened.roster)
    if wide is None or opened.terms.protection != Protection.MASKED or count <= wide.above:
        return opened
    degree, threshold = wide.graph(count)
    terms = replace(
        opened.terms,
        protection=Protection.WIDE,
        threshold=threshold,
        min_commitments=wide.crowd(count).fewest,
        attestations=plan.attestations + threshold,
    )
    given = WideTerms(degree, wide.replayers, PrivateKey.generate(1).public_key, ())
    return WideOpening(opened.sender, opened.round, terms, opened.roster, opened.previous_model, given)
