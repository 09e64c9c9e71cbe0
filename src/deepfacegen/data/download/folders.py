"""Where the downloader keeps its files, and which of them the pipeline reads by default."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepfacegen.config.paths import located
from deepfacegen.config.schema import Config

DEFAULT = Path("downloads")
# Below the download folder, each in the layout that data.sources reads.
VOICES, FACES, META, LINKS = "voices", "faces", "meta", "vggface1"


@dataclass(frozen=True)
class Roots:
    """data.voices_root, data.faces_root and data.metadata, or their defaults where those are null."""

    voices: Path
    faces: Path
    metadata: Path


def folder(config: Config) -> Path:
    """The download folder."""
    return located(config.download.folder or DEFAULT)


def roots(config: Config) -> Roots:
    """The folders that the section `data` names; where it has null, those in the download folder."""
    root = folder(config)
    return Roots(
        located(config.data.voices_root) if config.data.voices_root else root / VOICES,
        located(config.data.faces_root) if config.data.faces_root else root / FACES,
        located(config.data.metadata) if config.data.metadata else root / META,
    )
