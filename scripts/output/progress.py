"""The progress of a demo in the terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from fl.events import Event, Notify
from fl.protocol.names import shown

STEPS = (
    Event.TRAINED,
    Event.UPDATE_COMMITTED,
    Event.SET_FROZEN,
    Event.MODEL_PROPOSED,
    Event.MODEL_ATTESTED,
    Event.ROUND_FINAL,
)
"""The events that move the bar by one."""
FIGURES = (Event.MODEL_PROPOSED, Event.MODEL_ATTESTED)
"""The events whose facts appear in the line of a finished round."""
TROUBLE = (
    Event.ROUND_ABORTED,
    Event.HOSPITAL_LEFT_OUT,
    Event.MISSING_IN_SET,
    Event.ROUND_REFUSED,
    Event.MODEL_NOT_ATTESTED,
    Event.UPDATES_SUSPECT,
    Event.CALIBRATION_WEAK,
    Event.WAITING,
)
"""The events that are printed with their reason."""
METRICS = ("auroc", "accuracy", "precision", "recall", "specificity", "f1")


class RoundProgress:
    """A bar over all rounds and one line per finished round."""

    def __init__(self, progress: Progress, rounds: int, hospitals: int) -> None:
        self._progress = progress
        self._task = progress.add_task("Waiting for the hospitals", total=rounds * (2 * hospitals + 4))
        self._lock = threading.Lock()
        self._figures: dict[object, dict[str, object]] = {}
        self._started: dict[object, float] = {}

    def of(self, name: str) -> Notify:
        def notify(what: Event, facts: Mapping[str, object]) -> None:
            with self._lock:
                self._on(name, what, facts)

        return notify

    def _on(self, name: str, what: Event, facts: Mapping[str, object]) -> None:
        number = facts.get("round")
        if what == Event.ROUND_OPENED:
            self._started[number] = time.monotonic()
        if what in FIGURES:
            self._figures.setdefault(number, {}).update(facts)
        if what in STEPS:
            self._progress.update(self._task, advance=1, description=f"Round {number}: {name} {what}")
        if what == Event.ROUND_FINAL:
            self._progress.console.print(self._line(number), soft_wrap=True)
        elif what == Event.ALARM:
            line = shown(f"  ALARM in round {number}, {name}: {facts.get('reason')}")
            self._progress.console.print(line, style="bold red", markup=False)
        elif what in TROUBLE and "reason" in facts:
            line = shown(f"  {name}: {what} ({facts.get('reason')})")
            self._progress.console.print(line, style="yellow", markup=False)

    def _line(self, number: object) -> str:
        figures = self._figures.get(number, {})
        metrics = "  ".join(f"{name} {figures[name]:.3f}" for name in METRICS if _is_number(figures.get(name)))
        seconds = time.monotonic() - self._started.get(number, time.monotonic())
        return f"  Round {number} is final after {seconds:.1f} s  {metrics}"


class Console:
    """The demo's terminal."""

    def __init__(self) -> None:
        self._console = RichConsole(highlight=False)

    def title(self, title: str, line: str) -> None:
        self._console.print(f"[bold]{title}[/bold] · {line}")

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def trouble(self, what: Event, facts: Mapping[str, object]) -> None:
        """Print an event only if it has a reason: a notifier for stages without a bar."""
        if "reason" in facts:
            self._console.print(shown(f"  {what} ({facts['reason']})"), style="yellow", markup=False)

    @contextmanager
    def stage(self, name: str, seconds: dict[str, float]) -> Iterator[None]:
        self._console.print(f"[bold cyan]{name}[/bold cyan]")
        start = time.perf_counter()
        yield
        seconds[name] = round(time.perf_counter() - start, 3)

    @contextmanager
    def rounds(self, rounds: int, hospitals: int) -> Iterator[RoundProgress]:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as progress:
            yield RoundProgress(progress, rounds, hospitals)

    def metrics(self, rows: Sequence[Mapping[str, object]]) -> None:
        table = Table(
            "Round", "Phase", *METRICS, box=box.SIMPLE, title="Metrics on held-out images, as the auditor attested them"
        )
        for row in rows:
            figures = row.get("metrics")
            values = figures if isinstance(figures, dict) else {}
            cells = [f"{values[name]:.3f}" if _is_number(values.get(name)) else "-" for name in METRICS]
            table.add_row(str(row["round"]), str(row["phase"]), *cells)
        self._console.print(table)

    def accounts(self, url: str, accounts: Sequence[tuple[str, str]]) -> None:
        """Print the site's address and the accounts that can sign in."""
        table = Table("Account", "Password", box=box.SIMPLE, title=f"The site is at {url} (stop with Ctrl-C)")
        for account, password in accounts:
            table.add_row(account, password)
        self._console.print(table)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
