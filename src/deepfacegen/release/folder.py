"""What lies in a release folder, and how it is read (docs/api.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from deepfacegen.errors import UserError
from deepfacegen.training import store

FORMAT, FORMAT_VERSION = "deepfacegen-release", 1
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
    """The release's config.json. Raises UserError when the folder holds no release, or one of a later
    format."""
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder}: no release there; make one with `dvc repro release`, or name another folder"
        )
    config = store.read_config(folder)
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise UserError(
            f"{folder}: not a release (its config.json does not say {FORMAT}); make one with `dvc repro release`"
        )
    version = config.get("format_version")
    if version != FORMAT_VERSION:
        later = isinstance(version, int) and version > FORMAT_VERSION
        raise UserError(
            f"{folder}: release of format {version}, this package reads {FORMAT_VERSION}; {'update deepfacegen' if later else AGAIN}"
        )
    return config


def verify(folder: Path, config: dict[str, Any]) -> None:
    """Raises UserError naming the first file that is missing or not as the release was made. The ONNX model
    may be missing: nothing here reads it."""
    if lacking := [name for name in PARTS if not isinstance(config.get(name), dict)]:
        raise UserError(f"{folder / 'config.json'}: damaged (no {' and no '.join(lacking)} in it); {AGAIN}")
    for name, told in sorted(config["files"].items()):
        path = folder / name
        if name == ONNX:
            continue
        if not path.is_file():
            raise UserError(
                f"{path}: missing from the release; make it again (dvc repro release), or copy the whole folder"
            )
        if not isinstance(told, dict) or hashlib.sha256(path.read_bytes()).hexdigest() != told.get("sha256"):
            raise UserError(
                f"{path}: damaged (its sha256 is not the one in config.json); make the release again (dvc repro release)"
            )


def read_card(folder: Path) -> str:
    """Raises UserError when it is missing."""
    try:
        return (folder / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UserError(
            f"{folder / CARD}: cannot be read; make the release again (dvc repro release)"
        ) from None


def save_examples(folder: Path, examples: Examples) -> None:
    # Ids stand in the header, joined by line ends: safetensors holds numbers only.
    told = {"identity_ids": "\n".join(examples.identity_ids)}
    save_file(
        {"voices": np.ascontiguousarray(examples.voices), "faces": np.ascontiguousarray(examples.faces)},
        folder / EXAMPLES,
        metadata=told,
    )


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
        raise UserError(f"{path}: damaged; make the release again (dvc repro release)")
    return found
