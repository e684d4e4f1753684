"""A whole masked round on a real chain: the sizes, the gas and the endorsements of ten and of fifty hospitals."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from chain.contracts.events import encode_call
from chain.deploy import deploy
from chain.embedded.chain import DevChain, DevChainSettings
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NodeSettings, connect
from chain.transactions.eip712 import AccountEndorser
from chain.transactions.keystore import AccountKey
from chain.transactions.sender import Sender, TransactionSettings
from fl.crypto.hpke_keys import verify_possession
from fl.protocol.errors import DuplicateStep
from fl.protocol.federation import Federation, fold
from fl.protocol.keys.members import PossessionDomain, possession_message
from fl.protocol.names import NO_ADDRESS, Address, Digest, Protection, Role
from fl.protocol.ports import SetStatement
from fl.protocol.records import (
    FederationOpened,
    KeyRegistered,
    KeysAdvertised,
    MemberRegistered,
    ModelAttested,
    ModelProposed,
    PhaseClosed,
    Record,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    Terms,
    UpdateCommitted,
)
from fl.protocol.rounds.round import Phase

PROJECT = Path(__file__).resolve().parents[2]
T0 = 1_800_000_000
OPERATOR, COORDINATOR = AccountKey(b"\x06" * 32), AccountKey(b"\x07" * 32)
CONSORTIUM = b"\x21" * 32
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MEMBER_KEY = ec.derive_private_key(5, ec.SECP256R1())
STEPS = (
    "KeysAdvertised",
    "SharesDealt",
    "SharesChecked",
    "UpdateCommitted",
    "SetEndorsed",
    "SharesRevealed",
    "ModelAttested",
)
HOSPITAL_GAS, COORDINATOR_GAS = 200_000, 1_000_000
"""What one step may cost."""


def digest(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).digest())


def point(text: str) -> bytes:
    return b"\2" + digest(text)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevChain]:
    with DevChain(DevChainSettings(PROJECT, tmp_path_factory.mktemp("chain"), lambda: T0, port=0)) as running:
        yield running


class Consortium:
    """Hospitals, a coordinator and their ledgers; remembers what each kind of record cost."""

    def __init__(self, url: str, hospitals: int) -> None:
        self.anchor = deploy(NodeSettings(url), TransactionSettings(), OPERATOR, CONSORTIUM)
        self.settings = LedgerSettings(NodeSettings(url), self.anchor)
        keys = [AccountKey(digest(f"hospital {number}")) for number in range(hospitals)]
        self.keys = {key.address: key for key in sorted(keys, key=lambda key: key.address)}
        self.hospitals = tuple(self.keys)
        self.gas: dict[str, list[int]] = defaultdict(list)
        everybody = (*self.keys.values(), OPERATOR, COORDINATOR)
        self.ledgers = {key.address: EthereumLedger(self.settings, key) for key in everybody}
        for hospital in self.hospitals:
            self.append(MemberRegistered(OPERATOR.address, hospital, Role.HOSPITAL, hospital.hex()))
            self.append(self.member_key(hospital))
        self.append(MemberRegistered(OPERATOR.address, COORDINATOR.address, Role.COORDINATOR, "C"))
        opening = FederationOpened(COORDINATOR.address, NO_ADDRESS, 0, digest("m0"), digest("e0"), digest("manifest"))
        self.append(opening)

    def member_key(self, hospital: Address) -> KeyRegistered:
        encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        bare = KeyRegistered(hospital, 1, MEMBER_KEY.public_key().public_bytes(encoding, form), b"")
        message = possession_message(CONSORTIUM, PossessionDomain(self.anchor.chain_id, self.anchor.authority), bare)
        r, s = decode_dss_signature(MEMBER_KEY.sign(message, ec.ECDSA(hashes.SHA256())))
        proof = r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")
        return KeyRegistered(hospital, 1, bare.public_key, proof)

    def append(self, record: Record) -> Record:
        receipt = self.ledgers[record.sender].append(record)
        self.gas[type(record).__name__].append(receipt.gas_used)
        return receipt.entry.record

    def fold(self) -> Federation:
        return fold(Federation(self.anchor, verify_possession), self.ledgers[OPERATOR.address].replay())


def advertise(consortium: Consortium, threshold: int) -> None:
    """Open a masked round and advertise keys."""
    boss, hospitals = COORDINATOR.address, consortium.hospitals
    terms = Terms(Protection.MASKED, threshold, 2, threshold, 10, digest("c"), 600, T0 + 1000, T0 + 2000)
    consortium.append(RoundOpened(boss, 1, terms, hospitals, digest("m0")))
    for who in hospitals:
        consortium.append(KeysAdvertised(who, 1, point(f"S{who.hex()}"), point(f"E{who.hex()}")))
    consortium.append(PhaseClosed(boss, 1, Phase.ADVERTISE, hospitals))


def shares_of(hospital: Address, threshold: int) -> SharesDealt:
    mask, own = (b"".join(point(f"{name}{hospital.hex()}{k}") for k in range(threshold)) for name in "AB")
    return SharesDealt(hospital, 1, mask, own, digest("bundle"))


def share(consortium: Consortium, threshold: int) -> None:
    """Deal and check shares, without complaints."""
    boss, hospitals = COORDINATOR.address, consortium.hospitals
    for who in hospitals:
        consortium.append(shares_of(who, threshold))
    consortium.append(PhaseClosed(boss, 1, Phase.SHARE, hospitals))
    for who in hospitals:
        consortium.append(SharesChecked(who, 1, b""))
    consortium.append(PhaseClosed(boss, 1, Phase.COMPLAIN, hospitals))


def statement_of(consortium: Consortium) -> SetStatement:
    """Return what the hospitals sign; every reader of the ledger comes to the same."""
    current, anchor = consortium.fold().round(1), consortium.anchor
    entries = consortium.ledgers[OPERATOR.address].replay()
    return SetStatement(
        consortium=anchor.consortium,
        chain_id=anchor.chain_id,
        contract=anchor.contract,
        round=1,
        mask_context=current.mask_context,
        set_digest=current.set_digest,
        freeze_block=next(entry.block_hash for entry in entries if isinstance(entry.record, RoundFrozen)),
    )


def finish(consortium: Consortium, survivors: tuple[Address, ...], threshold: int) -> None:
    """Commit, freeze, endorse, reveal, propose, attest and finalise."""
    boss = COORDINATOR.address
    for who in consortium.hospitals:
        consortium.append(UpdateCommitted(who, 1, digest(f"update {who.hex()}")))
    consortium.append(RoundFrozen(boss, 1, survivors, digest("")))
    statement = statement_of(consortium)
    for who in survivors[:threshold]:
        signature = AccountEndorser(consortium.keys[who]).endorse(statement)
        consortium.append(SetEndorsed(who, 1, statement.set_digest, signature))
    for who in survivors[-threshold:]:
        consortium.append(SharesRevealed(who, 1, statement.set_digest, digest(f"shares {who.hex()}")))
    consortium.append(ModelProposed(boss, 1, digest("m1"), digest("e1")))
    for who in survivors[:2]:
        consortium.append(ModelAttested(who, 1, digest("m1"), digest("report")))
    consortium.append(RoundFinalised(boss, 1, digest("m1")))


def costs(consortium: Consortium, hospitals: int) -> list[float]:
    """Return what a round costs a hospital, the coordinator, an auditor, and all, if every hospital does every step."""
    most = {kind: max(spent) for kind, spent in consortium.gas.items()}
    once = ("RoundOpened", "PhaseClosed", "RoundFrozen", "ModelProposed", "RoundFinalised")
    hospital, coordinator = sum(most[kind] for kind in STEPS), sum(sum(consortium.gas[kind]) for kind in once)
    return [hospital, coordinator, most["ModelAttested"], hospitals * hospital + coordinator + most["ModelAttested"]]


def told_costs(hospitals: int, threshold: int) -> list[float]:
    """Return the same as docs/install.md says it."""
    text = (PROJECT / "docs" / "install.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith(f"| {hospitals}, {threshold} |"))
    cells = [cell.strip().replace(",", "") for cell in line.strip("|").split("|")[1:]]
    return [float(cell.removesuffix(" million")) * (1e6 if cell.endswith("million") else 1) for cell in cells]


@pytest.mark.parametrize(("hospitals", "threshold"), [(3, 3), (10, 7), (50, 34)])
def test_a_masked_round_is_affordable_and_every_endorsement_is_its_hospitals(
    chain: DevChain, hospitals: int, threshold: int
) -> None:
    consortium = Consortium(chain.url, hospitals)
    advertise(consortium, threshold)
    share(consortium, threshold)
    survivors = consortium.hospitals[: min(threshold + 1, hospitals)]
    finish(consortium, survivors, threshold)
    federation = consortium.fold()
    current = federation.round(1)
    assert (current.phase, federation.model_digest) == (Phase.FINAL, digest("m1"))
    assert (current.hospitals, current.sharers) == (survivors, consortium.hospitals)
    anybody, statement = AccountEndorser(AccountKey(b"\x31" * 32)), statement_of(consortium)
    assert len(current.endorsed) == threshold
    for who, endorsed in current.endorsed.items():
        assert anybody.recover(statement, endorsed.signature) == who
    for kind, spent in consortium.gas.items():
        assert max(spent) < (HOSPITAL_GAS if kind in STEPS else COORDINATOR_GAS), kind
    assert costs(consortium, hospitals) == pytest.approx(told_costs(hospitals, threshold), rel=0.02)


@pytest.mark.parametrize("free_gas", [True, False])
def test_the_largest_call_of_fifty_hospitals_is_tried_before_it_is_sent(chain: DevChain, *, free_gas: bool) -> None:
    """2 * 33 * 34 bytes, where gas is free and where it is estimated."""
    consortium = Consortium(chain.url, 50)
    advertise(consortium, 34)
    record = shares_of(consortium.hospitals[0], 34)
    key, settings = consortium.keys[record.sender], TransactionSettings(free_gas=free_gas)
    sender = Sender(connect(consortium.settings.node), consortium.anchor.chain_id, key, settings)
    request = {"from": "0x" + record.sender.hex(), "to": "0x" + consortium.anchor.contract.hex()}
    request["data"] = "0x" + encode_call(record).hex()
    limit, _nonce = sender._dry_run(request)
    consortium.append(record)
    assert limit >= consortium.gas["SharesDealt"][0]
    with pytest.raises(DuplicateStep):
        sender._dry_run(request)
