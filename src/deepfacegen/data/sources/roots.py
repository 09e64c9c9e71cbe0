"""Where the files that the inventories list lie: below data/raw for sample people, in the user's own folders
otherwise."""

from __future__ import annotations

from pathlib import Path

from deepfacegen.config.paths import located
from deepfacegen.config.schema import Config
from deepfacegen.data.download.folders import roots


def voices_root(config: Config, raw: Path) -> Path:
    """The folder that the paths of the voices' inventory, and of videos in the faces' inventory, are relative
    to."""
    return raw / "voices" if config.data.source == "sample" else _own(config, roots(config).voices)


def faces_root(config: Config, raw: Path) -> Path:
    """The folder that the paths of photos in the faces' inventory are relative to."""
    return raw / "faces" if config.data.source == "sample" else _own(config, roots(config).faces)


def _own(config: Config, root: Path) -> Path:
    return located(str(config.data.root)) if config.data.source == "folder" else root
