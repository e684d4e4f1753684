"""A hospital's server for questions, connected to the real federation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from fl.protocol.names import NO_DIGEST
from fl.replay.ledger_view import Keyring
from fl.roles.serving.circuit_breaker import CircuitBreakerLedger, CircuitBreakerVault
from fl.roles.serving.current_model import VerifiedModelCache
from fl.roles.serving.query_desk import QueryDesk
from fl.roles.serving.query_messages import PictureAnswer, PictureQuestion
from fl.roles.serving.routing import Health
from fl.storage.keyring import LiveKeys
from fl.training.model.consent import given
from scripts.predictor.client import CHILD, PredictorProcess
from scripts.server.allocator import give_memory_back
from scripts.server.followed import followed
from scripts.server.queries import QUERY_CAP, QueryApplication
from scripts.server.request import Bounds
from scripts.server.server import Server, raise_file_limit
from scripts.wiring.agent import announce
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from webui.federation.predictions import FederationPredictions


@dataclass(frozen=True)
class RunningQueries:
    """A server and the process of its model."""

    app: QueryApplication
    models: PredictorProcess


def build_queries(home: Home, name: str, places: int) -> RunningQueries:
    """Return the server of hospital `name`; at most `places` questions wait or are judged at once."""
    models = PredictorProcess(command=(*CHILD, *given().arguments()))
    models.start()
    member = home.member(name)
    following = followed(home, member, announce(name))
    ledger = CircuitBreakerLedger(following, time.monotonic)
    keyring = Keyring(LiveKeys(member.folder, member.password))
    vault = CircuitBreakerVault(home.vault, home.vault_name)
    reader = VerifiedModelCache(ledger, vault, ledger.account, keyring, now, models.open)
    predictions = FederationPredictions(reader, vault)
    desk = QueryDesk(ledger.account, keyring, reader.federation, lambda asked: judge(predictions, asked), now)
    return RunningQueries(QueryApplication(desk, lambda: state_of(predictions), places), models)


def judge(predictions: FederationPredictions, asked: PictureQuestion) -> PictureAnswer:
    """Return the verified model's answer; raises as `look`."""
    found = predictions.look(asked.pixels)
    heat = b"" if found.seen is None else found.seen.heat.tobytes()
    return PictureAnswer(found.model.round, found.model.model_digest, found.label, found.shares, found.kept, heat)


def state_of(predictions: FederationPredictions) -> Health:
    """Return which model answers now; raises as `model`."""
    model = predictions.model()
    return Health(model.round, model.model_digest or NO_DIGEST, 0)


def run_queries(running: RunningQueries, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` gets the address as soon as the server listens."""
    give_memory_back()
    bounds = Bounds(connections=raise_file_limit(Bounds.connections), body_bytes=QUERY_CAP)
    server = Server(running.app, bounds, None, host=host, port=port)
    ready(f"http://{host}:{server.effective_port}")
    try:
        server.run()
    finally:
        server.shut()
        running.models.close()
