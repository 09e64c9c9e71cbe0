"""What the user keeps must not lie in a folder that a stage, or DVC before it, empties."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from deepfacegen.config.fields import ConfigError
from deepfacegen.config.paths import located, repository
from deepfacegen.config.schema import Config

# The folders of dvc.yaml's outs, metrics and plots.
EMPTIED = (
    *("data/raw/voices", "data/raw/faces", "data/raw/meta"),
    *("data/audio", "data/faces", "data/voiceless", "data/manifest", "data/evaluate"),
    *("models", "report", "metrics", "watched"),
)
_PARTS = ("voices", "faces", "meta", "vggface1")  # of data.root and of the download folder


def require_apart(config: Config) -> None:
    """Raises ConfigError when a path of the user's is in a folder that is emptied, or around one in the
    project.

    A folder that holds the whole project is allowed: there, people are looked for beside it.
    """
    homes = {os.path.realpath(home) for home in (Path.cwd(), repository()) if home is not None}
    emptied = [(name, os.path.realpath(Path(home, name))) for home in sorted(homes) for name in EMPTIED]
    for key, path, walked in _named(config):
        real = os.path.realpath(path)
        around = walked and not any(_holds(real, home) for home in homes)
        for name, folder in emptied:
            if _holds(folder, real) or (around and _holds(real, folder)):
                what = f"the pipeline empties {name}, so nothing of yours may lie there"
                raise ConfigError(f"{path}: {what}; move it, and change {key}")


def _named(config: Config) -> Iterator[tuple[str, Path, bool]]:
    """Key, path, and whether all below it belongs to the user."""
    data, fetched = config.data, config.download
    if data.source == "folder":
        yield "data.root", located(str(data.root)), True
        for part in _PARTS[:2]:
            yield "data.root", located(str(data.root)) / part, False
    elif data.source != "sample":
        for key in ("voices_root", "faces_root"):
            if getattr(data, key):
                yield f"data.{key}", located(getattr(data, key)), True
    if data.photos_root:
        yield "data.photos_root", located(data.photos_root), True
    for key in ("metadata", "same_people", "enrichment", "face_hints"):
        if data.source != "sample" and getattr(data, key):
            yield f"data.{key}", located(getattr(data, key)), False
    if fetched.folder and (fetched.sets or data.source.startswith("voxceleb")):
        yield "download.folder", located(fetched.folder), True
        for part in _PARTS:
            yield "download.folder", located(fetched.folder) / part, False
    others = (("split.file", config.split.file), ("evaluate.trial_lists", config.evaluate.trial_lists))
    for key, value in (*others, ("cyclegan.attributes_file", config.cyclegan.attributes_file)):
        if value:
            yield key, located(value), False


def _holds(folder: str, path: str) -> bool:
    """Whether a real path is the folder, or lies in it."""
    return f"{path.rstrip(os.sep)}{os.sep}".startswith(f"{folder.rstrip(os.sep)}{os.sep}")
