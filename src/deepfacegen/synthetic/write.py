"""Sample people as files, in the layouts of VoxCeleb2 and VGGFace2, with a few deliberately bad ones among
them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from deepfacegen import room, stopping
from deepfacegen.config.schema import SampleConfig
from deepfacegen.data.fanout.engines import wanted_workers
from deepfacegen.errors import UserError
from deepfacegen.progress import track
from deepfacegen.synthetic import encode
from deepfacegen.synthetic.people import from_row, sample_people
from deepfacegen.synthetic.portrait import render_backdrop, render_portrait, sample_photo
from deepfacegen.synthetic.voice import SAMPLE_RATE_HZ, compose_text, speak

log = logging.getLogger(__name__)

CLIPS_PER_VIDEO = 2
# Measured, for a look at the disk beforehand: bytes of a second of sound, and of a pixel of a photo.
M4A_SECOND_BYTES, JPEG_PIXEL_BYTES = 8_300, 0.17
# Bad files: (what, reason a pipeline must give). Each goes to one identity, beside its good files.
BAD_FILES = {
    "silent_clip": "no_speech",
    "truncated_clip": "corrupt",
    "empty_clip": "corrupt",
    "mute_video": "no_audio",
    "empty_room": "no_face",
    "couple": "several_faces",
    "text_as_photo": "corrupt",
    "truncated_photo": "corrupt",
}
_VOICE_STREAM, _PHOTO_STREAM, _VIDEO_STREAM, _NAME_STREAM, _BAD_STREAM, _SHARE_STREAM = range(2, 8)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def write_sample(config: SampleConfig, root: Path) -> dict[str, int]:
    """Write the sample people below `root`: voices/, faces/, meta/. The same config gives the same bytes with
    any number of workers.

    Returns counts of identities, clips, videos (clips that are mp4), photos, bad files and bytes.
    meta/expected_rejects.csv lists the bad files with the reason each must be rejected for. Raises UserError
    where `root` already holds files or the disk is too small.
    """
    root = Path(root)
    for folder in ("voices", "faces", "meta"):
        if (root / folder).is_dir() and any((root / folder).iterdir()):
            advice = "remove it before the sample people are written there"
            raise UserError(f"{root / folder}: not empty; {advice}")
    each = config.clips_per_identity * M4A_SECOND_BYTES * config.clip_seconds
    each += config.photos_per_identity * JPEG_PIXEL_BYTES * config.photo_px**2
    about, what = int(config.identities * each), f"the files of {config.identities:,} sample people"
    room.check_disk(root, about // 2, 4 * about, what, "free some, or lower sample.identities")
    people = sample_people(config)
    filmed = _filmed(config)
    jobs = (
        joblib.delayed(_write_identity)(config, root, i, row, bool(filmed[i]))
        for i, row in enumerate(people.to_dict("records"))
    )
    # processes, never threads: espeak-ng keeps one voice per process
    with stopping.shielded():
        workers = wanted_workers() or joblib.cpu_count()
        done = joblib.Parallel(n_jobs=workers, backend="loky", return_as="generator")(jobs)
    for _ in track(done, "sample people", len(people)):
        pass
    rejects = _write_bad_files(config, root, people)
    _write_metadata(config, root, people, rejects)
    counts = {
        "identities": len(people),
        "clips": len(people) * config.clips_per_identity,
        "videos": int(filmed.sum()),
        "photos": len(people) * config.photos_per_identity,
        "bad_files": len(rejects),
        "bytes": sum(path.stat().st_size for path in root.rglob("*") if path.is_file()),
    }
    log.info("sample people written to %s: %s", root, counts)
    return counts


def clip_names(config: SampleConfig, index: int) -> list[str]:
    """`<video>/<clip>` of the clips of person number `index`, two clips to a video."""
    rng = np.random.default_rng([config.seed, _NAME_STREAM, index])
    names = []
    for k in range(config.clips_per_identity):
        if k % CLIPS_PER_VIDEO == 0:
            video = _video_name(rng)
        names.append(f"{video}/{k % CLIPS_PER_VIDEO + 1:05d}")
    return names


def _write_identity(config: SampleConfig, root: Path, index: int, row: dict[str, Any], filmed: bool) -> None:
    person = from_row(row)
    clips = []
    for k in range(config.clips_per_identity):
        rng = np.random.default_rng([config.seed, _VOICE_STREAM, index, k])
        clips.append(speak(person, compose_text(rng, person, config.clip_seconds), rng))
    names = clip_names(config, index)
    voice, film = (root / "voices/dev" / folder / row["voice_id"] for folder in ("aac", "mp4"))
    encode.write_m4a(clips, [voice / f"{name}.m4a" for name in names])
    if filmed:
        sound = voice / f"{names[-1]}.m4a"
        rng = np.random.default_rng([config.seed, _VIDEO_STREAM, index])
        encode.write_mp4(encode.talking_head(person, clips[-1], rng), sound, film / f"{names[-1]}.mp4")
        sound.unlink()
        if not any(sound.parent.iterdir()):
            sound.parent.rmdir()
    for k in range(config.photos_per_identity):
        rng = np.random.default_rng([config.seed, _PHOTO_STREAM, index, k])
        path = root / "faces/train" / row["face_id"] / f"{k + 1:04d}_01.jpg"
        encode.write_jpg(render_portrait(person, rng, config.photo_px), path)


def _write_bad_files(config: SampleConfig, root: Path, people: pd.DataFrame) -> list[dict[str, str]]:
    """The bad files, one each to the first people; returns their rows for expected_rejects.csv, paths
    relative to `root`."""
    rows = []
    for k, (what, reason) in enumerate(BAD_FILES.items()):
        rng = np.random.default_rng([config.seed, _BAD_STREAM, k])
        owner = people.iloc[k % len(people)]
        person, other = from_row(owner), from_row(people.iloc[(k + 1) % len(people)])
        if what == "mute_video" or what.endswith("_clip"):
            folder, suffix = ("mp4", "mp4") if what == "mute_video" else ("aac", "m4a")
            path = Path("voices/dev") / folder / owner["voice_id"] / _video_name(rng) / f"00001.{suffix}"
        else:
            path = Path("faces/train") / owner["face_id"] / f"{config.photos_per_identity + 1:04d}_01.jpg"
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        match what:
            case "silent_clip":
                encode.write_m4a([np.zeros(3 * SAMPLE_RATE_HZ, dtype=np.int16)], [target])
            case "truncated_clip":
                encode.write_m4a([speak(person, compose_text(rng, person, 3.0), rng)], [target])
                encode.truncate(target, 0.6)
            case "empty_clip":
                target.write_bytes(b"")
            case "mute_video":
                sound = speak(person, compose_text(rng, person, 2.0), rng)
                encode.write_mp4(encode.talking_head(person, sound, rng), None, target)
            case "empty_room":
                encode.write_jpg(render_backdrop(sample_photo(rng), config.photo_px), target)
            case "couple":
                pair = [render_portrait(someone, rng, config.photo_px) for someone in (person, other)]
                encode.write_jpg(np.concatenate(pair, axis=1), target)
            case "text_as_photo":
                target.write_text("This is not a picture.\n", encoding="utf-8")
            case "truncated_photo":
                encode.write_jpg(render_portrait(person, rng, config.photo_px), target)
                encode.truncate(target, 0.4)
        rows.append({"path": path.as_posix(), "reason": reason})
    return rows


def _write_metadata(
    config: SampleConfig, root: Path, people: pd.DataFrame, rejects: list[dict[str, str]]
) -> None:
    """The three csv files and the truth. The two metadata files keep the quirks of the originals: blanks
    around commas and at line ends."""
    meta = root / "meta"
    meta.mkdir(parents=True, exist_ok=True)
    vox, vgg = [], []
    for row in people.to_dict("records"):
        voice_id, face_id, gender = row["voice_id"], row["face_id"], row["gender_listed"]
        name = f'"Sample_Person_{voice_id[2:]}"'
        vox.append(f"{voice_id} ,{face_id} ,{gender} ,dev ")
        vgg.append(f"{face_id}, {name}, {config.photos_per_identity}, 1, {gender}")
    for table, lines in (
        ("vox2_meta.csv", ["VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set ", *vox]),
        ("identity_meta.csv", ["Class_ID, Name, Sample_Num, Flag, Gender", *sorted(vgg)]),
    ):
        (meta / table).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    pd.DataFrame(rejects).to_csv(meta / "expected_rejects.csv", index=False, lineterminator="\n")
    people.to_parquet(meta / "truth.parquet", index=False)


def _filmed(config: SampleConfig) -> np.ndarray:
    """Whose last clip is an mp4, bool `[identities]`."""
    rng = np.random.default_rng([config.seed, _SHARE_STREAM])
    chosen = np.zeros(config.identities, dtype=bool)
    chosen[rng.permutation(config.identities)[: round(config.identities * config.video_share)]] = True
    return chosen


def _video_name(rng: np.random.Generator) -> str:
    """Eleven letters, as a video platform would give; the first is a plain letter or digit."""
    digits = rng.integers(len(_ALPHABET), size=11)
    digits[0] %= len(_ALPHABET) - 2
    return "".join(_ALPHABET[d] for d in digits)
