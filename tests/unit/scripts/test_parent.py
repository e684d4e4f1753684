"""A child process ends with its parent, whatever signals it inherited as ignored."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.demo.demo import demo_config
from scripts.wiring.home import Home

ROOT = Path(__file__).parents[3]
WAITS = """
import sys, time
from scripts.wiring.parent import interrupt_with_parent
interrupt_with_parent()
try:
    print("ready", flush=True)
    while True:
        time.sleep(60)
except KeyboardInterrupt:
    print("in order", flush=True)
"""
READS_UNTIL_IT_ENDS = """
import threading
from scripts.wiring.parent import when_parent_ends
when_parent_ends(lambda: None)
print("ready", flush=True)
"""


def in_the_background(program: str) -> subprocess.Popen[str]:
    """Start a program as a script's `&` does: with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_a_child_that_inherits_an_ignored_interrupt_ends_in_order_when_its_input_ends() -> None:
    child = in_the_background(WAITS)
    said, _ = child.communicate(timeout=60)
    assert (said, child.returncode) == ("in order\n", 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_such_a_child_ends_in_order_by_a_signal(number: signal.Signals) -> None:
    child = in_the_background(WAITS)
    child.send_signal(number)
    assert child.stdout is not None
    assert child.stdout.read() == "in order\n"
    assert child.wait(60) == 0
    child.communicate()


def test_a_process_that_ends_while_its_input_is_open_ends_quietly() -> None:
    child = in_the_background(READS_UNTIL_IT_ENDS)
    assert child.stdout is not None
    assert (child.stdout.read(), child.wait(60)) == ("", 0)
    child.communicate()


def test_nothing_reads_standard_input_through_the_file_whose_lock_ends_python() -> None:
    reading = [path for path in (ROOT / "scripts").rglob("*.py") if "stdin.buffer.read" in path.read_text("utf-8")]
    assert reading == []


def test_the_mails_of_a_demo_name_the_port_that_it_listens_on(tmp_path: Path) -> None:
    assert demo_config(Home(tmp_path), 8765, None).address == "http://127.0.0.1:8765"
