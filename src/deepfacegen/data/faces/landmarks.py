"""The points of a face, from the detector, or from a network (`faces.landmarks: fan68`) that takes many faces
per call.

The work on one file is a generator that yields a `LandmarkRequest` wherever it needs points and is sent them,
float32 [5, 2]. So its code handles one face after the other, while a network gets full batches over frames
and files. Results come in the order of the work.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")
# Pictures uint8 RGB [H, W, 3], one face each, and its box in each, float32 [N, 4] (x, y, width, height) ->
# float32 [N, 5, 2], as in `align`.
Landmarks = Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]
BATCH_FACES = 64
# Pictures of a batch wait in memory; a batch of vast ones is smaller.
BATCH_BYTES = 256_000_000


@dataclass(frozen=True)
class LandmarkRequest:
    """A picture and the box of one face in it; `points` are the detector's."""

    picture: np.ndarray
    box: np.ndarray
    points: np.ndarray


Work = Generator[LandmarkRequest, np.ndarray, Result]


class _Job:
    """A piece of work, which waits for `request` or has its `result`."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.request: LandmarkRequest | None = None
        self.result: Any = None
        self.resume(None)

    def resume(self, points: np.ndarray | None) -> None:
        """Run to the next request, or to the result."""
        try:
            self.request = next(self.work) if points is None else self.work.send(points)
        except StopIteration as end:
            self.request, self.result = None, end.value


def by_detector(work: Work[Result]) -> Result:
    """The result of one piece of work, with the detector's own points."""
    job = _Job(work)
    while job.request is not None:
        job.resume(job.request.points)
    result: Result = job.result
    return result


def run_batched(works: Iterable[Work[Result]], landmarks: Landmarks | None) -> Iterator[Result]:
    """The results of all works in order; None: each with the detector's own points, one after the other."""
    if landmarks is None:
        yield from map(by_detector, works)
        return
    source = iter(works)
    jobs: deque[_Job] = deque()
    while True:
        requests = [job.request for job in jobs if job.request is not None]
        held = sum(_held_bytes(request.picture) for request in requests)
        while len(requests) < BATCH_FACES and held < BATCH_BYTES and (work := next(source, None)) is not None:
            jobs.append(job := _Job(work))
            if job.request is not None:
                requests.append(job.request)
                held += _held_bytes(job.request.picture)
        if requests:
            waiting = [job for job in jobs if job.request is not None]
            pictures, boxes = [request.picture for request in requests], [request.box for request in requests]
            for job, points in zip(waiting, landmarks(pictures, np.stack(boxes)), strict=True):
                job.resume(points)
        while jobs and jobs[0].request is None:
            yield jobs.popleft().result
        if not jobs and not requests:
            return


def _held_bytes(picture: np.ndarray) -> int:
    """A frame that is a view keeps its whole video in memory."""
    return max(picture.nbytes, picture.base.nbytes if isinstance(picture.base, np.ndarray) else 0)
