"""The process that decodes one upload: limits itself first, then writes samples to standard output, or why
there are none to standard error.
 python -m deepfacegen.api.uploads_decoder FILE MAX_SECONDS TIMEOUT_SECONDS MEMORY_BYTES [TRACK or
 TRACK:CHANNEL or others]

With `others` it lists, as JSON, the tracks of the file and what of them may be decoded.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sys
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepfacegen.data.audio.tracks import Others, View

FAILED = 3  # exit code with a reason of data.media's as the only word on standard error
OTHERS = "others"


def limit(timeout_seconds: float, memory_bytes: int) -> None:
    """Bound this process and those it starts: computing time, address space; no file is written, no memory
    dumped.

    A limit that the system does not know (macOS: address space) is left out; the parent's clock holds
    everywhere.
    """
    seconds = math.ceil(timeout_seconds) + 1
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in wanted.items():
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (allowed, allowed))


def word_for(view: View) -> str:
    """A view as the command line has it."""
    return f"{view.track or 0}" if view.channel is None else f"{view.track or 0}:{view.channel}"


def read_others(written: bytes) -> Others:
    """What `main` wrote of other tracks and channels."""
    from deepfacegen.data.audio.tracks import Others, View
    from deepfacegen.data.files.media import Track

    found = json.loads(written)
    return Others(tuple(Track(*one) for one in found["tracks"]), tuple(View(*one) for one in found["views"]))


def main(path: str, max_seconds: str, timeout_seconds: str, memory_bytes: str, wanted: str = "") -> int:
    limit(float(timeout_seconds), int(memory_bytes))
    from deepfacegen.data.files.media import MediaError, decode_audio  # under the limits, for it loads libav

    try:
        if wanted == OTHERS:
            from deepfacegen.data.audio.tracks import others_in

            found = others_in(Path(path), float(max_seconds))
            listed = {
                "tracks": [astuple(track) for track in found.tracks],
                "views": [astuple(view) for view in found.views],
            }
            sys.stdout.write(json.dumps(listed))
            return 0
        track, _, channel = wanted.partition(":")
        samples = decode_audio(
            Path(path),
            max_seconds=float(max_seconds),
            timeout_seconds=float(timeout_seconds),
            track=int(track) if track else None,
            channel=int(channel) if channel else None,
        )
    except MediaError as error:
        sys.stderr.write(error.reason)
        return FAILED
    sys.stdout.buffer.write(samples.astype("<i2", copy=False).tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
