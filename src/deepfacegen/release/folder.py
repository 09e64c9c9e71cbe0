"""The files of a release folder, and how they are read (docs/api.md)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from deepfacegen.errors import UserError

FORMAT, FORMAT_VERSION = "deepfacegen-release", 4
AGAIN = "make the release again (dvc repro release)"
PARTS = ("figures", "files", "provenance")  # of config.json
CARD, EXAMPLES, ONNX = "card.md", "training_voices.safetensors", "voice_to_face.onnx"


@dataclass(frozen=True)
class Examples:
    """Some training people: id, mean direction of their voices' embeddings, and one aligned face each."""

    identity_ids: list[str]
    voices: np.ndarray  # float32 [N, speaker_dim], unit length
    faces: np.ndarray  # uint8 [N, S, S, 3], RGB


def read_config(folder: Path) -> dict[str, Any]:
    """The release's config.json. Raises UserError when there is no release, or one of another format."""
    make, file = "make one with `dvc repro release`", folder / "config.json"
    if not file.is_file():
        raise UserError(f"{folder}: no release there; {make}, or name another folder")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:  # no JSON, or no UTF-8
        raise UserError(f"{file}: damaged; {AGAIN}") from None
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise UserError(f"{folder}: not a release (its config.json does not say {FORMAT}); {make}")
    version = config.get("format_version")
    if version != FORMAT_VERSION:
        later = isinstance(version, int) and version > FORMAT_VERSION
        advice = "update deepfacegen" if later else AGAIN
        raise UserError(
            f"{folder}: release of format {version}, this package reads {FORMAT_VERSION}; {advice}"
        )
    return config


def verify(folder: Path, config: dict[str, Any]) -> None:
    """Raises UserError naming the first file that is missing or has changed. The ONNX model may be missing:
    the networks generate without it."""
    if lacking := [name for name in PARTS if not isinstance(config.get(name), dict)]:
        raise UserError(f"{folder / 'config.json'}: damaged (no {' and no '.join(lacking)} in it); {AGAIN}")
    for name, file in sorted(config["files"].items()):
        path = folder / name
        if name == ONNX and not path.exists():
            continue
        if not path.is_file():
            raise UserError(f"{path}: missing from the release; {AGAIN}, or copy the whole folder")
        if not isinstance(file, dict) or hashlib.sha256(path.read_bytes()).hexdigest() != file.get("sha256"):
            raise UserError(f"{path}: damaged (its sha256 is not the one in config.json); {AGAIN}")


def onnx_model(folder: Path) -> Path | None:
    """The ONNX model of a release, if it is there."""
    return folder / ONNX if (folder / ONNX).is_file() else None


def read_card(folder: Path) -> str:
    """Raises UserError when it is missing."""
    try:
        return (folder / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{folder / CARD}: cannot be read; {AGAIN}") from None


def save_examples(folder: Path, examples: Examples) -> None:
    tensors = {name: np.ascontiguousarray(getattr(examples, name)) for name in ("voices", "faces")}
    # Ids are in the header, joined by line ends: safetensors holds numbers only.
    save_file(tensors, folder / EXAMPLES, metadata={"identity_ids": "\n".join(examples.identity_ids)})


def read_examples(folder: Path) -> Examples | None:
    """None for a release without any. Raises UserError for a damaged file."""
    path = folder / EXAMPLES
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as stream:
            ids = (stream.metadata() or {})["identity_ids"].split("\n")
        tensors = load_file(path)
        found = Examples(ids, tensors["voices"], tensors["faces"])
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError(f"{path}: cannot be loaded ({str(error).splitlines()[0]})") from None
    if not len(found.identity_ids) == len(found.voices) == len(found.faces):
        raise UserError(f"{path}: damaged; {AGAIN}")
    return found
