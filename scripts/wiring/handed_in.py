"""Connects what a hospital's site leaves for its agent: uploaded weights, and orders."""

from __future__ import annotations

from fl.events import Notify
from fl.protocol.errors import UploadUnusable
from fl.protocol.ports import Journal
from fl.replay.ledger_view import Ports
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.roles.hospital.key_orders import KeyOrders
from fl.roles.hospital.orders import CarryingOut
from fl.roles.hospital.uploads import MakeUploads, Sealer, Uploads
from fl.roles.hospital.withdrawal_orders import WithdrawalOrder, WithdrawalOrders
from fl.roles.runner import Agent
from fl.storage.key_orders import FolderKeyOrders
from fl.storage.keyring import FolderKeys
from fl.storage.uploads import FolderUploads
from fl.storage.withdrawal_orders import FolderWithdrawalOrders
from fl.training.aggregation.work import Learned
from scripts.wiring.home import MemberHome
from scripts.wiring.withdrawals import FolderRows


def uploads_of(member: MemberHome, *, alone: bool = False) -> MakeUploads:
    """Return the uploads of a hospital; `alone`: its agent trains nothing itself."""

    def make(sealer: Sealer, journal: Journal, notify: Notify) -> Uploads:
        return Uploads(FolderUploads(member.uploads), sealer, journal, notify, alone)

    return make


def with_orders(member: MemberHome, ports: Ports, agent: Agent) -> CarryingOut[WithdrawalOrder]:
    """Return an agent that also carries out the site's orders: for a new key, and for withdrawals."""
    keys = FolderKeys(member.folder, member.password)
    with_keys = CarryingOut(agent, KeyOrders(ports, FolderKeyOrders(member.key_orders), keys))
    box = FolderWithdrawalOrders(member.withdrawal_orders)
    return CarryingOut(with_keys, WithdrawalOrders(ports, box, FolderRows(member)))


def no_training() -> Train:
    """Return the training of an agent that never trains; Uploads does not call it."""

    def train(_job: TrainingJob) -> Learned:
        raise UploadUnusable("this agent trains nothing itself")

    return train
