"""The errors of what a site runs or cannot run: audits, replays, trainings."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import RefusedError


@dataclass(eq=False)
class ReplayRunning(RefusedError):
    """Another replay is running; each one needs a whole processor."""

    http_status = 409
    sentence = "This site is checking another round now. Wait a few seconds and try again."


@dataclass(eq=False)
class AuditRunning(RefusedError):
    """A full audit is running; each one needs a whole processor."""

    http_status = 409
    sentence = "A full audit is running now. Watch it, or stop it before you start another one."


@dataclass(eq=False)
class AuditImpossible(RefusedError):
    """This site was started without the means for a full audit."""

    http_status = 409
    sentence = "This site cannot make a full audit. Run hemaledger audit on a machine of the consortium instead."


@dataclass(eq=False)
class NoHospital(RefusedError):
    """This site belongs to no hospital of the consortium."""

    http_status = 404
    sentence = "This site does not belong to a hospital that takes part in the training, so it has no such page."


@dataclass(eq=False)
class TrainingRunning(RefusedError):
    """A training on this machine has not ended."""

    http_status = 409
    sentence = "A training is running on this machine. Wait until it ends, or stop it first."


@dataclass(eq=False)
class KeyOrderOpen(RefusedError):
    """An order for a new key has not ended."""

    http_status = 409
    sentence = "There is an order for a new key already. Wait until the agent has carried it out, or take it back."


@dataclass(eq=False)
class AgentSilent(RefusedError):
    """No agent of this hospital runs on this machine."""

    http_status = 409
    sentence = "The hospital's agent does not run, so nobody can carry the order out. Start the agent first."


@dataclass(eq=False)
class WithdrawalOpen(RefusedError):
    """An order for a withdrawal has not ended."""

    http_status = 409
    sentence = "There is an order for a withdrawal already. Wait until the agent has carried it out, or take it back."


@dataclass(eq=False)
class AlreadyLeft(RefusedError):
    """This hospital has taken itself out of the federation."""

    http_status = 409
    sentence = "This hospital has left the federation already, so there is nothing more to take back."
