"""Checks the chance that a wrong sum passes by drawing: the real draw, many times, against the exact formula.

Nothing of the formula is used to count: a draw passes when enough of the drawn hospitals are among the colluding ones.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import click

from fl.protocol.names import ADDRESS_BYTES, Address
from fl.protocol.rounds.replayers import (
    SAFE_BITS,
    THERE_BITS,
    needed_of,
    replayers_for,
    sample,
    too_few_there,
    wrong_sum_passes,
)
from scripts.bench._table import keep, show

CASES = ((20, 8, 4), (30, 15, 8), (50, 20, 8), (100, 33, 8), (100, 50, 12))
"""Hospitals in the set, colluding ones, replayers: cases in which wrong sums pass often enough to be counted."""
CROWDS = (30, 100, 300, 1000, 10_000)
COLLUSION = (0.1, 0.2, 1 / 3)
AWAY = 0.1
SIGMAS = 4.0


@click.command()
@click.option("--draws", type=click.IntRange(100), default=20_000, show_default=True)
def main(draws: int) -> None:
    """Compare the exact chance that a wrong sum passes with counted draws; then show how many replayers are enough."""
    rows = [_case(case, draws) for case in CASES]
    header = ("hospitals", "colluding", "replayers", "must attest", "exact", "counted", "sigmas apart")
    show(f"A wrong sum passes, {draws} draws", header, rows)
    columns = ("hospitals", "colluding", "replayers", "must attest", "wrong sum passes", "too few there")
    tables = {}
    for among, whole_roster in (("frozen set", False), ("roster, with clusters", True)):
        table = [_enough(crowd, share, whole_roster=whole_roster) for crowd in CROWDS for share in COLLUSION]
        show(f"Drawn from the {among}; 10 % away; bounds 2^-{SAFE_BITS} and 2^-{THERE_BITS}", columns, table)
        tables[among] = table
    keep("sample_check", {"draws": draws, "cases": rows, "enough": tables})
    if any(float(str(row[-1])) > SIGMAS for row in rows):
        raise click.ClickException("a counted frequency is too far from the exact chance")


def _case(case: tuple[int, int, int], draws: int) -> tuple[object, ...]:
    hospitals, colluding, replayers = case
    needed, accounts = needed_of(replayers), [Address(os.urandom(ADDRESS_BYTES)) for _ in range(hospitals)]
    bad = frozenset(accounts[:colluding])
    hits = sum(_passes(sorted(accounts), bad, (replayers, needed)) for _ in range(draws))
    exact = float(wrong_sum_passes(hospitals, colluding, replayers, needed))
    deviation = math.sqrt(exact * (1 - exact) / draws)
    return hospitals, colluding, replayers, needed, exact, hits / draws, abs(hits / draws - exact) / deviation


def _passes(accounts: Sequence[Address], bad: frozenset[Address], how: tuple[int, int]) -> bool:
    replayers, needed = how
    return len(bad & {*sample(os.urandom(32), accounts, replayers)}) >= needed


def _enough(crowd: int, share: float, *, whole_roster: bool) -> tuple[object, ...]:
    colluding, away = math.floor(share * crowd), math.floor(AWAY * crowd)
    count = replayers_for(crowd, colluding, away, whole_roster=whole_roster)
    needed = needed_of(count)
    passes = wrong_sum_passes(crowd if whole_roster else crowd - away, colluding, count, needed)
    missing = too_few_there(crowd, away, count, needed)
    return crowd, colluding, count, needed, f"{float(passes):.2g}", f"{float(missing):.2g}"


if __name__ == "__main__":
    main()
