"""A table's network with polynomials in the place of rectifiers: near the network, from the model alone."""

from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.errors import EncodingError, WeightsMismatch
from fl.training.tables.hidden_card import HiddenCard
from fl.training.tables.mlp import TableNetwork, TableSpec, initial_vector
from fl.training.tables.network import Network
from fl.training.tables.polynomial import PolynomialNetwork, drawn
from tests.support.table_networks import DrawnNetwork, drawn_network


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> DrawnNetwork:
    return drawn_network(tmp_path_factory.mktemp("rows"))


def test_polynomials_answer_nearly_as_the_network(small: DrawnNetwork) -> None:
    weights, rows = PolynomialNetwork.of(small.network, small.design), small.design.of(small.test)
    exact, found = small.network.log_odds(rows), weights.log_odds(rows)
    assert np.abs(exact - found).mean() < 0.15 * exact.std()
    assert ((exact > 0) == (found > 0)).mean() > 0.9
    again = PolynomialNetwork.of(small.network, small.design)
    assert np.array_equal(again.log_odds(rows), found)


def test_drawn_persons_have_the_spread_of_patients(small: DrawnNetwork) -> None:
    rows, patients = drawn(small.design, small.network.background), small.design.of(small.test)[:, 1:]
    assert rows.std(axis=0) == pytest.approx(patients.std(axis=0), abs=0.5)
    assert rows.mean(axis=0) == pytest.approx(patients.mean(axis=0), abs=0.5)


def test_other_shapes_are_refused(small: DrawnNetwork) -> None:
    spec = TableSpec(small.design.width - 1, (8,))
    model = Network(TableNetwork(spec, initial_vector(spec, 1)), small.network.background, np.zeros((9, 9)))
    with pytest.raises(WeightsMismatch):
        PolynomialNetwork.of(model, small.design)


def test_a_card_has_the_design_and_no_weight(small: DrawnNetwork) -> None:
    card = HiddenCard(small.design, small.saved.digest)
    data = card.to_bytes()
    assert HiddenCard.from_bytes(data) == card
    assert len(data) < 0.3 * len(small.saved.to_bytes())
    for wrong in (b"", data[:-1], data.replace(b"ckks-card-1", b"ckks-card-2"), b"x" * (1 << 21)):
        with pytest.raises(EncodingError):
            HiddenCard.from_bytes(wrong)
