"""Parameters of the downloader: what is fetched from where, how fast, and whose terms the user has
accepted."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from deepfacegen.config.fields import ConfigError, param

# Set -> the data set whose terms it falls under. data.download.catalogue holds the files of each; a test
# keeps the two equal.
SETS = {
    "vox1_dev_wav": "voxceleb1",
    "vox1_test_wav": "voxceleb1",
    "vox1_meta": "voxceleb1",
    "vox2_dev_aac": "voxceleb2",
    "vox2_test_aac": "voxceleb2",
    "vox2_dev_mp4": "voxceleb2",
    "vox2_test_mp4": "voxceleb2",
    "vox2_dev_txt": "voxceleb2",
    "vox2_test_txt": "voxceleb2",
    "vox2_meta": "voxceleb2",
    "vox_age": "vox_age",
    "vggface1": "vggface1",
    "vggface2_train": "vggface2",
    "vggface2_test": "vggface2",
    "vggface2_meta": "vggface2",
}
DATASETS = tuple(dict.fromkeys(SETS.values()))


@dataclass(frozen=True)
class DownloadConfig:
    sets: tuple[str, ...] = param(
        (), "sets to fetch, such as [vox2_meta, vox2_test_aac] (`deepfacegen data status` lists all)"
    )
    folder: str | None = param(
        None, "folder of fetched and unpacked files (null: downloads, in the current folder)"
    )
    accept_terms: tuple[str, ...] = param(
        (), "data sets whose terms you accept (`deepfacegen data terms` shows them)"
    )
    mirrors: tuple[str, ...] = param(
        (), "tried first, such as vox2_test_aac=https://host/folder/{file}; `*=` is for all sets"
    )
    official: bool = param(True, "use the official address for what no mirror has")
    parallel: int = param(4, "simultaneous connections", low=1, high=64)
    per_host: int = param(4, "simultaneous connections to one host", low=1, high=64)
    mb_per_second: float | None = param(None, "limit over all connections (null: none)", low=0.001)
    segment_mb: float = param(
        64.0, "size of the parts in which a large file is fetched", low=0.01, high=4096.0
    )
    keep_archives: bool = param(False, "keep unpacked archives")
    retries: int = param(6, "repetitions of a failed request", low=0, high=100)
    back_off_seconds: float = param(
        1.0,
        "longest wait before the first repetition, doubled for each further one (random below it)",
        low=0.0,
        high=60.0,
    )
    timeout_seconds: float = param(30.0, "a silent connection is closed after this", low=0.1, high=600.0)
    link_parallel: int = param(64, "VGGFace: simultaneous links, spread over hosts", low=1, high=1024)
    link_timeout_seconds: float = param(
        10.0, "VGGFace: a link without an answer in this time is dead", low=0.1, high=600.0
    )

    def __post_init__(self) -> None:
        _known("download.sets", self.sets, tuple(SETS))
        _known("download.accept_terms", self.accept_terms, DATASETS)
        for entry in self.mirrors:
            name, separator, address = entry.partition("=")
            if not separator or name not in (*SETS, "*") or "{file}" not in address or not _is_web(address):
                raise ConfigError(
                    f"download.mirrors: must be <set or *>=https://host/folder/{{file}}, not {entry!r}"
                )


def _known(key: str, values: tuple[str, ...], known: tuple[str, ...]) -> None:
    for value in values:
        if value not in known:
            raise ConfigError(f"{key}: unknown {value!r} (known: {', '.join(known)})")


def _is_web(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
