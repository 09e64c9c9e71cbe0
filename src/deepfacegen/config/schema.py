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

from deepfacegen.config.baselines import ContrastiveConfig, PinsConfig, Speech2FaceConfig, SvhfConfig
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
from deepfacegen.config.systems import CycleganConfig, FaceConfig, PretrainConfig, PriorConfig, TrainConfig

# Sections of other files are to be had from here as well.
__all__ = [
    "AudioConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "EvaluateConfig",
    "FacesConfig",
    "PretrainConfig",
    "PriorConfig",
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


PORTRAITS_PX = 64  # side of the faces of the prior that comes with the package
LARGEST = 2**53 - 1  # whole numbers up to it are exact wherever they are kept; a seed must be less than 2**63


@dataclass(frozen=True)
class EvaluateConfig:
    judge: str = param(
        "sface", "the face recogniser that compares generated and real faces", choices=("sface", "dlib")
    )
    second_judge: str | None = param(
        "dlib", "another judge, independent of the first (null: none)", choices=("sface", "dlib")
    )
    draws: int = param(
        4, "faces generated per voice clip; their judge embeddings are averaged", low=1, high=64
    )
    clips_per_identity: int = param(4, "voice clips scored per identity (all if fewer)", low=1)
    trials_per_clip: int = param(20, "matching trials per voice clip", low=1)
    bootstrap: int = param(1000, "resamples of identities for each interval", low=100)
    trial_lists: str | None = param(
        None, "folder of published trial lists (PINs, CMPC, VoxCeleb, or trials.parquet)"
    )
    seed: int = param(13, "seed of trials, latents and bootstrap", low=0)

    def __post_init__(self) -> None:
        if self.judge == self.second_judge:
            raise ConfigError("evaluate.second_judge must differ from evaluate.judge, or be null")


@dataclass(frozen=True)
class ReportConfig:
    people: int = param(12, "unseen people in the picture grid", low=1, high=100)
    draws: int = param(3, "generated faces of each", low=1, high=16)


@dataclass(frozen=True)
class ReleaseConfig:
    examples: int = param(
        48, "sample people in the release, for its nearest training faces (with real people: none)", low=0
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
    prior: PriorConfig = PriorConfig()
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

    @property
    def generated_px(self) -> int:
        """Side of a face that the conditional GAN generates."""
        return self.prior.image_size_px if self.prior.architecture == "trained" else PORTRAITS_PX

    def __post_init__(self) -> None:
        # With download.sets, what is null stands for the download folder.
        if self.data.source.startswith("voxceleb") and not self.download.sets:
            given = f" when data.source is {self.data.source}"
            if not self.data.voices_root:
                raise ConfigError(f"data.voices_root must name a folder{given}")
            if self.data.faces_from != "video" and not self.data.faces_root:
                raise ConfigError("data.faces_root must name a folder unless data.faces_from is video")
            if not self.data.metadata:
                raise ConfigError(f"data.metadata must name a table of people, or a folder of them{given}")
        size = self.generated_px
        if self.faces.size_px % size:
            trained = self.prior.architecture == "trained"
            of = "prior.image_size_px" if trained else "prior.architecture: portraits"
            raise ConfigError(f"faces.size_px must be a multiple of {size} ({of}), not {self.faces.size_px}")
        if self.train.architecture == "paper" and size != PORTRAITS_PX:
            raise ConfigError("prior.image_size_px must be 64 with train.architecture: paper")


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
