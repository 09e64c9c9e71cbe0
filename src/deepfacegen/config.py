"""The parameters: one frozen dataclass per section of params.yaml.

Every field carries its meaning and its legal range. A key that no section knows, a missing section or a value out
of range is a `ConfigError` whose message names the dotted key (`train.lr`), so a typo in `dvc exp run -S` is caught
before any work starts.
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deepfacegen.config_download import DownloadConfig
from deepfacegen.config_fields import ConfigError, param
from deepfacegen.config_systems import (
    ContrastiveConfig,
    CycleganConfig,
    FaceConfig,
    PinsConfig,
    Speech2FaceConfig,
    SvhfConfig,
)


@dataclass(frozen=True)
class DataConfig:
    source: str = param(
        "sample",
        "where people come from: sample, voxceleb1, voxceleb2, voxceleb (both), or folder (one's own people)",
        choices=("sample", "voxceleb1", "voxceleb2", "voxceleb", "folder"),
    )
    root: str | None = param(None, "for source folder: a folder that holds one of each person, with their sound, films and pictures")
    voices_root: str | None = param(None, "folder laid out like VoxCeleb1 or 2 (dev/aac/<id>/<video>/<clip>.m4a, dev/mp4/..., wav/...)")
    faces_root: str | None = param(None, "folder laid out like VGGFace2 (train/<id>/<image>.jpg), VGGFace or HQ-VoxCeleb (<name>/<image>.jpg)")
    metadata: str | None = param(None, "vox1_meta.csv, vox2_meta.csv, or a folder that holds them and what joins them (docs/own-data.md)")
    same_people: str | None = param(None, "text file with the ids and names of one person on each line, beside what the metadata tell")
    enrichment: str | None = param(None, "csv with VoxCeleb_ID and speaker_age, gender or nationality, which fill what the metadata leave open")
    face_hints: str | None = param(
        None, "folder with VGGFace2's loose_bb_*.csv and loose_landmark_*.csv, or VGGFace's lists of boxes: whose face is meant"
    )
    faces_from: str = param("photos", "photos, or frames of the videos (photos, video, both)", choices=("photos", "video", "both"))
    file_sizes: bool = param(
        True, "note the size of every file, so that a changed one is noticed; one call more a file, which is slow on network drives"
    )
    limit_identities: int | None = param(None, "use only the first so many identities (null: all)", low=1)

    def __post_init__(self) -> None:
        if self.source == "folder" and not self.root:
            raise ConfigError("data.root must name a folder when data.source is folder")


@dataclass(frozen=True)
class SampleConfig:
    identities: int = param(330, "how many sample people", low=12)
    clips_per_identity: int = param(3, "voice clips of each", low=1, high=50)
    photos_per_identity: int = param(3, "photos of each", low=1, high=50)
    clip_seconds: float = param(5.0, "approximate length of a clip", low=1.0, high=30.0)
    video_share: float = param(0.05, "share of identities with one clip as mp4 with a face track", low=0.0, high=1.0)
    photo_px: int = param(224, "side of a photo", low=96, high=1024)
    seed: int = param(17, "seed of everything about the sample people", low=0)


@dataclass(frozen=True)
class AudioConfig:
    vad_threshold: float = param(0.5, "speech probability above which a 32 ms frame is speech", low=0.05, high=0.95)
    min_speech_seconds: float = param(1.5, "less speech than this and the clip is rejected", low=0.1)
    max_speech_seconds: float = param(10.0, "longer speech is cut to this", low=0.5)
    clips_per_shard: int = param(120, "input files per unit of work and per shard", low=1)

    def __post_init__(self) -> None:
        if self.min_speech_seconds > self.max_speech_seconds:
            raise ConfigError("audio.min_speech_seconds must not exceed audio.max_speech_seconds")


@dataclass(frozen=True)
class FacesConfig:
    size_px: int = param(128, "side of the stored aligned face", low=32, high=512)
    min_score: float = param(0.7, "detector confidence below which a face does not count", low=0.1, high=0.99)
    min_face_px: int = param(32, "smaller faces (box height in the photo) are rejected", low=8)
    max_yaw_ratio: float = param(0.6, "asymmetry of nose to eyes above which a pose is extreme: 0 frontal, 1 profile", low=0.0, high=1.0)
    photos_per_shard: int = param(120, "input files per unit of work and per shard", low=1)
    video_fps: float = param(1.0, "frames per second taken from a video", low=0.1, high=25.0)
    frames_per_video: int | None = param(None, "only the best so many frames of a video: sharp, frontal, large (null: all)", low=1, high=64)
    detect_side_px: int = param(640, "faces are sought in the picture shrunk to this long side", low=64, high=4096)
    landmarks: str = param(
        "yunet5",
        "points for alignment: yunet5 (the detector's own), or fan68 (68 by face-alignment, whose weights you supply)",
        choices=("yunet5", "fan68"),
    )
    min_sharpness: float = param(0.0, "variance of the Laplacian of the aligned face below which it is blurred; 0: off", low=0.0)
    flags: str = param(
        "none",
        "marks in faces.parquet: none, hash (near-duplicates), dlib or sface (mislabelled faces, too; once dropped by it, this judge is refused)",
        choices=("none", "hash", "dlib", "sface"),
    )
    drop_duplicates: bool = param(False, "leave near-duplicates out")
    drop_outliers: bool = param(False, "leave mislabelled faces out")

    def __post_init__(self) -> None:
        if self.drop_duplicates and self.flags == "none":
            raise ConfigError("faces.drop_duplicates needs faces.flags: hash, dlib or sface")
        if self.drop_outliers and self.flags not in ("dlib", "sface"):
            raise ConfigError("faces.drop_outliers needs faces.flags: dlib or sface, by which mislabelled faces are found")


@dataclass(frozen=True)
class SplitConfig:
    rule: str = param(
        "random",
        "random (by the shares and the seed), first_letter (of the VGGFace name, as Wen et al.: A-B val, C-E test, F-Z train), or file",
        choices=("random", "first_letter", "file"),
    )
    file: str | None = param(
        None, "for rule file: PINs' identity_splits.txt, or a csv with split (train, val, test) and one of identity_id, voice_id, face_id"
    )
    val_share: float = param(0.08, "share of identities for choosing (never for reporting)", low=0.0, high=0.5)
    test_share: float = param(0.25, "share of identities that no training ever sees", low=0.01, high=0.8)
    train_only: str | None = param(None, "regular expression of identity ids that are never held out: people whom a ready-made part has met")
    seed: int = param(12, "seed of the split", low=0)

    def __post_init__(self) -> None:
        try:
            re.compile(self.train_only or "")
        except re.error as error:
            raise ConfigError(f"split.train_only is not a regular expression: {error}") from None
        if self.rule == "file" and not self.file:
            raise ConfigError("split.file must name a file when split.rule is file")
        if self.file and self.rule != "file":
            raise ConfigError(f"split.file is read with split.rule: file only, not {self.rule}; set it to null")
        if self.val_share + self.test_share > 0.9:
            raise ConfigError("split.val_share + split.test_share must leave at least 0.1 for training")


@dataclass(frozen=True)
class PretrainConfig:
    architecture: str = param(
        "ecapa",
        "ecapa (standard), wen (the paper's five-layer conv net), or ge2e: ready-made, trained on VoxCeleb by others (nothing below is used)",
        choices=("ecapa", "wen", "ge2e"),
    )
    normalisation: str = param(
        "level",
        "what the log-mel front end removes per clip: level (its mean), band (mean and deviation of each band, as Wen et al.), none",
        choices=("level", "band", "none"),
    )
    channels: int = param(96, "width of the ecapa network", low=8)
    embedding_dim: int = param(64, "size of the voice embedding", low=2)
    steps: int = param(500, "training steps", low=1)
    batch: int = param(32, "clips per step, over all ranks", low=2)
    crop_seconds: float = param(1.5, "length of a training crop", low=0.2)
    lr: float = param(2e-3, "peak learning rate (AdamW, one cycle)", low=1e-7, high=1.0)
    weight_decay: float = param(1e-2, "AdamW weight decay", low=0.0)
    margin: float = param(0.2, "additive angular margin in radians (0: plain softmax on cosines)", low=0.0, high=1.0)
    scale: float = param(20.0, "scale of the cosine logits", low=1.0)
    noise: float = param(0.3, "deviation of the noise added to training log-mels (nats)", low=0.0)
    checkpoint_every: int = param(200, "steps between resume points", low=1)
    seed: int = param(3, "seed", low=0)


@dataclass(frozen=True)
class TrainConfig:
    architecture: str = param("standard", "standard, or paper (networks of Wen et al. 2019)", choices=("standard", "paper"))
    image_size_px: int = param(64, "side of a drawn face", low=32, high=128)
    z_dim: int = param(16, "size of the noise z (0: none; the paper architecture adds noise to the condition instead)", low=0)
    channels: int = param(24, "width of the networks at half the image size; doubled at every halving", low=4)
    max_channels: int = param(128, "no layer is wider than this", low=4)
    face_activation: str = param(
        "identity",
        "of the generator's last layer: identity (clamped when it becomes a picture), tanh, or sigmoid (mapped to [-1, 1]: tanh at half the slope)",
        choices=("identity", "tanh", "sigmoid"),
    )
    logit_activation: str = param(
        "identity",
        "of the discriminator's last layer, before the sigmoid that is part of the losses: identity, tanh (D stays between 0.27 and 0.73), "
        "or sigmoid (a second one: 0.5 to 0.73)",
        choices=("identity", "tanh", "sigmoid"),
    )
    steps: int = param(1500, "training steps", low=1)
    batch: int = param(32, "identities per step, over all ranks", low=2)
    lr: float = param(1e-3, "learning rate of generator and discriminator (Adam)", low=1e-7, high=1.0)
    beta1: float = param(0.5, "Adam's first momentum", low=0.0, high=0.999)
    beta2: float = param(0.99, "Adam's second momentum", low=0.5, high=0.9999)
    truncation: float = param(0.5, "noise is scaled by this when drawing: below 1 more typical, above 0 more varied faces", low=0.0, high=2.0)
    exaggeration: float = param(
        2.0, "the condition is scaled by this when drawing: above 1, faces show more of what the voice tells", low=0.0, high=4.0
    )
    adversary_from: int = param(200, "first step with the adversary; before it, the generator learns from pixels alone", low=0)
    ema_steps: float = param(150.0, "half-life of the generator's moving average, in steps (0: off)", low=0.0)
    r1_weight: float = param(1.0, "gradient penalty on real faces", low=0.0)
    r1_every: int = param(8, "steps between two gradient penalties", low=1)
    mismatch_weight: float = param(1.0, "weight of real faces with a stranger's voice as negatives of D", low=0.0)
    identity_weight: float = param(0.05, "weight of the identity classifier (Wen et al. 2019)", low=0.0)
    feature_weight: float = param(1.0, "weight of the distance between features of drawn and true face", low=0.0)
    pixel_weight: float = param(10.0, "weight of the L1 distance between drawn and true face", low=0.0)
    condition_dim: int = param(
        8,
        "at most so many directions of the voice (embedding, pitch), those that predict faces, reach the generator (0, or architecture paper: all)",
        low=0,
    )
    condition_noise: float = param(
        0.3, "deviation of the noise added to the condition, whose directions have deviation 1 (paper: 0.05 on a unit vector)", low=0.0
    )
    augment: bool = param(True, "flip faces left to right")
    sample_every: int = param(300, "steps between sample grids", low=1)
    checkpoint_every: int = param(250, "steps between resume points", low=1)
    seed: int = param(5, "seed", low=0)

    def __post_init__(self) -> None:
        if self.image_size_px & (self.image_size_px - 1):
            raise ConfigError(f"train.image_size_px must be a power of two, not {self.image_size_px}")
        if self.architecture == "paper" and self.image_size_px != 64:
            raise ConfigError("train.image_size_px must be 64 with train.architecture: paper")
        if self.architecture == "paper" and self.mismatch_weight:
            raise ConfigError("train.mismatch_weight must be 0 with train.architecture: paper, whose discriminator does not see the voice")


@dataclass(frozen=True)
class EvaluateConfig:
    judge: str = param("sface", "the face recogniser that compares drawn and true faces", choices=("sface", "dlib"))
    second_judge: str | None = param(
        "dlib", "another one, independent of the first, whose figures stand beside (null: none)", choices=("sface", "dlib")
    )
    draws: int = param(4, "faces drawn per voice clip; their judge embeddings are averaged", low=1, high=64)
    clips_per_identity: int = param(4, "voice clips scored per identity (all if fewer)", low=1)
    trials_per_clip: int = param(20, "forced-choice trials per voice clip", low=1)
    bootstrap: int = param(1000, "resamples of identities behind each interval", low=100)
    trial_lists: str | None = param(None, "folder of published trial lists (PINs, CMPC, VoxCeleb, or trials.parquet) to score as well")
    seed: int = param(13, "seed of trials, draws and bootstrap", low=0)

    def __post_init__(self) -> None:
        if self.judge == self.second_judge:
            raise ConfigError("evaluate.second_judge must differ from evaluate.judge, or be null")


@dataclass(frozen=True)
class ReportConfig:
    people: int = param(12, "unseen people shown in the picture grid", low=1, high=100)
    draws: int = param(3, "drawn faces shown for each", low=1, high=16)


@dataclass(frozen=True)
class ReleaseConfig:
    examples: int = param(0, "training people whose voice and face the release carries, for the nearest training faces (sample people only)", low=0)


@dataclass(frozen=True)
class Config:
    """All sections; `load` is the only way in from a file."""

    data: DataConfig = DataConfig()
    sample: SampleConfig = SampleConfig()
    download: DownloadConfig = DownloadConfig()
    audio: AudioConfig = AudioConfig()
    faces: FacesConfig = FacesConfig()
    split: SplitConfig = SplitConfig()
    pretrain: PretrainConfig = PretrainConfig()
    train: TrainConfig = TrainConfig()
    face: FaceConfig = FaceConfig()
    speech2face: Speech2FaceConfig = Speech2FaceConfig()
    svhf: SvhfConfig = SvhfConfig()
    pins: PinsConfig = PinsConfig()
    contrastive: ContrastiveConfig = ContrastiveConfig()
    cyclegan: CycleganConfig = CycleganConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    report: ReportConfig = ReportConfig()
    release: ReleaseConfig = ReleaseConfig()

    def __post_init__(self) -> None:
        if self.data.source.startswith("voxceleb") and not self.download.sets:  # else what is null stands for the download folder
            if not self.data.voices_root:
                raise ConfigError(f"data.voices_root must name a folder when data.source is {self.data.source}")
            if self.data.faces_from != "video" and not self.data.faces_root:
                raise ConfigError("data.faces_root must name a folder unless data.faces_from is video")
            if not self.data.metadata:
                raise ConfigError(f"data.metadata must name a table of people, or a folder of them, when data.source is {self.data.source}")
        if self.release.examples and self.data.source != "sample":
            raise ConfigError("release.examples must be 0 unless data.source is sample: a release carries no real person's voice or face")
        if self.train.image_size_px > self.faces.size_px:
            raise ConfigError("train.image_size_px must not exceed faces.size_px")
        if self.faces.size_px % self.train.image_size_px:
            raise ConfigError("faces.size_px must be a multiple of train.image_size_px")


def load(path: str | Path = "params.yaml") -> Config:
    """Read and check a parameter file. Raises ConfigError naming the file or the dotted key."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such parameter file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must be a mapping of sections")
    return from_dict(raw)


