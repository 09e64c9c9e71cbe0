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
from deepfacegen.api.voice_report import ReadyGenerator, VoiceReport
from deepfacegen.data.files import file_names, kinds
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.errors import UserError, utf8
from deepfacegen.release import traits

# Names that a file system cannot hold: too long, or with bytes or characters that it does not allow.
BAD_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
BATCH = 32
Estimates = tuple[str, str, str, str, str]
NO_ESTIMATES: Estimates = ("", "", "", "", "")


@dataclass(frozen=True)
class Job:
    recording: Path
    name: str
    files: tuple[Path, ...]
    made_from: str


@dataclass(frozen=True)
class Tally:
    """What a run over a folder did: ok + rejected = recordings. Other files are passed over, by reason.
    `unfamiliar`: how many voices of those that are ok training had hardly any like."""

    recordings: int
    already_done: int
    ok: int
    rejected: int
    passed_over: dict[str, int] = field(default_factory=dict)
    unfamiliar: int = 0


def model_digest(models: Path, readouts: Path | None = None) -> str:
    """Digest of voice encoder and generator, and of the file with the readouts, if there is one."""
    digest = hashlib.sha256()
    for path in [*sorted(models.glob("voice/*.*")), *sorted(models.glob("cgan/*.*")), readouts]:
        if path is not None:
            digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


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
    load: Callable[[], ReadyGenerator],
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
    follows every batch. Raises UserError if there are no recordings, or the target is not a folder or named
    like a picture.
    """
    passed = PassedOver()
    recordings = files.find(source, files.RECORDINGS, passed, target, (RESULTS, PASSED_OVER))
    jobs = plan(recordings, source, target, count=count, settings=f"{model} {count} {seed}")
    if kinds.by_suffix(target.name) == "photo" and not target.exists():
        raise UserError(f"{target}: {source} is a folder; give a folder for its faces, not a picture's name")
    if target.exists() and not target.is_dir():
        raise UserError(f"{target}: is a file; give a folder for the faces of a folder of recordings")
    target.mkdir(parents=True, exist_ok=True)
    table = target / RESULTS
    earlier = read_results(table)
    results = {job.name: earlier[job.name] for job in jobs if is_finished(job, earlier.get(job.name))}
    waiting = [job for job in jobs if job.name not in results]
    skipped = len(results)
    if waiting:
        generator = load()
        write_results(table, results.values())
        for batch in read_batches(waiting, lambda job: job.recording, read, workers, BATCH):
            rows = _generate(batch, generator, target, count, seed)
            append_results(table, rows)
            results.update({row.recording: row for row in rows})
            advance(len(results) - skipped, len(waiting))
    write_results(table, (results[job.name] for job in jobs))
    passed.write(target / PASSED_OVER)
    ok = sum(result.status == "ok" for result in results.values())
    known = [float(result.typicality) for result in results.values() if result.typicality]
    unfamiliar = sum(typicality < traits.UNFAMILIAR_BELOW for typicality in known)
    return Tally(len(jobs), skipped, ok, len(jobs) - ok, dict(sorted(passed.counts.items())), unfamiliar)


def _generate(
    batch: list[tuple[Job, np.ndarray | str]], generator: ReadyGenerator, target: Path, count: int, seed: int
) -> list[Result]:
    voices = [speech for _, speech in batch if not isinstance(speech, str)]
    generated = iter(generator.generate(voices, count, seed)) if voices else iter(())
    rows = []
    for job, speech in batch:
        if isinstance(speech, str):
            rows.append(_rejected(job, speech))
            continue
        faces, voice = next(generated)
        if why := _write(job, faces):
            rows.append(_rejected(job, why))
            continue
        names = ";".join(utf8(file.relative_to(target).as_posix()) for file in job.files)
        seconds = f"{len(speech) / SAMPLE_RATE_HZ:.2f}"
        rows.append(Result(job.name, "ok", "", seconds, names, *_estimates(voice), job.made_from))
    return rows


def _rejected(job: Job, why: str) -> Result:
    return Result(job.name, "rejected", " ".join(why.split()), "", "", *NO_ESTIMATES, job.made_from)


def _estimates(voice: VoiceReport | None) -> Estimates:
    """The estimates of a row: typicality, gender_f, age_years, age_low_years, age_high_years."""
    if voice is None:
        return NO_ESTIMATES
    gender, age = voice.apparent_gender, voice.apparent_age
    return (
        f"{voice.typicality:.4f}",
        "" if gender is None else f"{gender['f']:.3f}",
        *(
            ("", "", "")
            if age is None
            else (f"{age.mean_years:.1f}", f"{age.low_years:.1f}", f"{age.high_years:.1f}")
        ),
    )


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
