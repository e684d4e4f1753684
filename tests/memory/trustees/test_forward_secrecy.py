"""What a thief of trustees' disks, the vault and the ledger gets: the shares of now, and none of before a refresh."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fl.crypto import dkg as dealing
from fl.crypto import share_encryption as sealing
from fl.crypto.curve import ORDER
from fl.crypto.encrypted_keystore import HeldShare, Lockbox
from fl.crypto.group import base_mult, encode_point
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.sharing import Share, lagrange
from fl.protocol.errors import HemaledgerError
from fl.protocol.keys.ceremony import Ceremony
from fl.protocol.names import Address, CeremonyKind
from fl.replay.committees import committee_keys, parcel_of, setting_of
from tests.support.clinic import USE, Clinic, three_trustees
from tests.support.federation import PASSWORD, Clock, Party, memory_folder, settle


@dataclass
class Thief:
    """Somebody with copies of disks, their password, the whole vault and the whole ledger."""

    clinic: Clinic
    keys: list[PrivateKey] = field(default_factory=list)
    shares: list[HeldShare] = field(default_factory=list)

    def take(self, folder: Path) -> None:
        """Open every key and every share that lies anywhere in a folder."""
        for path in folder.rglob("*"):
            if path.suffix == ".pem" or ".pem." in path.name:
                self.keys.append(PrivateKey.from_pem(0, path.read_bytes(), PASSWORD, str(path)))
            if path.parent.name == "shares":
                held = Lockbox.parse(path.read_bytes(), str(path)).unlock(PASSWORD)
                assert isinstance(held, HeldShare)
                self.shares.append(held)

    def held(self, epoch: int) -> list[Share]:
        """Return the stolen shares of one epoch."""
        return [Share(each.seat.index, each.share) for each in self.shares if each.seat.epoch == epoch]

    def rebuilt(self, ceremony: Ceremony) -> list[Share]:
        """Return the shares of a key's first ceremony that stolen keys give back; the ledger proves each."""
        made, setting = committee_keys(self.clinic.federation.threshold, USE, ceremony.number), self.setting(ceremony)
        shares = []
        for receiver in ceremony.terms.receivers:
            received = {dealer: self.opened(ceremony, dealer, receiver) for dealer in ceremony.dealers}
            whole = {dealer: share for dealer, share in received.items() if share is not None}
            if len(whole) == len(ceremony.dealers):
                share = dealing.new_share(setting, made, receiver, whole, None)
                assert base_mult(share.value) == made.share_of(receiver)
                shares.append(share)
        return shares

    def opened(self, ceremony: Ceremony, dealer: Address, receiver: Address) -> Share | None:
        """Return what a dealer sealed to a receiver, if any stolen key opens it."""
        sealed = parcel_of(self.setting(ceremony), ceremony, dealer, receiver, self.clinic.consortium.vault)
        for key in self.keys:
            try:
                return sealing.unseal(sealed, key.secret.private_numbers().private_value)[0]
            except HemaledgerError:
                continue
        return None

    def setting(self, ceremony: Ceremony) -> dealing.Setting:
        return setting_of(self.clinic.federation.threshold, ceremony)

    def opens(self, shares: Sequence[Share]) -> bool:
        """Return whether shares are those of the key: the patients' records lie open then."""
        weights = lagrange([share.index for share in shares])
        secret = sum(weight * share.value for weight, share in zip(weights, shares, strict=True)) % ORDER
        return encode_point(base_mult(secret)) == self.clinic.federation.threshold.committee(USE).public_key


@dataclass
class Stolen:
    """One history: a key, its refresh, and copies of disks from before and after."""

    clinic: Clinic
    before: dict[str, Path]
    """Each trustee's disk while the shares of the first ceremony were opened: what a thief with luck copied then."""
    after: dict[str, Path]
    """Each trustee's disk after the refresh."""

    def ceremony(self, number: int) -> Ceremony:
        return self.clinic.federation.threshold.ceremonies[USE][number - 1]


def copies(clinic: Clinic, to: Path) -> dict[str, Path]:
    return {party.name: Path(shutil.copytree(party.folder, to / party.name)) for party in clinic.parties}


def deal(clinic: Clinic, parties: list[Party]) -> None:
    """Run the first ceremony until every share is at rest, and stop before a key is destroyed."""
    clinic.start(CeremonyKind.GENERATE, parties)
    while any(not party.safe.shares.has(USE, 1) for party in parties):
        for trustee in clinic.trustees:
            trustee._ceremonies.step(trustee.view.refresh())


@pytest.fixture(scope="module")
def stolen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stolen]:
    clock = Clock()
    with memory_folder(tmp_path_factory.mktemp("thief")) as folder:
        clinic = three_trustees(folder, clock)
        deal(clinic, clinic.parties)
        before = copies(clinic, folder / "before")
        settle(*clinic.trustees)
        clinic.start(CeremonyKind.REFRESH, clinic.parties)
        settle(*clinic.trustees)
        yield Stolen(clinic, before, copies(clinic, folder / "after"))


def test_the_disks_of_a_quorum_after_a_refresh_hold_its_shares_and_no_key_to_older_ones(stolen: Stolen) -> None:
    thief = Thief(stolen.clinic)
    for name in ("ada", "ben"):
        thief.take(stolen.after[name])
    assert thief.opens(thief.held(2))
    assert [share.seat.epoch for share in thief.shares] == [2, 2]
    assert thief.rebuilt(stolen.ceremony(1)) == []
    for ceremony in map(stolen.ceremony, (1, 2)):
        opened = [thief.opened(ceremony, dealer, to) for dealer in ceremony.dealers for to in ceremony.terms.receivers]
        assert opened == [None] * 9, "not one of the sealed shares in the vault opens"


def test_with_a_key_that_was_kept_the_same_thief_rebuilds_the_old_shares(stolen: Stolen) -> None:
    thief = Thief(stolen.clinic)
    for name in ("ada", "ben"):
        thief.take(stolen.after[name])
        key = stolen.before[name] / "hpke-1.pem"
        thief.keys.append(PrivateKey.from_pem(1, key.read_bytes(), PASSWORD, str(key)))
    rebuilt = thief.rebuilt(stolen.ceremony(1))
    assert len(rebuilt) == 2
    assert thief.opens(rebuilt)


def test_one_disk_of_before_and_one_of_after_open_nothing_unless_a_key_was_kept(stolen: Stolen) -> None:
    """What a refresh is for: a thief who comes to one trustee at a time must begin anew."""
    thief = Thief(stolen.clinic)
    thief.take(stolen.before["ada"])
    thief.take(stolen.after["ben"])
    (old,), (new,) = thief.held(1), thief.held(2)
    assert not thief.opens([old, new])
    assert thief.rebuilt(stolen.ceremony(1)) == [old]
    kept = stolen.before["ben"] / "hpke-1.pem"
    thief.keys.append(PrivateKey.from_pem(1, kept.read_bytes(), PASSWORD, str(kept)))
    assert thief.opens(thief.rebuilt(stolen.ceremony(1)))
