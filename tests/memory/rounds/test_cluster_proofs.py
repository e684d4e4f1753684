"""The proof of one hospital's update in a round with clusters: which step, and how it is under the record's root."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.proofs.finding import Records
from fl.protocol import merkle
from fl.protocol.batches import Step, leaf, record_of
from fl.protocol.errors import ProofInvalid, RecordMissing
from fl.protocol.names import Address
from fl.protocol.records import StepsAnchored, UpdateCommitted
from fl.protocol.rounds.clusters import clusters_of
from fl.protocol.rounds.round import Phase
from fl.protocol.tlog.entry import leaf_hash
from fl.protocol.tlog.extra import InnerClusterStep
from fl.protocol.tlog.tree import root_from
from fl.replay.ledger_view import LedgerView
from fl.storage.vault import FolderVault
from tests.support.clusters import ClusterTown
from tests.support.federation import memory_folder


@pytest.fixture
def town(tmp_path: Path) -> Iterator[ClusterTown]:
    with memory_folder(tmp_path) as folder:
        yield ClusterTown(folder)


def test_each_update_is_under_its_clusters_root_and_the_records_root(town: ClusterTown) -> None:
    assert town.play(lambda _who: None) == Phase.FINAL
    federation = LedgerView(town.reader()).refresh()
    current = federation.rounds[-1]
    clusters = clusters_of(current)
    assert clusters is not None
    entries = town.reader().inner.replay()
    records = Records(entries, federation, FolderVault(town.folder / "vault"))
    for account in current.hospitals:
        found = records.update(1, account)
        record, inner = found.entry.record, found.inner
        assert isinstance(record, StepsAnchored)
        assert record.phase == Phase.MASK
        assert isinstance(inner, InnerClusterStep)
        step, path, above = Step.from_bytes(inner.step), inner.path, inner.above
        assert record_of(step, Phase.MASK, 1) == UpdateCommitted(account, 1, current.commitments[account])
        assert (above.index, above.size) == (clusters.number_of(account), len(clusters.parts))
        at = leaf_hash(leaf(step, goes_on=bool(inner.goes_on)))
        root = root_from(at, path.index, path.size, path.nodes)
        merkle.verify_inclusion(root, above.index, above.size, above.nodes, record.root)
        with pytest.raises(ProofInvalid):
            merkle.verify_inclusion(root, above.index ^ 1, above.size, above.nodes, record.root)
    with pytest.raises(RecordMissing):
        records.update(1, Address(b"\x01" * 20))
