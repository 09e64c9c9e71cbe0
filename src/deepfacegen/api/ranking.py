"""Photos ranked for a voice, or recordings for a face: read in batches, scored, and the best kept."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfacegen.api import files, photos
from deepfacegen.api.faces import one_thread
from deepfacegen.api.reading import read_batches
from deepfacegen.api.speech import ReadSpeech, read_speech
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.errors import UserError
from deepfacegen.systems.protocol import VoiceFaceMatcher

BATCH = 64


@dataclass(frozen=True)
class Ranked:
    """A file of the gallery and its score."""

    file: Path
    score: float


@dataclass(frozen=True)
class LeftOut:
    """A file of the gallery that cannot be scored, and why."""

    file: Path
    reason: str


def retrieve(
    probe: Path,
    root: Path,
    load: Callable[[], VoiceFaceMatcher],
    *,
    voice_probe: bool,
    top: int,
    workers: int = 1,
    read: ReadSpeech = read_speech,
    passed: PassedOver | None = None,
) -> tuple[list[Ranked], list[LeftOut], int]:
    """Rank the photos below `root` for the voice in `probe` (`voice_probe`), or the recordings for its face.

    Returns the best `top`, what was left out, and how many were scored; other files go to `passed`. Memory
    does not grow with the gallery. Equal scores are in order of their names. Raises UserError for a probe
    that cannot be used, a root that is not a folder or holds no candidates, or a missing model.
    """
    wanted, what = (files.PHOTOS, "photos") if voice_probe else (files.RECORDINGS, "recordings")
    if not root.is_dir():
        problem = "is a file" if root.exists() else "no such folder"
        raise UserError(f"{root}: {problem}; give a folder of {what}")
    gallery = files.find(root, wanted, passed)
    known = read(probe) if voice_probe else photos.read_face(probe)
    system = load()
    best: list[Ranked] = []
    left_out: list[LeftOut] = []
    scored = 0
    # OpenCV's detector is one object; recordings spend their time in ffmpeg and are decoded in parallel.
    reader, threads = (photos.read_face, 1) if voice_probe else (read, workers)
    for batch in read_batches(gallery, lambda file: file, reader, threads, BATCH):
        left_out += [LeftOut(file, item) for file, item in batch if isinstance(item, str)]
        usable = [(file, item) for file, item in batch if not isinstance(item, str)]
        if not usable:
            continue
        items = [item for _, item in usable]
        with one_thread():
            if voice_probe:
                scores = system.score([known], np.stack(items))[0]
            else:
                scores = system.score(items, known[None])[:, 0]
        found = [Ranked(file, float(score)) for (file, _), score in zip(usable, scores, strict=True)]
        scored += len(found)
        best = heapq.nsmallest(top, best + found, key=lambda one: (-one.score, str(one.file)))
    return best, left_out, scored
