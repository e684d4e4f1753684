"""A masked round of four hospitals, of whom three suffice, and a hospital that keeps to no rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fl.crypto.envelope import open_file, seal
from fl.crypto.envelope_form import CORE_BYTES, Core, Header, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.events import Event
from fl.protocol.errors import VaultMissing
from fl.protocol.names import Address, Blob, Digest, Protection, Role
from fl.protocol.ports import Anchor
from fl.protocol.records import PhaseClosed
from fl.protocol.rounds.round import Phase, Round
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from fl.storage.vault import FolderVault
from tests.support.federation import initial, nudge
from tests.support.world import World

STEP_S = 60
NAMES = ("alpha", "beta", "gamma", "delta")


@dataclass
class Four(World):
    """A consortium of four hospitals with masked rounds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.consortium.hospitals.append(self.join("delta", Role.HOSPITAL))

    def masked_plan(self, rounds: int = 1) -> Plan:
        plan = replace(self.consortium.plan(rounds), protection=Protection.MASKED, step_timeout_s=STEP_S)
        return replace(plan, min_commitments=3, min_hospitals=4)

    def boss(self, rounds: int = 1) -> Coordinator:
        ports = self.consortium.coordinator.ports(self.consortium.vault)
        return Coordinator(ports, self.masked_plan(rounds), initial())

    def account(self, name: str) -> Address:
        return self.party(name).account

    def names(self, accounts: tuple[Address, ...]) -> list[str]:
        return sorted(self.federation.book.name_of(account) for account in accounts)

    def reported(self, name: str, what: Event) -> list[str]:
        return [str(facts["reason"]) for event, facts in self.party(name).events if event == what]

    def until(self, phase: Phase, *agents: Agent) -> Round:
        """Step the agents in turn until the newest round is in that phase."""
        for _ in range(400):
            for agent in agents:
                if self.round is not None and self.round.phase == phase:
                    return self.round
                step(agent)
        raise AssertionError(f"{phase.name} was never reached")

    def close(self, phase: Phase) -> None:
        """End a set-up phase as a coordinator would that lets everybody go on who acted."""
        ledger, current = self.consortium.coordinator.ledger, self.current
        acted = {Phase.ADVERTISE: current.advertised, Phase.SHARE: current.dealt, Phase.COMPLAIN: current.checked}
        ledger.append(PhaseClosed(ledger.account, current.number, phase, tuple(sorted(acted[phase]))))

    def overwrite(self, digest: Digest, data: bytes = b"x") -> None:
        """Write other bytes into the vault under a file's name."""
        path = self.consortium.vault.path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def step(agent: Agent) -> bool:
    """Step as the runner does: what is missing is waited for, anything else ends the agent, and the test."""
    try:
        return agent.step()
    except VaultMissing:
        return False
    finally:
        if isinstance(agent, Hospital):
            agent.finish_training()


def rest(*agents: Agent) -> None:
    """Step in turn until nobody has anything to do."""
    for _ in range(200):
        acted = [step(agent) for agent in agents]
        if not any(acted):
            return
    raise AssertionError("the round never came to rest")


Reseal = Callable[[Core, bytes, PrivateKey], Blob]
"""(core, body, own key) -> the file that is sent in place of the right one."""


class ForgingOutbox(FolderVault):
    """Keeps another file in place of each envelope of one kind, as a hospital with tools of its own would."""

    def __init__(self, folder: Path, kind: Kind, key: PrivateKey, reseal: Reseal) -> None:
        super().__init__(folder)
        self._kind, self._key, self._reseal = kind, key, reseal

    def put(self, data: Blob) -> Digest:
        if data[:4] == b"BAFL" and data[5] == self._kind:
            core = core_of(bytes(data))
            data = self._reseal(core, open_file(bytes(data), core, self._key), self._key)
        return super().put(data)


def core_of(file: bytes) -> Core:
    """Return the header of a right file as it would be rebuilt from the ledger."""
    head = Header.from_bytes(file[:CORE_BYTES])
    anchor = Anchor(head.consortium, head.chain_id, Address(bytes(20)), Address(head.contract))
    return Core(Kind(head.kind), anchor, Address(head.sender), head.round, head.epoch, head.context)


def forger(world: Four, name: str, kind: Kind, reseal: Reseal) -> Hospital:
    """Return a hospital that forges its files of one kind."""
    party = world.party(name)
    outbox = ForgingOutbox(party.folder / "outbox", kind, party.keys[1], reseal)
    return Hospital(replace(party.ports(world.consortium.vault), outbox=outbox), nudge(name))


def for_nobody_else(core: Core, body: bytes, key: PrivateKey) -> Blob:
    return seal(core, [key.member_key], body)


def of_another_round(core: Core, body: bytes, key: PrivateKey) -> Blob:
    return seal(replace(core, round=99), [key.member_key], body)


def no_envelope(_core: Core, _body: bytes, _key: PrivateKey) -> Blob:
    return b"this is no envelope"


WRITES = [
    "journal.once keys",
    "append KeysAdvertised",
    "outbox.put",
    "journal.once bundle",
    "append SharesDealt",
    "vault.put",
    "append SharesChecked",
    "journal.once masked",
    "journal.once learned",
    "outbox.put",
    "journal.once update",
    "append UpdateCommitted",
    "vault.put",
    "journal.once set",
    "append SetEndorsed",
    "journal.once set",
    "journal.once spent",
    "outbox.put",
    "journal.once answer",
    "append SharesRevealed",
    "vault.put",
    "append ModelAttested",
    "journal.erase keys",
]


def without_delta(four: Four) -> None:
    """Close the first phase without delta."""
    boss, hospitals = four.boss(), four.hospitals("alpha", "beta", "gamma")
    four.until(Phase.ADVERTISE, boss)
    rest(*hospitals)
    four.clock.now += STEP_S + 1
    four.until(Phase.SHARE, boss)
