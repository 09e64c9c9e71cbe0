"""What a process does with the memory of arrays that it has freed."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

RESIDENT = """
from pathlib import Path
from deepfacegen import allocator
if {keeps}:
    assert allocator.keep_freed()
pages = lambda: int(Path("/proc/self/statm").read_text().split()[1])
before = pages()
arrays = [bytearray(b"x") * 3_000_000 for _ in range(20)]
del arrays
print((pages() - before) * 4096)
"""
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc")


def resident_bytes(keeps: bool) -> int:
    """What a process still holds of twenty freed arrays of 3 MB."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", RESIDENT.format(keeps=keeps)]
    return int(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def test_freed_arrays_leave_their_memory_for_the_next() -> None:
    assert resident_bytes(keeps=True) > 55_000_000
    assert resident_bytes(keeps=False) < 15_000_000


def test_what_the_user_has_set_stays() -> None:
    command = [sys.executable, "-c", "from deepfacegen import allocator; print(allocator.keep_freed())"]
    environment = {**os.environ, "MALLOC_TRIM_THRESHOLD_": "131072"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
