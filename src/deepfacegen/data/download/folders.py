"""Where the downloader keeps things, and which of it the pipeline reads when params.yaml names no folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deepfacegen.config import Config

DEFAULT = Path("downloads")


@dataclass(frozen=True)
class Roots:
    """What data.voices_root, data.faces_root and data.metadata name, or stand for when they are null."""

    voices: Path
    faces: Path
    metadata: Path


def folder(config: Config) -> Path:
    """The download folder."""
    return Path(config.download.folder) if config.download.folder else DEFAULT


def roots(config: Config) -> Roots:
    """The folders of voices and faces and the table that joins them: those of the section `data`, else those unpacked in the download folder.

    VoxCeleb1 with VGGFace (`voxceleb1`, `vggface1`, `meta/vox1_meta.csv`) where nothing of VoxCeleb2 is asked for, else VoxCeleb2 with VGGFace2.
    """
    sets, below = config.download.sets, folder(config)
    first = any(name.startswith("vox1") for name in sets) and not any(name.startswith("vox2") for name in sets)
    faces = "vggface1" if "vggface1" in sets and not any(name.startswith("vggface2") for name in sets) else "vggface2"
    return Roots(
        Path(config.data.voices_root) if config.data.voices_root else below / ("voxceleb1" if first else "voxceleb2"),
        Path(config.data.faces_root) if config.data.faces_root else below / faces,
        Path(config.data.metadata) if config.data.metadata else below / "meta" / ("vox1_meta.csv" if first else "vox2_meta.csv"),
    )
