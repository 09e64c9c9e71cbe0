"""A folder of recordings to a folder of faces: decoded on all cores, drawn in batches, resumable after an
interruption."""

from __future__ import annotations

import csv
import errno
import hashlib
import itertools
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path

import numpy as np

from deepfacegen import stopping
from deepfacegen.api import finding
from deepfacegen.api.predictor import Listen, face_files, listen, write_faces
from deepfacegen.data.files import file_names
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.errors import UserError, reason, utf8
from deepfacegen.systems.protocol import FaceGenerator

RESULTS, PASSED_OVER = "results.csv", "passed_over.csv"
# Names that a file system cannot hold: too long, or bytes or signs that it does not allow.
BAD_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
BATCH = 32


@dataclass(frozen=True)
class Result:
    """One row of results.csv: what became of one recording."""

    recording: str  # posix path relative to the folder of recordings; bytes that are not UTF-8 are escaped
    status: str  # ok, rejected
    reason: str  # why not, if rejected
    speech_seconds: str
    faces: str  # file names relative to the folder of faces, joined by ';'
    # digest of the recording's size and time, the model, the count, the seed, and the size of the faces if
    # one was asked for
    made_from: str


@dataclass(frozen=True)
class Job:
    recording: Path
    name: str
    files: tuple[Path, ...]
    made_from: str


@dataclass(frozen=True)
class Tally:
    """What a run over a folder did: ok + rejected = recordings; what else lies in the folder is passed over,
    by reason."""

    recordings: int
    already_done: int
    ok: int
    rejected: int
    passed_over: dict[str, int] = field(default_factory=dict)


def find(root: Path, passed: PassedOver | None = None, target: Path | None = None) -> list[Path]:
    """Recordings below a folder, in a fixed order; the rest goes to `passed`, without what lies in `target`.
    Raises UserError if there are none."""
    return finding.find(
        root, finding.RECORDINGS, PassedOver() if passed is None else passed, target, (RESULTS, PASSED_OVER)
    )


def model_digest(models: Path, size_px: int | None = None) -> str:
    """Changes when the trained voice encoder or generator changes; for faces that are drawn larger, also with
    their size and the refiner."""
    digest = hashlib.sha256()
    for name in ("voice", "cgan") if size_px is None else ("voice", "cgan", "cyclegan"):
        for path in sorted((models / name).glob("*.*")):
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest() if size_px is None else f"{digest.hexdigest()} {size_px} px"


def plan(recordings: list[Path], source: Path, target: Path, *, count: int, drawn_with: str) -> list[Job]:
    """Where each recording's faces go: the same subfolder and name; with its suffix kept if two recordings
    differ only in that."""
    # Some file systems take Talk.png and talk.png for one.
    stems = Counter(str(path.with_suffix("")).casefold() for path in recordings)
    names = [
        path.name if stems[str(path.with_suffix("")).casefold()] > 1 else path.stem for path in recordings
    ]
    faces = {str(path.with_name(name)).casefold() for path, name in zip(recordings, names, strict=True)}
    if len(faces) < len(recordings):  # a.wav, a.mp3 and a.wav.mp3
        names = [path.name for path in recordings]
    jobs, most = [], file_names.longest(target)
    room = 0 if count == 1 else len(f"-{count}")
    for path, name in zip(recordings, names, strict=True):
        inside = path.relative_to(source)
        stat = path.stat() if path.exists() else path.lstat()
        stamp = f"{stat.st_size} {stat.st_mtime_ns} {drawn_with}"
        files = face_files(file_names.fitting(target / inside.with_name(f"{name}.png"), most, room), count)
        jobs.append(
            Job(path, utf8(inside.as_posix()), tuple(files), hashlib.sha256(stamp.encode()).hexdigest()[:16])
        )
    return jobs


def read_results(path: Path) -> dict[str, Result]:
    """Recording -> row. A row that was cut off by an interruption is left out. Raises UserError for a table
    that is not ours."""
    if not path.exists():
        return {}
    header = [column.name for column in fields(Result)]
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        rows = csv.reader(stream)
        if next(rows, header) != header:
            raise UserError(
                f"{path}: not written by deepfacegen; move it away or choose another folder for the faces"
            )
        whole = [Result(*row) for row in rows if len(row) == len(header) and len(row[-1]) == 16]
    return {row.recording: row for row in whole}


