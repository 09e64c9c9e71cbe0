"""Sample people as files, in the layouts of VoxCeleb2 and VGGFace2, with a few deliberately bad ones among
them."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import ffmpeg
import joblib
import numpy as np
import pandas as pd
from PIL import Image
from rich.console import Console
from rich.progress import track

from deepfacegen import room, stopping
from deepfacegen.config.schema import SampleConfig
from deepfacegen.data.files.media import ffmpeg_path
from deepfacegen.errors import UserError
from deepfacegen.synthetic.people import Person, from_row, sample_people
from deepfacegen.synthetic.portrait import render_backdrop, render_photo, render_portrait, sample_photo
from deepfacegen.synthetic.voice import SAMPLE_RATE_HZ, compose_text, speak

log = logging.getLogger(__name__)

CLIPS_PER_VIDEO = 2
JPEG_QUALITY = 92
# Measured, for a look at the disk beforehand: bytes of a second of sound, and of a pixel of a photo.
M4A_SECOND_BYTES, JPEG_PIXEL_BYTES = 8_300, 0.17
VIDEO_FPS = 25
VIDEO_PX = 224
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
_EXACT: dict[str, Any] = {"map_metadata": -1, "fflags": "+bitexact", "flags": "bitexact", "threads": 1}


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
            raise UserError(
                f"{root / folder}: not empty; remove it before the sample people are written there"
            )
    each = (
        config.clips_per_identity * M4A_SECOND_BYTES * config.clip_seconds
        + config.photos_per_identity * JPEG_PIXEL_BYTES * config.photo_px**2
    )
    about = int(config.identities * each)
    room.check_disk(
        root,
        about // 2,
        4 * about,
        f"the files of {config.identities:,} sample people",
        "free some, or lower sample.identities",
    )
    people = sample_people(config)
    filmed = _filmed(config)
    jobs = (
        joblib.delayed(_write_identity)(config, root, i, row, bool(filmed[i]))
        for i, row in enumerate(people.to_dict("records"))
    )
    # processes, never threads: espeak-ng keeps one voice per process
    with stopping.shielded():
        done = joblib.Parallel(n_jobs=_workers(), backend="loky", return_as="generator")(jobs)
    for _ in _progress(done, len(people)):
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
    _write_m4a(clips, [root / "voices/dev/aac" / row["voice_id"] / f"{name}.m4a" for name in names])
    if filmed:
        sound = root / "voices/dev/aac" / row["voice_id"] / f"{names[-1]}.m4a"
        frames = _talking_head(person, clips[-1], np.random.default_rng([config.seed, _VIDEO_STREAM, index]))
        _write_mp4(frames, sound, root / "voices/dev/mp4" / row["voice_id"] / f"{names[-1]}.mp4")
        sound.unlink()
        if not any(sound.parent.iterdir()):
            sound.parent.rmdir()
    for k in range(config.photos_per_identity):
        rng = np.random.default_rng([config.seed, _PHOTO_STREAM, index, k])
        _write_jpg(
            render_portrait(person, rng, config.photo_px),
            root / "faces/train" / row["face_id"] / f"{k + 1:04d}_01.jpg",
        )


def _write_bad_files(config: SampleConfig, root: Path, people: pd.DataFrame) -> list[dict[str, str]]:
    """The bad files, one each to the first people; returns their rows for expected_rejects.csv, paths
    relative to `root`."""
    rows = []
    for k, (what, reason) in enumerate(BAD_FILES.items()):
        rng = np.random.default_rng([config.seed, _BAD_STREAM, k])
        owner = people.iloc[k % len(people)]
        person, other = from_row(owner), from_row(people.iloc[(k + 1) % len(people)])
        is_video, is_sound = what == "mute_video", what.endswith("_clip")
        if is_sound or is_video:
            folder, suffix = ("mp4", "mp4") if is_video else ("aac", "m4a")
            path = Path("voices/dev") / folder / owner["voice_id"] / _video_name(rng) / f"00001.{suffix}"
        else:
            path = Path("faces/train") / owner["face_id"] / f"{config.photos_per_identity + 1:04d}_01.jpg"
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        match what:
            case "silent_clip":
                _write_m4a([np.zeros(3 * SAMPLE_RATE_HZ, dtype=np.int16)], [target])
            case "truncated_clip":
                _write_m4a([speak(person, compose_text(rng, person, 3.0), rng)], [target])
                _cut(target, 0.6)
            case "empty_clip":
                target.write_bytes(b"")
            case "mute_video":
                _write_mp4(
                    _talking_head(person, speak(person, compose_text(rng, person, 2.0), rng), rng),
                    None,
                    target,
                )
            case "empty_room":
                _write_jpg(render_backdrop(sample_photo(rng), config.photo_px), target)
            case "couple":
                pair = [render_portrait(someone, rng, config.photo_px) for someone in (person, other)]
                _write_jpg(np.concatenate(pair, axis=1), target)
            case "text_as_photo":
                target.write_text("This is not a picture.\n", encoding="utf-8")
            case "truncated_photo":
                _write_jpg(render_portrait(person, rng, config.photo_px), target)
                _cut(target, 0.4)
        rows.append({"path": path.as_posix(), "reason": reason})
    return rows


def _write_metadata(
    config: SampleConfig, root: Path, people: pd.DataFrame, rejects: list[dict[str, str]]
) -> None:
    """The three csv files and the truth. The two metadata files keep the quirks of the originals: blanks
    around commas and at line ends."""
    meta = root / "meta"
    meta.mkdir(parents=True, exist_ok=True)
    vox = ["VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set "]
    vgg = ["Class_ID, Name, Sample_Num, Flag, Gender"]
    for row in people.to_dict("records"):
        vox.append(f"{row['voice_id']} ,{row['face_id']} ,{row['gender_listed']} ,dev ")
        vgg.append(
            f'{row["face_id"]}, "Sample_Person_{row["voice_id"][2:]}", {config.photos_per_identity}, 1, {row["gender_listed"]}'
        )
    (meta / "vox2_meta.csv").write_text("\n".join(vox) + "\n", encoding="utf-8", newline="\n")
    (meta / "identity_meta.csv").write_text(
        "\n".join([vgg[0], *sorted(vgg[1:])]) + "\n", encoding="utf-8", newline="\n"
    )
    pd.DataFrame(rejects).to_csv(meta / "expected_rejects.csv", index=False, lineterminator="\n")
    people.to_parquet(meta / "truth.parquet", index=False)


def _talking_head(person: Person, sound: np.ndarray, rng: np.random.Generator) -> Iterator[bytes]:
    """Frames of a slightly swaying head whose mouth follows the loudness, raw RGB, 25 to the second of
    `sound`."""
    photo = replace(sample_photo(rng), mouth_open=0.0, smile=0.2, blink=0.05)
    levels = [
        render_photo(person, replace(photo, mouth_open=share), VIDEO_PX)
        for share in (0.0, 0.2, 0.4, 0.65, 0.9)
    ]
    blink = render_photo(person, replace(photo, blink=0.9), VIDEO_PX)
    per_frame = SAMPLE_RATE_HZ // VIDEO_FPS
    count = len(sound) // per_frame
    loudness = np.sqrt(
        np.mean(sound[: count * per_frame].reshape(count, per_frame).astype(np.float64) ** 2, axis=1)
    )
    opening = np.clip(loudness / (np.quantile(loudness, 0.95) + 1e-9), 0, 1) * (len(levels) - 1)
    phase = rng.uniform(0, 2 * np.pi, 3)
    for k in range(count):
        frame = blink if k % 80 in (40, 41, 42) else levels[round(opening[k])]
        seconds = k / VIDEO_FPS
        sway = np.sin(phase + seconds * np.array([2.1, 1.6, 1.3]))
        move = cv2.getRotationMatrix2D((VIDEO_PX / 2, VIDEO_PX / 2), 1.5 * sway[0], 1.0)
        move[:, 2] = move[:, 2] + 2.5 * sway[1:]
        yield cv2.warpAffine(frame, move, (VIDEO_PX, VIDEO_PX), borderMode=cv2.BORDER_REPLICATE).tobytes()


def _write_m4a(clips: list[np.ndarray], paths: list[Path]) -> None:
    """Encode several clips (int16, 16 kHz) with one ffmpeg process: they go in as one stream and are cut
    apart by sample number."""
    ends = np.cumsum([len(clip) for clip in clips])
    stream = ffmpeg.input("pipe:", format="s16le", ar=SAMPLE_RATE_HZ, ac=1)
    parts = stream.filter_multi_output("asplit", len(clips))
    outputs = []
    for k, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = (
            parts[k]
            .filter("atrim", start_sample=int(ends[k] - len(clips[k])), end_sample=int(ends[k]))
            .filter("asetpts", "PTS-STARTPTS")
        )
        outputs.append(part.output(str(path), acodec="aac", audio_bitrate="64k", aac_coder="fast", **_EXACT))
    _run(ffmpeg.merge_outputs(*outputs), np.concatenate(clips).tobytes())


def _write_mp4(frames: Iterable[bytes], sound: Path | None, path: Path) -> None:
    """Frames (raw RGB) and, if given, the sound of an m4a. mpeg4, because every ffmpeg build can write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{VIDEO_PX}x{VIDEO_PX}", r=VIDEO_FPS
    )
    video = {"vcodec": "mpeg4", "qscale:v": 3, "pix_fmt": "yuv420p"}
    if sound is None:
        output = ffmpeg.output(picture, str(path), **video, **_EXACT)
    else:
        output = ffmpeg.output(
            picture, ffmpeg.input(str(sound)).audio, str(path), acodec="copy", **video, **_EXACT
        )
    _run(output, b"".join(frames))


