"""The audit of a return to an earlier model: is the model that followed what the rest alone gives?

Invariant: a sentence says *is what the rest alone gives* only if every round between the base and the model was summed
again in this audit, and nothing that was taken back is in one of them.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from collections.abc import Sequence

from fl.protocol.audit import AuditStep, Report
from fl.protocol.branch import without_branch
from fl.protocol.federation import Federation
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Phase, Round
from fl.replay.branches import leavers, pending
from fl.replay.round_documents import read_config
from fl.training.aggregation.work import without_sum


def audit_successors(federation: Federation, vault: Vault, report: Report) -> None:
    """Say what follows from withdrawals and from the newest return; the rounds are checked before."""
    for each in pending(federation, vault):
        name = federation.book.name_of(each.hospital)
        report.notes.append(f"The current model still uses what {name} took back; the coordinator has not gone back.")
    if not federation.reverted:
        return
    back = federation.reverted[-1]
    behind = list(federation.lineage.ancestors())
    branch = [each for each in reversed(behind) if each.opened.position > back.opened.position]
    base = f"the model of round {back.record.round}" if back.record.round else "the first model"
    without = ", ".join(federation.book.name_of(account) for account in leavers(federation))
    if not branch:
        report.notes.append(f"The coordinator went back to {base}; no round has followed yet.")
        return
    missing = [each.number for each in behind if AuditStep.SUM not in report.passed.get(each.number, ())]
    wrong = {each.round for each in report.findings} & {each.number for each in behind}
    last = branch[-1].number
    if missing or wrong:
        what = _numbers(sorted({*missing, *(each for each in wrong if each is not None)}))
        report.notes.append(
            f"Whether the model of round {last} is what the rest alone gives was not checked: {what} not summed again."
        )
        return
    who = f", without {without}" if without else ""
    report.checks["successors"] += 1
    report.successors.append(
        f"The model of round {last} is what the rest alone gives{who}: it comes from {base}, and "
        f"{_numbers([each.number for each in branch])} summed again from files of the others. That cost "
        f"{_rounds(len(branch))}; from the first model it would have cost {len(behind)}."
        + ("" if _same_recipe(federation, branch, vault) else " These rounds train in another way than those before.")
    )


def _same_recipe(federation: Federation, branch: Sequence[Round], vault: Vault) -> bool:
    """Return whether the branch trains as the newest superseded round that trained did, but for its entry."""
    gone = federation.superseded
    replaced = [each for each in federation.rounds if each.number in gone and each.phase == Phase.FINAL]
    recipes = [without_branch(without_sum(read_config(each, vault).training)) for each in (*branch, *replaced[-1:])]
    return all(each == recipes[0] for each in recipes)


def _numbers(numbers: Sequence[int]) -> str:
    """Return "round 4 was" or "rounds 4, 5 and 6 were"."""
    if len(numbers) == 1:
        return f"round {numbers[0]} was"
    first = ", ".join(str(each) for each in numbers[:-1])
    return f"rounds {first} and {numbers[-1]} were"


def _rounds(count: int) -> str:
    return f"{count} round{'' if count == 1 else 's'}"
