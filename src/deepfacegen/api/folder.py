"""A folder of recordings to a folder of faces: decoded on all cores, generated in batches, resumable."""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from deepfacegen.api import files
from deepfacegen.api.faces import face_files, fitting_name, write_faces
from deepfacegen.api.reading import read_batches
from deepfacegen.api.results import PASSED_OVER, RESULTS, Result, append_results, read_results, write_results
from deepfacegen.api.speech import ReadSpeech, read_speech
from deepfacegen.data.files import file_names
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.errors import UserError, utf8
from deepfacegen.systems.protocol import FaceGenerator

# Names that a file system cannot hold: too long, or with bytes or characters that it does not allow.
BAD_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
BATCH = 32


@dataclass(frozen=True)
class Job:
    recording: Path
    name: str
    files: tuple[Path, ...]
    made_from: str


@dataclass(frozen=True)
class Tally:
    """What a run over a folder did: ok + rejected = recordings. Other files are passed over, by reason."""

    recordings: int
    already_done: int
    ok: int
    rejected: int
    passed_over: dict[str, int] = field(default_factory=dict)


def model_digest(models: Path, size_px: int | None = None) -> str:
    """Digest of voice encoder and generator; for enlarged faces also of size and refiner."""
    digest = hashlib.sha256()
    for name in ("voice", "cgan") if size_px is None else ("voice", "cgan", "cyclegan"):
        for path in sorted((models / name).glob("*.*")):
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest() if size_px is None else f"{digest.hexdigest()} {size_px} px"


def plan(recordings: list[Path], source: Path, target: Path, *, count: int, settings: str) -> list[Job]:
    """Files of each recording's faces: its subfolder and name, with its suffix if that alone is unique."""
    # Some file systems do not distinguish Talk.png from talk.png.
    stems = Counter(str(path.with_suffix("")).casefold() for path in recordings)
    names = [
        path.name if stems[str(path.with_suffix("")).casefold()] > 1 else path.stem for path in recordings
    ]
    faces = {str(path.with_name(name)).casefold() for path, name in zip(recordings, names, strict=True)}
    if len(faces) < len(recordings):  # a.wav, a.mp3 and a.wav.mp3
        names = [path.name for path in recordings]
    jobs, most_bytes = [], file_names.longest(target)
    for path, name in zip(recordings, names, strict=True):
        inside = path.relative_to(source)
        stat = path.stat() if path.exists() else path.lstat()
        stamp = f"{stat.st_size} {stat.st_mtime_ns} {settings}"
        face = fitting_name(target / inside.with_name(f"{name}.png"), count, most_bytes)
        made_from = hashlib.sha256(stamp.encode()).hexdigest()[:16]
        jobs.append(Job(path, utf8(inside.as_posix()), tuple(face_files(face, count)), made_from))
    return jobs


def is_finished(job: Job, earlier: Result | None) -> bool:
    """Done before with the same recording, model and settings, and its faces are still there."""
    return (
        earlier is not None
        and earlier.made_from == job.made_from
        and (earlier.status != "ok" or all(file.is_file() for file in job.files))
    )


def generate_folder(
    source: Path,
    target: Path,
    load: Callable[[], FaceGenerator],
    *,
    count: int,
    seed: int,
    model: str,
    workers: int = 1,
    read: ReadSpeech = read_speech,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Tally:
    """Generate `count` faces for every recording below `source`, with a row for each in `target`/results.csv.

    Recordings finished by an earlier run with the same `model` (a digest) are skipped. A bad recording
    becomes a row with its reason. `load` is called only if something is left to do; `advance(done, total)`
    follows every batch. Raises UserError if there are no recordings or the target is not a folder.
    """
    passed = PassedOver()
    recordings = files.find(source, files.RECORDINGS, passed, target, (RESULTS, PASSED_OVER))
    jobs = plan(recordings, source, target, count=count, settings=f"{model} {count} {seed}")
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
        for batch in read_batches(waiting, lambda job: job.recording, read, workers, BATCH):
            rows = _generate(batch, system, target, count, seed)
            append_results(table, rows)
            results.update({row.recording: row for row in rows})
            advance(len(results) - skipped, len(waiting))
    write_results(table, (results[job.name] for job in jobs))
    passed.write(target / PASSED_OVER)
    ok = sum(result.status == "ok" for result in results.values())
    return Tally(len(jobs), skipped, ok, len(jobs) - ok, dict(sorted(passed.counts.items())))


def _generate(
    batch: list[tuple[Job, np.ndarray | str]], system: FaceGenerator, target: Path, count: int, seed: int
) -> list[Result]:
    voices = [speech for _, speech in batch if not isinstance(speech, str)]
    faces = iter(system.generate(voices, count, seed)) if voices else iter(())
    rows = []
    for job, speech in batch:
        why = speech if isinstance(speech, str) else _write(job, next(faces))
        if isinstance(speech, str) or why:
            rows.append(Result(job.name, "rejected", " ".join(why.split()), "", "", job.made_from))
            continue
        names = ";".join(utf8(file.relative_to(target).as_posix()) for file in job.files)
        rows.append(Result(job.name, "ok", "", f"{len(speech) / SAMPLE_RATE_HZ:.2f}", names, job.made_from))
    return rows


def _write(job: Job, faces: np.ndarray) -> str:
    """Write a recording's faces; returns why their names cannot be used here, or nothing.

    Raises OSError for what affects all recordings, such as a full disk.
    """
    try:
        write_faces(job.files, faces)
    except OSError as error:
        if error.errno not in BAD_NAME:
            raise
        return f"its face cannot be named so here: {error.strerror}"
    return ""
