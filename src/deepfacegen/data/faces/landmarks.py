"""Who says where the points of a face are: the detector, at once, or a network (`faces.landmarks: fan68`)
that is asked for many faces together.
 The work on one file is a generator that yields a `LandmarkRequest` wherever it needs points and is sent the answer,
 float32 [5, 2]. So the code reads as if one face followed the other, while a network sees full batches, over
 frames and files; results come in the order of the work.
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
# Pictures of a batch wait in memory; vast ones are not waited for.
BATCH_BYTES = 256_000_000


@dataclass(frozen=True)
class LandmarkRequest:
    """Where are the points of the face in this box of this picture? `points` are the detector's."""

    picture: np.ndarray
    box: np.ndarray
    points: np.ndarray


Work = Generator[LandmarkRequest, np.ndarray, Result]


@dataclass
class _Job:
    work: Work[Any]
    question: LandmarkRequest | None = None
    result: Any = None

    def go_on(self, answer: np.ndarray | None) -> None:
        """To the next question, or to the result."""
        try:
            self.question = next(self.work) if answer is None else self.work.send(answer)
        except StopIteration as end:
            self.question, self.result = None, end.value


def by_detector(work: Work[Result]) -> Result:
    """The result of one piece of work, with the detector's own points."""
    job = _Job(work)
    job.go_on(None)
    while job.question is not None:
        job.go_on(job.question.points)
    result: Result = job.result
    return result


def run_batched(works: Iterable[Work[Result]], landmarks: Landmarks | None) -> Iterator[Result]:
    """The results of all works in order; None: each with the detector's own points, one after the other."""
    if landmarks is None:
        yield from (by_detector(work) for work in works)
        return
    source = iter(works)
    jobs: deque[_Job] = deque()
    while True:
        waiting = [job for job in jobs if job.question is not None]
        bytes_held = sum(_held_bytes(job.question.picture) for job in waiting if job.question is not None)
        while (
            len(waiting) < BATCH_FACES
            and bytes_held < BATCH_BYTES
            and (work := next(source, None)) is not None
        ):
            jobs.append(job := _Job(work))
            job.go_on(None)
            if job.question is not None:
                waiting.append(job)
                bytes_held += _held_bytes(job.question.picture)
        questions = [job.question for job in waiting if job.question is not None]
        if questions:
            found = landmarks(
                [question.picture for question in questions],
                np.stack([question.box for question in questions]),
            )
            for job, points in zip(waiting, found, strict=True):
                job.go_on(points)
        while jobs and jobs[0].question is None:
            yield jobs.popleft().result
        if not jobs and not questions:
            return


def _held_bytes(picture: np.ndarray) -> int:
    """A frame that is a view keeps its whole video in memory."""
    return max(picture.nbytes, picture.base.nbytes if isinstance(picture.base, np.ndarray) else 0)
