"""Where the downloader keeps things, and which of it the pipeline reads when params.yaml names no folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepfacegen.config.paths import located
from deepfacegen.config.schema import Config

DEFAULT = Path("downloads")
# Below the download folder; each is laid out as data.sources reads it.
VOICES, FACES, META, LINKS = "voices", "faces", "meta", "vggface1"


@dataclass(frozen=True)
class Roots:
    """What data.voices_root, data.faces_root and data.metadata name, or stand for when they are null."""

    voices: Path
    faces: Path
    metadata: Path


def folder(config: Config) -> Path:
    """The download folder."""
    return located(config.download.folder or DEFAULT)


def roots(config: Config) -> Roots:
    """The folders of voices and faces and the metadata that join them: those that the section `data` names,
    else those in the download folder."""
    below = folder(config)
    return Roots(
        located(config.data.voices_root) if config.data.voices_root else below / VOICES,
        located(config.data.faces_root) if config.data.faces_root else below / FACES,
        located(config.data.metadata) if config.data.metadata else below / META,
    )
