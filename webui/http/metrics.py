"""Figures of the running site for Prometheus.

Invariant: no figure names a person, a record or an address. Labels come from the site's own tables (endpoints, methods,
statuses, names of errors), so their number is bounded.

Source: Prometheus, "Exposition formats" and "Metric and label naming".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from typing import ParamSpec, TypeVar

from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select

from fl.protocol.errors import HemaledgerError
from webui.http.machines import code_of
from webui.http.readiness import OK, readiness
from webui.site import Site, site
from webui.store.base import Base

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
EXTENSION = "hemaledger-metrics"
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NO_ENDPOINT = "none"
"""The label of a request to an address that does not exist."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
PARTS = ("database", "chain", "vault", "model")


class Metrics:
    """The figures of one application."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter("hemaledger_requests", "Requests.", ("method", "endpoint", "status"), registry=registry)
        self.seconds = Histogram(
            "hemaledger_request_seconds", "Seconds per request.", ("endpoint",), registry=registry, buckets=BUCKETS_S
        )
        self.predictions = Counter(
            "hemaledger_predictions", "Pictures that were sent to be checked.", ("outcome",), registry=registry
        )
        self.busy = Gauge(
            "hemaledger_busy", "Requests inside or waiting, by kind of work.", ("work",), registry=registry
        )
        self.parts = Gauge("hemaledger_part_ok", "1 if the part answers.", ("part",), registry=registry)
        self.model_checked = Gauge(
            "hemaledger_model_checked_timestamp_seconds", "When the ledger last confirmed the model.", registry=registry
        )
        self.mail = Gauge("hemaledger_mail_waiting", "Mails that wait to be sent.", registry=registry)

    def text(self, running: Site) -> bytes:
        """Return all figures in Prometheus' format; those of the moment are looked up now."""
        for work, door in running.doors.named().items():
            self.busy.labels(work).set(door.busy)
        state = readiness(running)
        for part in PARTS:
            self.parts.labels(part).set(getattr(state, part) == OK)
        self.model_checked.set(state.checked_at or 0)
        if state.database == OK:
            self.mail.set(_mail_waiting(running))
        return generate_latest(self.registry)


def init_metrics(app: Flask, timer: Callable[[], float]) -> None:
    """Count every request; `timer` returns seconds that only grow."""
    figures = app.extensions[EXTENSION] = Metrics()

    def count(response: Response) -> Response:
        endpoint = request.endpoint or NO_ENDPOINT
        method = request.method if request.method in METHODS else "other"
        figures.requests.labels(method, endpoint, response.status_code).inc()
        if "begun" in g:
            figures.seconds.labels(endpoint).observe(timer() - g.begun)
        return response

    app.after_request(count)


def figures() -> Metrics:
    found = current_app.extensions[EXTENSION]
    if not isinstance(found, Metrics):
        raise TypeError("this application was not made by create_app")
    return found


def counted(check: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Count how each check of a picture ends: `answered`, or the name of the error."""

    @wraps(check)
    def counting(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            result = check(*args, **kwargs)
        except HemaledgerError as error:
            figures().predictions.labels(code_of(error.name)).inc()
            raise
        figures().predictions.labels("answered").inc()
        return result

    return counting


def from_this_machine() -> bool:
    """Return whether the request comes from this machine itself.

    Behind a proxy everybody may seem to come from here, so then the answer is no.
    """
    if site().config.secure_cookies:
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def _mail_waiting(running: Site) -> int:
    table = Base.metadata.tables.get("mail")
    if table is None:
        return 0
    with running.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table).where(table.c.next_at.is_not(None))) or 0
