"""Films through ffmpeg: frames as a viewer shows them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deepfacegen.data import media

# Display shapes further from the coded ones are mistakes of the file.
MOST_PIXEL_ASPECT = 8.0


def video_frames(
    path: str | Path, fps: float, *, max_frames: int = 64, max_side_px: int = 640, timeout_seconds: float = media.TIMEOUT_SECONDS
) -> np.ndarray:
    """Frames at `fps`, the first in the middle of its interval: uint8 RGB [N, H, W, 3], upright, as they are displayed.

    The longest side has at most `max_side_px`. A film that ends before the middle of the first interval gives its first frame. The cover
    of a sound file is no film.
    Raises MediaError (corrupt, no_video) when no frame can be decoded.
    """
    aspect = f"if(between(sar,{1 / MOST_PIXEL_ASPECT},{MOST_PIXEL_ASPECT}),sar,1)"
    width, height = f"iw*max(1,{aspect})", f"ih/min(1,{aspect})"  # as displayed, with no line or column lost
    shrunk = f"min(1,min({max_side_px}/({width}),{max_side_px}/({height})))"
    size = {"w": f"max(1,floor({width}*{shrunk}+0.5))", "h": f"max(1,floor({height}*{shrunk}+0.5))"}
    film = media.source(path)["V:0"]
    for timed, most in ((film.filter("fps", fps=fps, round="near"), max_frames), (film, 1)):
        out = timed.filter("scale", flags="area", **size).output("pipe:", format="image2pipe", vcodec="ppm", pix_fmt="rgb24", vframes=most)
        data, errors = media.run(out, path, timeout_seconds)
        if header := re.match(rb"P6\s(\d+)\s(\d+)\s255\s", data):
            width_px, height_px = (int(number) for number in header.groups())
            pictures = np.frombuffer(data, dtype=np.uint8)
            size_bytes = header.end() + width_px * height_px * 3
            pictures = pictures[: len(pictures) // size_bytes * size_bytes].reshape(-1, size_bytes)
            return pictures[:, header.end() :].reshape(-1, height_px, width_px, 3)
        if media.lacks(path, "video"):
            raise media.MediaError(path, "no_video")
    raise media.MediaError(path, "corrupt", errors)