def write_results(path: Path, results: Iterable[Result]) -> None:
    """Replace the table at once."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([column.name for column in fields(Result)])
        writer.writerows(astuple(result) for result in results)
    os.replace(partial, path)


def is_finished(job: Job, earlier: Result | None) -> bool:
    """Drawn (or rejected) before, from the same recording with the same model and settings, and the faces are
    still there."""
    return (
        earlier is not None
        and earlier.made_from == job.made_from
        and (earlier.status != "ok" or all(file.is_file() for file in job.files))
    )


def draw_folder(
    source: Path,
    target: Path,
    load: Callable[[], FaceGenerator],
    *,
    count: int,
    seed: int,
    drawn_with: str,
    workers: int = 1,
    listen: Listen = listen,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Tally:
    """Draw `count` faces for every recording below `source` and account for each in `target`/results.csv.

    Recordings finished by an earlier run are skipped. A bad recording becomes a row with its reason. `load`
    is called only if something is left to draw; `advance(done, total)` follows every batch. Raises UserError
    if there are no recordings or the target is no folder.
    """
    passed = PassedOver()
    jobs = plan(
        find(source, passed, target), source, target, count=count, drawn_with=f"{drawn_with} {count} {seed}"
    )
    if target.exists() and not target.is_dir():
        raise UserError(f"{target}: is a file; give a folder for the faces of a folder of recordings")
    target.mkdir(parents=True, exist_ok=True)
    table = target / RESULTS
    earlier = read_results(table)
    results = {job.name: earlier[job.name] for job in jobs if is_finished(job, earlier.get(job.name))}
    waiting = [job for job in jobs if job.name not in results]
    skipped = len(results)
    if waiting:
        system = load()
        write_results(table, results.values())
        with table.open("a", encoding="utf-8", errors="backslashreplace", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            for batch in _batches(waiting, workers, listen):
                rows = _draw(batch, system, target, count, seed)
                writer.writerows(astuple(row) for row in rows)
                stream.flush()
                results.update({row.recording: row for row in rows})
                advance(len(results) - skipped, len(waiting))
    write_results(table, (results[job.name] for job in jobs))
    passed.write(target / PASSED_OVER)
    ok = sum(result.status == "ok" for result in results.values())
    return Tally(len(jobs), skipped, ok, len(jobs) - ok, dict(sorted(passed.counts.items())))


def _batches(jobs: list[Job], workers: int, listen: Listen) -> Iterator[list[tuple[Job, np.ndarray | str]]]:
    """Speech, or the reason why there is none, of each job in order.

    Decoding runs ahead while a batch is being drawn, but no further than two batches, so a million recordings
    need no more memory than a hundred. Threads are enough: ffmpeg is a process of its own, and the speech
    detector lets go of the interpreter while it computes.
    """
    with ThreadPoolExecutor(workers, initializer=stopping.shield) as pool:
        ahead: deque[tuple[Job, Future[np.ndarray | str]]] = deque()
        batch = []
        waiting = iter(jobs)
        try:
            while True:
                for job in itertools.islice(waiting, 2 * BATCH + workers - len(ahead)):
                    ahead.append((job, pool.submit(_hear, job.recording, listen)))
                if not ahead:
                    break
                job, heard = ahead.popleft()
                batch.append((job, heard.result()))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
            if batch:
                yield batch
        finally:
            pool.shutdown(cancel_futures=True)


def _hear(recording: Path, listen: Listen) -> np.ndarray | str:
    try:
        return listen(recording)
    except (UserError, OSError) as error:
        return reason(error, recording)


def _draw(
    batch: list[tuple[Job, np.ndarray | str]], system: FaceGenerator, target: Path, count: int, seed: int
) -> list[Result]:
    heard = [(job, speech) for job, speech in batch if not isinstance(speech, str)]
    drawn = (
        dict(
            zip(
                (job for job, _ in heard),
                system.generate([speech for _, speech in heard], count, seed),
                strict=True,
            )
        )
        if heard
        else {}
    )
    rows = []
    for job, speech in batch:
        why = speech if isinstance(speech, str) else _write(job, drawn[job])
        if isinstance(speech, str) or why:
            rows.append(Result(job.name, "rejected", " ".join(why.split()), "", "", job.made_from))
            continue
        names = ";".join(utf8(file.relative_to(target).as_posix()) for file in job.files)
        rows.append(Result(job.name, "ok", "", f"{len(speech) / SAMPLE_RATE_HZ:.2f}", names, job.made_from))
    return rows


def _write(job: Job, faces: np.ndarray) -> str:
    """Nothing, or why the names of a recording's faces cannot be. Raises OSError for what hinders all of
    them, such as a full disk."""
    try:
        write_faces(job.files, faces)
    except OSError as error:
        if error.errno not in BAD_NAME:
            raise
        return f"its face cannot be named so here: {error.strerror}"
    return ""
