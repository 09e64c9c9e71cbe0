"""The parameters: one frozen dataclass per section of params.yaml.
Every field carries its meaning and its legal range. A key that no section knows, a missing section or a
value out of range is a `ConfigError` whose message names the dotted key (`train.lr`), so a typo in `dvc exp
run -S` is caught before any work starts.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deepfacegen.config.data import (
    AudioConfig,
    DataConfig,
    FacesConfig,
    SampleConfig,
    SplitConfig,
    WatchConfig,
)
from deepfacegen.config.download import DownloadConfig
from deepfacegen.config.fields import ConfigError, param
from deepfacegen.config.systems import (
    ContrastiveConfig,
    CycleganConfig,
    FaceConfig,
    PinsConfig,
    Speech2FaceConfig,
    SvhfConfig,
)

# Sections of other files are to be had from here as well.
__all__ = [
    "AudioConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "EvaluateConfig",
    "FacesConfig",
    "PretrainConfig",
    "ReleaseConfig",
    "ReportConfig",
    "SampleConfig",
    "SplitConfig",
    "TrainConfig",
    "WatchConfig",
    "flatten",
    "from_dict",
    "load",
    "to_dict",
]


LARGEST = 2**53 - 1  # whole numbers up to it are exact wherever they are kept; a seed must be less than 2**63


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
    margin: float = param(
        0.2, "additive angular margin in radians (0: plain softmax on cosines)", low=0.0, high=1.0
    )
    scale: float = param(20.0, "scale of the cosine logits", low=1.0)
    noise: float = param(0.3, "deviation of the noise added to training log-mels (nats)", low=0.0)
    checkpoint_every: int = param(200, "steps between resume points", low=1)
    seed: int = param(3, "seed", low=0)


@dataclass(frozen=True)
class TrainConfig:
    architecture: str = param(
        "standard", "standard, or paper (networks of Wen et al. 2019)", choices=("standard", "paper")
    )
    image_size_px: int = param(64, "side of a drawn face", low=32, high=128)
    z_dim: int = param(
        16, "size of the noise z (0: none; the paper architecture adds noise to the condition instead)", low=0
    )
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
    truncation: float = param(
        0.5,
        "noise is scaled by this when drawing: below 1 more typical, above 0 more varied faces",
        low=0.0,
        high=2.0,
    )
    exaggeration: float = param(
        2.0,
        "the condition is scaled by this when drawing: above 1, faces show more of what the voice tells",
        low=0.0,
        high=4.0,
    )
    adversary_from: int = param(
        200, "first step with the adversary; before it, the generator learns from pixels alone", low=0
    )
    ema_steps: float = param(150.0, "half-life of the generator's moving average, in steps (0: off)", low=0.0)
    r1_weight: float = param(1.0, "gradient penalty on real faces", low=0.0)
    r1_every: int = param(8, "steps between two gradient penalties", low=1)
    mismatch_weight: float = param(
        1.0, "weight of real faces with a stranger's voice as negatives of D (not used by paper)", low=0.0
    )
    identity_weight: float = param(0.05, "weight of the identity classifier (Wen et al. 2019)", low=0.0)
    feature_weight: float = param(
        1.0, "weight of the distance between features of drawn and true face", low=0.0
    )
    pixel_weight: float = param(10.0, "weight of the L1 distance between drawn and true face", low=0.0)
    condition_dim: int = param(
        8,
        "at most so many directions of the voice (embedding, pitch), those that predict faces, reach the generator (0, or architecture paper: all)",
        low=0,
    )
    condition_noise: float = param(
        0.3,
        "deviation of the noise added to the condition, whose directions have deviation 1 (paper: 0.05 on a unit vector)",
        low=0.0,
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


@dataclass(frozen=True)
class EvaluateConfig:
    judge: str = param(
        "sface", "the face recogniser that compares drawn and true faces", choices=("sface", "dlib")
    )
    second_judge: str | None = param(
        "dlib",
        "another one, independent of the first, whose figures stand beside (null: none)",
        choices=("sface", "dlib"),
    )
    draws: int = param(4, "faces drawn per voice clip; their judge embeddings are averaged", low=1, high=64)
    clips_per_identity: int = param(4, "voice clips scored per identity (all if fewer)", low=1)
    trials_per_clip: int = param(20, "forced-choice trials per voice clip", low=1)
    bootstrap: int = param(1000, "resamples of identities behind each interval", low=100)
    trial_lists: str | None = param(
        None, "folder of published trial lists (PINs, CMPC, VoxCeleb, or trials.parquet) to score as well"
    )
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
    examples: int = param(
        48,
        "sample people whose voice and face the release carries, for the nearest training faces (one of real people carries none)",
        low=0,
    )


@dataclass(frozen=True)
class Config:
    """All sections; `load` is the only way in from a file."""

    data: DataConfig = DataConfig()
    watch: WatchConfig = WatchConfig()
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
        if (
            self.data.source.startswith("voxceleb") and not self.download.sets
        ):  # else what is null stands for the download folder
            if not self.data.voices_root:
                raise ConfigError(
                    f"data.voices_root must name a folder when data.source is {self.data.source}"
                )
            if self.data.faces_from != "video" and not self.data.faces_root:
                raise ConfigError("data.faces_root must name a folder unless data.faces_from is video")
            if not self.data.metadata:
                raise ConfigError(
                    f"data.metadata must name a table of people, or a folder of them, when data.source is {self.data.source}"
                )
        if self.train.image_size_px > self.faces.size_px:
            raise ConfigError("train.image_size_px must not exceed faces.size_px")
        if self.faces.size_px % self.train.image_size_px:
            raise ConfigError("faces.size_px must be a multiple of train.image_size_px")


class _OnceLoader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, of which SafeLoader takes the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    what = f"{key.value} stands there twice"
                    raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _wrong(error: Exception) -> str:
    """What is wrong with a YAML file, in a few words with the line."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        return f"line {mark.line + 1 if mark else '?'}: {error.problem or error.context}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]


def load(path: str | Path = "params.yaml") -> Config:
    """Read and check a parameter file. Raises ConfigError naming the file or the dotted key."""
    try:
        raw = _OnceLoader(Path(path).read_text(encoding="utf-8")).get_single_data()
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such parameter file") from None
    except OSError as error:
        raise ConfigError(f"{path}: not a parameter file that can be read ({error.strerror})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or no such date
        raise ConfigError(f"{path}: not valid YAML ({_wrong(error)})") from None
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
    checked = {
        key: _check(f"{name}.{key}", value, hints[key], fields[key].metadata) for key, value in values.items()
    }
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
    if isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{key} must hold no zero byte, not {value!r}")
    if limits["choices"] is not None and value not in limits["choices"]:
        raise ConfigError(f"{key} must be one of {', '.join(limits['choices'])}, not {value!r}")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, high = limits["low"], limits["high"]
        if math.isnan(value) or (low is not None and value < low) or (high is not None and value > high):
            raise ConfigError(f"{key} must lie between {low} and {high}, not {value}")
        if abs(value) > LARGEST:  # infinity, too
            raise ConfigError(f"{key} must be a number below {LARGEST}, not {value}")
    return value
