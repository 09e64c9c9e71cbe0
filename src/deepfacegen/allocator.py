"""How the C library allocates memory for a stage, which needs the same large arrays over and over."""

from __future__ import annotations

import ctypes
import os

# Options of glibc's mallopt (malloc.h).
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
KEPT = 2**31 - 1  # bytes
AT_ONCE = 64 * 2**20
OWN_MAPPING = 32 * 2**20  # the most that glibc accepts


def keep_freed() -> bool:
    """Keep freed memory for the next array instead of giving it back to the kernel; False where that cannot
    be asked for (no glibc).

    By default glibc maps every large array anew, and the kernel fills its pages with zeros first: a sixth of
    the time of a step of the conditional GAN on a CPU. The process keeps the most that it ever needed. What
    the user has set (MALLOC_... in the environment) stays.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return all(
        mallopt(option, value)
        for option, value in ((MMAP_THRESHOLD, OWN_MAPPING), (TRIM_THRESHOLD, KEPT), (TOP_PAD, AT_ONCE))
    )
