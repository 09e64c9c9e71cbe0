"""Photos ranked for a voice, recordings for a face: read by the batch, scored, and the best kept."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfacegen import stopping
from deepfacegen.api import photos
from deepfacegen.api.predictor import Listen, listen, one_thread
from deepfacegen.cli import folder
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.errors import UserError, reason
from deepfacegen.systems.protocol import VoiceFaceMatcher

BATCH = 64


@dataclass(frozen=True)
class Ranked:
    """A candidate and its score."""

    file: Path
    score: float


@dataclass(frozen=True)
class LeftOut:
    """A candidate that cannot be scored, and why."""

    file: Path
    reason: str


def retrieve(
    probe: Path,
    root: Path,
    load: Callable[[], VoiceFaceMatcher],
    *,
    hears: bool,
    top: int,
    workers: int = 1,
    listen: Listen = listen,
    passed: PassedOver | None = None,
) -> tuple[list[Ranked], list[LeftOut], int]:
    """Rank the photos below `root` for the voice in `probe` (`hears`), or the recordings for its face.

    Returns the best `top`, what was left out, and how many were scored; files that are none of either go to
    `passed`.

    Candidates are read and scored by the batch, so that memory does not grow with their number. Equal scores
    are in order of their names. Raises UserError for a probe that cannot be used, a root that is no folder or
    holds no candidates, a missing model.
    """
    if not root.is_dir():
        raise UserError(
            f"{root}: {'is a file' if root.exists() else 'no such folder'}; give a folder of {'photos' if hears else 'recordings'}"
        )
    files = photos.find(root, passed) if hears else folder.find(root, passed)
    known = listen(probe) if hears else photos.look(probe)
    system = load()
    left_out: list[LeftOut] = []
    best: list[Ranked] = []
    scored = 0
    # OpenCV's detector is one object; recordings spend their time in ffmpeg, and are decoded side by side.
    for batch, read in _batches(files, photos.look if hears else listen, 1 if hears else workers):
        left_out += [
            LeftOut(file, item) for file, item in zip(batch, read, strict=True) if isinstance(item, str)
        ]
        usable = [(file, item) for file, item in zip(batch, read, strict=True) if not isinstance(item, str)]
        if usable:
            items = [item for _, item in usable]
            with one_thread():
                scores = (
                    system.score([known], np.stack(items))[0]
                    if hears
                    else system.score(items, known[None])[:, 0]
                )
            found = best + [
                Ranked(file, float(score)) for (file, _), score in zip(usable, scores, strict=True)
            ]
            scored += len(usable)
            best = heapq.nsmallest(top, found, key=lambda one: (-one.score, str(one.file)))
    return best, left_out, scored


def _batches(
    files: list[Path], read: Callable[[Path], np.ndarray], workers: int
) -> Iterator[tuple[list[Path], list[np.ndarray | str]]]:
    """Files by the batch, with what is read from each, or the reason why not."""

    def attempt(file: Path) -> np.ndarray | str:
        try:
            return read(file)
        except (UserError, OSError) as error:
            return reason(error, file)

    with ThreadPoolExecutor(workers, initializer=stopping.shield) as pool:
        for first in range(0, len(files), BATCH):
            batch = files[first : first + BATCH]
            yield batch, list(pool.map(attempt, batch))
