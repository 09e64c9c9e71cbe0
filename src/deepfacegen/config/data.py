"""The parameters of the stages that prepare data: sources, sample people, sound, faces, splits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepfacegen.config.fields import ConfigError, param


@dataclass(frozen=True)
class DataConfig:
    source: str = param(
        "sample",
        "where people come from: sample, voxceleb1, voxceleb2, voxceleb (both), or folder (one's own people)",
        choices=("sample", "voxceleb1", "voxceleb2", "voxceleb", "folder"),
    )
    root: str | None = param(
        None, "for source folder: one folder per person, with their sound, films and pictures"
    )
    voices_root: str | None = param(
        None, "folder laid out like VoxCeleb (dev/aac/<id>/<video>/<clip>.m4a, dev/mp4/..., wav/...)"
    )
    faces_root: str | None = param(
        None, "folder laid out like VGGFace2 (train/<id>/<image>.jpg), VGGFace or HQ-VoxCeleb (<name>/...)"
    )
    metadata: str | None = param(
        None, "vox1_meta.csv, vox2_meta.csv, or a folder of metadata files (docs/own-data.md)"
    )
    same_people: str | None = param(
        None, "text file with the ids and names of one person per line, in addition to the metadata"
    )
    enrichment: str | None = param(
        None, "csv with VoxCeleb_ID and speaker_age, gender or nationality, to fill gaps in the metadata"
    )
    face_hints: str | None = param(
        None, "folder with VGGFace2's loose_*.csv or VGGFace's boxes, to choose among several faces"
    )
    photos_root: str | None = param(
        None, "folder of photos of people without voices: <name>/<image>, train/<id>/<image>, or flat"
    )
    faces_from: str = param(
        "photos", "photos, frames of the videos, or both", choices=("photos", "video", "both")
    )
    file_sizes: bool = param(True, "record file sizes to detect changed files; slow on network drives")
    limit_identities: int | None = param(None, "use only the first n identities (null: all)", low=1)

    def __post_init__(self) -> None:
        if self.source == "folder" and not self.root:
            raise ConfigError("data.root must name a folder when data.source is folder")


# What may be watched: the keys of the section data that name a folder or a file of the user's.
WATCHED = ("root", "voices_root", "faces_root", "metadata", "photos_root")


@dataclass(frozen=True)
class WatchConfig:
    folders: tuple[str, ...] = param(
        (), "keys of data whose folders every `dvc repro` checks for changes, such as [root] ([]: none)"
    )

    def __post_init__(self) -> None:
        for key in self.folders:
            if key not in WATCHED:
                raise ConfigError(f"watch.folders: unknown {key!r} (known: {', '.join(WATCHED)})")


@dataclass(frozen=True)
class SampleConfig:
    identities: int = param(330, "number of sample people", low=12)
    clips_per_identity: int = param(3, "voice clips of each", low=1, high=50)
    photos_per_identity: int = param(3, "photos of each", low=1, high=50)
    clip_seconds: float = param(5.0, "approximate length of a clip", low=1.0, high=30.0)
    video_share: float = param(
        0.05, "share of identities with one clip as mp4 with a face track", low=0.0, high=1.0
    )
    photo_px: int = param(224, "side of a photo", low=96, high=1024)
    seed: int = param(17, "seed of the sample people", low=0)


@dataclass(frozen=True)
class AudioConfig:
    vad_threshold: float = param(
        0.5, "speech probability above which a 32 ms frame counts as speech", low=0.05, high=0.95
    )
    min_speech_seconds: float = param(1.5, "clips with less speech are rejected", low=0.1)
    max_speech_seconds: float = param(10.0, "longer speech is cut", low=0.5, high=600.0)
    clips_per_shard: int = param(120, "input files per unit of work and per shard", low=1)

    def __post_init__(self) -> None:
        if self.min_speech_seconds > self.max_speech_seconds:
            raise ConfigError("audio.min_speech_seconds must not exceed audio.max_speech_seconds")


@dataclass(frozen=True)
class FacesConfig:
    size_px: int = param(128, "side of the stored aligned face", low=32, high=512)
    min_score: float = param(0.7, "faces with a lower detector confidence are ignored", low=0.1, high=0.99)
    min_face_px: int = param(32, "faces with a smaller box height are rejected", low=8)
    max_yaw_ratio: float = param(
        0.6, "largest asymmetry of nose and eyes: 0 frontal, 1 profile", low=0.0, high=1.0
    )
    photos_per_shard: int = param(120, "input files per unit of work and per shard", low=1)
    video_fps: float = param(1.0, "frames per second taken from a video", low=0.1, high=25.0)
    frames_per_video: int | None = param(
        None, "keep the n best frames of a video: sharp, frontal, large (null: all)", low=1, high=64
    )
    detect_side_px: int = param(640, "long side of the picture for detection", low=64, high=4096)
    landmarks: str = param(
        "yunet5",
        "landmarks for alignment: yunet5 (the detector's), or fan68 (68; you supply the weights)",
        choices=("yunet5", "fan68"),
    )
    min_sharpness: float = param(0.0, "least variance of the Laplacian of the aligned face (0: off)", low=0.0)
    flags: str = param(
        "none",
        "flags in faces.parquet: none, hash (near-duplicates), dlib or sface (mislabelled faces as well)",
        choices=("none", "hash", "dlib", "sface"),
    )
    drop_duplicates: bool = param(False, "drop near-duplicates")
    drop_outliers: bool = param(False, "drop mislabelled faces (the model in flags can then be no judge)")

    def __post_init__(self) -> None:
        if self.drop_duplicates and self.flags == "none":
            raise ConfigError("faces.drop_duplicates needs faces.flags: hash, dlib or sface")
        if self.drop_outliers and self.flags not in ("dlib", "sface"):
            raise ConfigError("faces.drop_outliers needs faces.flags: dlib or sface")


@dataclass(frozen=True)
class SplitConfig:
    rule: str = param(
        "random",
        "random, first_letter (of the VGGFace name; Wen et al.: A-B val, C-E test, F-Z train), or file",
        choices=("random", "first_letter", "file"),
    )
    file: str | None = param(
        None, "for rule file: PINs' identity_splits.txt, or a csv with split and an id (docs/protocols.md)"
    )
    val_share: float = param(0.08, "share of identities for validation (never reported)", low=0.0, high=0.5)
    test_share: float = param(0.25, "share of identities that are never in training", low=0.01, high=0.8)
    train_only: str | None = param(
        None, "regular expression of ids that are never held out (such as people in ready-made weights)"
    )
    seed: int = param(12, "seed of the split", low=0)

    def __post_init__(self) -> None:
        try:
            re.compile(self.train_only or "")
        except re.error as error:
            raise ConfigError(f"split.train_only is not a regular expression: {error}") from None
        if self.rule == "file" and not self.file:
            raise ConfigError("split.file must name a file when split.rule is file")
        if self.file and self.rule != "file":
            raise ConfigError(
                f"split.file is read with split.rule: file only, not {self.rule}; set it to null"
            )
        if self.val_share + self.test_share > 0.9:
            raise ConfigError("split.val_share + split.test_share must leave at least 0.1 for training")
