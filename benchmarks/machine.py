"""The machine that a benchmark ran on, as its results record it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any


def machine(*packages: str, load: float | None = None) -> dict[str, Any]:
    """Processor, cores, Python, the versions of `packages`, and the load average at the start, which is above
    0 where others were using the cores, too."""
    found = {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }
    return found if load is None else {**found, "load_average_at_start": round(load, 2)}
