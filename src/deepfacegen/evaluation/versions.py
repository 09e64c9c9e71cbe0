"""What a result was computed with: versions of libraries, and digests of the weights that took
part."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Collection, Iterable
from importlib import metadata
from pathlib import Path

from deepfacegen import weights

PACKAGES = (
    "torch",
    "torchaudio",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "dlib-bin",
    "scikit-learn",
)


def versions() -> dict[str, str]:
    """Python and the libraries whose version can change a number."""
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}


def models(folder: Path, parts: Collection[str] | None = None) -> dict[str, str]:
    """`<model>.<part>` -> sha256 of every trained weight below a folder of models, of the models named
    `parts` only if these are given."""
    files = [
        path for path in sorted(folder.glob("*/*.safetensors")) if parts is None or path.parent.name in parts
    ]
    return {
        f"{path.parent.name}.{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def third_party(names: Iterable[str]) -> dict[str, str]:
    """Name in the registry of weights -> sha256."""
    return {name: weights.REGISTRY[name].sha256 for name in sorted(names)}