def from_dict(raw: dict[str, Any]) -> Config:
    """Build a Config from nested dicts; sections or keys left out take their defaults."""
    sections = typing.get_type_hints(Config)
    _refuse_unknown("", raw, sections)
    built = {}
    for name, values in raw.items():
        if not isinstance(values, dict):
            raise ConfigError(f"{name} must be a mapping of parameters")
        built[name] = _section(name, sections[name], values)
    return Config(**built)


def to_dict(config: Any) -> dict[str, Any]:
    """The nested plain values of a Config or of one section, ready for JSON or YAML."""
    return dataclasses.asdict(config)


def flatten(section: str, config: Any) -> dict[str, Any]:
    """Dotted keys of one section, as `-S` and MLflow spell them: {"train.lr": 0.001, ...}."""
    return {f"{section}.{key}": value for key, value in dataclasses.asdict(config).items()}


def _refuse_unknown(prefix: str, raw: dict[str, Any], known: typing.Iterable[str]) -> None:
    for key in raw:
        if key not in known:
            raise ConfigError(f"{prefix}{key}: unknown parameter (known: {', '.join(sorted(known))})")


def _section(name: str, cls: Any, values: dict[str, Any]) -> Any:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    _refuse_unknown(f"{name}.", values, fields)
    checked = {key: _check(f"{name}.{key}", value, hints[key], fields[key].metadata) for key, value in values.items()}
    return cls(**checked)


def _check(key: str, value: Any, hint: Any, limits: typing.Mapping[str, Any]) -> Any:
    optional = isinstance(hint, types.UnionType)
    kind = next(t for t in typing.get_args(hint) if t is not types.NoneType) if optional else hint
    if value is None and optional:
        return None
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise ConfigError(f"{key} must be a list of texts, not {value!r}")
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is float and isinstance(value, str):  # YAML 1.1 reads 1e-4 as text
        try:
            value = float(value)
        except ValueError:
            raise ConfigError(f"{key} must be a number, not {value!r}") from None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{key} must be of type {kind.__name__}, not {value!r}")
    if limits["choices"] is not None and value not in limits["choices"]:
        raise ConfigError(f"{key} must be one of {', '.join(limits['choices'])}, not {value!r}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = limits["low"], limits["high"]
        if math.isnan(value) or (low is not None and value < low) or (high is not None and value > high):
            raise ConfigError(f"{key} must lie between {low} and {high}, not {value}")
    return value
