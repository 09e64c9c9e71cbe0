"""How OpenMP's threads, on which torch and NumPy compute, share the cores with other processes."""

from __future__ import annotations

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def limit(environment: MutableMapping[str, str], cgroups: Path = CGROUPS) -> None:
    """Set what the user has not set; to be called before torch is imported, which reads it once.

    Threads that wait sleep: spinning takes the core from the thread of another process that they wait for. In
    a container they are no more than the cores it may use, which OpenMP does not know.
    """
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    quota = quota_cores(cgroups)
    if quota is not None and quota < cores():
        environment.setdefault("OMP_NUM_THREADS", str(max(1, math.floor(quota))))


def cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def quota_cores(cgroups: Path = CGROUPS) -> float | None:
    """The limit of cores of this container, by either version of cgroups; None without one."""
    for quota, period in (("cpu.max", None), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            words = (cgroups / quota).read_text(encoding="ascii").split()
            if period is not None:
                words += (cgroups / period).read_text(encoding="ascii").split()
            cores = float(words[0]) / float(words[1])
        except (OSError, ValueError, IndexError, ZeroDivisionError):
            continue  # "max" is no number
        if cores > 0:
            return cores
    return None
