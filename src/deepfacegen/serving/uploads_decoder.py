"""The process that decodes one upload: limits itself first, then writes samples to standard output, or why there are none to standard error.

python -m deepfacegen.serving.uploads_decoder FILE MAX_SECONDS TIMEOUT_SECONDS MEMORY_BYTES
"""

from __future__ import annotations

import contextlib
import math
import resource
import sys
from pathlib import Path

FAILED = 3  # exit code with a reason of data.media's as the only word on standard error


def limit(timeout_seconds: float, memory_bytes: int) -> None:
    """Bound this process and those it starts: computing time, address space; no file is written, no memory dumped.

    A limit that the system does not know (macOS: address space) is left out; the parent's clock holds everywhere.
    """
    seconds = math.ceil(timeout_seconds) + 1
    wanted = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_AS: memory_bytes, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for kind, most in wanted.items():
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (allowed, allowed))


def main(path: str, max_seconds: str, timeout_seconds: str, memory_bytes: str) -> int:
    limit(float(timeout_seconds), int(memory_bytes))
    from deepfacegen.data.media import MediaError, decode_audio  # under the limits, for it loads libav

    try:
        samples = decode_audio(Path(path), max_seconds=float(max_seconds), timeout_seconds=float(timeout_seconds))
    except MediaError as error:
        sys.stderr.write(error.reason)
        return FAILED
    sys.stdout.buffer.write(samples.astype("<i2", copy=False).tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
