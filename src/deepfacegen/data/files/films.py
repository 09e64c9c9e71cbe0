"""Films through ffmpeg: frames as a viewer displays them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from deepfacegen.data.files import media

# Display shapes further from the coded ones are mistakes of the file.
MOST_PIXEL_ASPECT = 8.0
# ffmpeg's message where a film goes on in another size, such as a call whose camera was turned.
CHANGED = "Reconfiguring filter graph because video parameters changed"


def video_frames(
    path: str | Path,
    fps: float,
    *,
    max_frames: int = 64,
    max_side_px: int = 640,
    timeout_seconds: float = media.TIMEOUT_SECONDS,
) -> np.ndarray:
    """Frames at `fps`, the first in the middle of its interval: uint8 RGB [N, H, W, 3], upright, as they are
    displayed.

    The longest side has at most `max_side_px`. A film that ends before the middle of the first interval gives
    its first frame. Where the size changes, later pictures are fitted into the first one's, on black. The
    cover of a sound file is no film. Raises MediaError (corrupt, no_video) when no frame can be decoded.
    """
    film = media.source(path, loglevel="level+info")["V:0"]
    timed = film.filter("fps", fps=fps, round="near")
    messages: list[str] = []
    for stream, most in ((timed, max_frames), (film, 1)):
        scaled = _scaled(stream, max_side_px, max_side_px, grow=False)
        frames, messages = _frames(scaled, path, most, timeout_seconds)
        if len(frames) and any(CHANGED in line for line in messages):
            # The first size was forced upon all that follow: once more, with room around them.
            height, width = frames.shape[1:3]
            fitted = _scaled(stream, width, height, grow=True)
            fitted = fitted.filter("pad", width, height, "(ow-iw)/2", "(oh-ih)/2")
            frames, messages = _frames(fitted, path, most, timeout_seconds)
        if len(frames):
            return frames
        if media.lacks(path, "video"):
            raise media.MediaError(path, "no_video")
    raise media.MediaError(path, "corrupt", media.last_error(messages))


def _scaled(stream: Any, width_px: int, height_px: int, *, grow: bool) -> Any:
    """Scaled to the display shape, into a box; `grow`: smaller pictures fill as much of it as they can."""
    aspect = f"if(between(sar,{1 / MOST_PIXEL_ASPECT},{MOST_PIXEL_ASPECT}),sar,1)"
    width, height = f"iw*max(1,{aspect})", f"ih/min(1,{aspect})"  # with no line or column lost
    scale = f"min({width_px}/({width}),{height_px}/({height}))"
    scale = scale if grow else f"min(1,{scale})"
    width, height = (f"max(1,floor({side}*{scale}+0.5))" for side in (width, height))
    return stream.filter("scale", flags="area", w=width, h=height)


def _frames(stream: Any, path: str | Path, most: int, timeout_seconds: float) -> tuple[np.ndarray, list[str]]:
    """The frames of a stream, uint8 [N, H, W, 3], and ffmpeg's messages."""
    out = stream.output("pipe:", format="image2pipe", vcodec="ppm", pix_fmt="rgb24", vframes=most)
    data, messages, _ = media.run(out, path, timeout_seconds)
    header = re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data)
    if header is None:
        return np.empty((0, 0, 0, 3), dtype=np.uint8), messages
    width, height = (int(number) for number in header.groups())
    size = header.end() + width * height * 3
    frames = np.frombuffer(data, dtype=np.uint8)[: len(data) // size * size].reshape(-1, size)
    return frames[:, header.end() :].reshape(-1, height, width, 3), messages
