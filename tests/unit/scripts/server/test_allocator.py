from __future__ import annotations

import platform
import subprocess
import sys

import pytest

LITTLE_MB = 40
"""Of 160 MB that were freed; as glibc comes, it keeps all."""
KEEPS = """
import sys
from scripts.server.allocator import give_memory_back

def held():
    lines = open("/proc/self/status", encoding="ascii").read().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon:"))) // 1024

if sys.argv[1] == "mended":
    give_memory_back()
b"\\1" * (24 * 2**20)  # glibc learns from it to keep blocks up to this size
before, blocks, pins = held(), [], []
for number in range(20):
    blocks.append(b"\\1" * (8 * 2**20))
    pins.append(bytes(100_000))
del blocks
print(held() - before)
"""


def _kept_mb(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", KEEPS, how], check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings are glibc's")
def test_large_blocks_go_back_to_the_system() -> None:
    assert _kept_mb("mended") < LITTLE_MB