def _run(output: Any, data: bytes) -> None:
    try:
        output.global_args("-nostdin", "-loglevel", "error").run(
            cmd=ffmpeg_path(), input=data, quiet=True, overwrite_output=True
        )
    except ffmpeg.Error as error:
        last = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        raise UserError(
            f"ffmpeg ({ffmpeg_path()}) cannot write the sample people: {' '.join(last)}"
        ) from None


def _write_jpg(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=JPEG_QUALITY)
    path.write_bytes(buffer.getvalue())


def _cut(path: Path, share: float) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


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


def _workers() -> int:
    """Number of processes: DEEPFACEGEN_WORKERS, else one for each core."""
    text = os.environ.get("DEEPFACEGEN_WORKERS", "")
    if not text:
        return joblib.cpu_count()
    if not text.isdecimal() or int(text) < 1:
        raise UserError(f"DEEPFACEGEN_WORKERS must be a whole number of at least 1, not {text!r}")
    return int(text)


def _progress(done: Iterable[None], total: int) -> Iterator[None]:
    """A bar on a terminal, a line for every quarter elsewhere."""
    console = Console(stderr=True)
    if console.is_terminal:
        yield from track(done, description="sample people", total=total, console=console)
        return
    for k, item in enumerate(done, start=1):
        yield item
        if k * 4 // total > (k - 1) * 4 // total:
            log.info("sample people: %d of %d", k, total)
