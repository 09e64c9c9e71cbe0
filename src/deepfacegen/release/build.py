"""Makes a release: what it takes to draw and to tell what a voice says, with figures and provenance, and
nobody's data but sample people's."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from deepfacegen import __version__
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import speaker
from deepfacegen.errors import UserError
from deepfacegen.release import card, figures, fit, folder, quality, traits
from deepfacegen.release.folder import Examples
from deepfacegen.training import store

MADE_OF = {"voice": ("encoder",), "cgan": ("condition", "generator")}
# Whom a model met: in a release as a number and a digest, so that a list of people can be checked against it
# but not read from it.
PEOPLE = ("trained_on", "chosen_on")


@dataclass(frozen=True)
class Source:
    """What a release is made from."""

    models: Path
    manifest: Manifest
    audio: AudioShards
    photos: FaceShards
    evaluated: Path  # metrics/evaluate/cgan.json
    truth: Path | None = None  # data/raw/meta/truth.parquet of sample people, whose metadata lists no ages


def build(
    out: Path, source: Source, encoder: speaker.VoiceEncoder, examples: int, seed: int = 0
) -> dict[str, Any]:
    """Write the release into the folder `out`, without its ONNX model, which `finish` waits for; returns the
    figures of the traits.

    Raises UserError when the evaluation is missing or was made of other weights.
    """
    measured = read_evaluation(source.evaluated, source.models)
    splits = {name: source.manifest.split(name) for name in ("train", "val", "test")}
    described = {name: describe(encoder, part, source.audio) for name, part in splits.items()}
    people = {
        name: fit.heard(described[name], part.clips, with_ages(part.identities, source.truth))
        for name, part in splits.items()
    }
    found = fit.fit(people["train"], people["val"], seed)
    told = quality.measure(found, people["train"], people["val"], people["test"])
    for name, parts in MADE_OF.items():
        copy_model(source.models / name, out / name, parts)
    traits.save(out, found)
    if examples:
        folder.save_examples(
            out,
            choose_examples(
                splits["train"], described["train"], source.photos, examples, encoder.speaker_dim
            ),
        )
    network = store.read_config(source.models / "cgan")
    config = {
        "format": folder.FORMAT,
        "format_version": folder.FORMAT_VERSION,
        "package_version": __version__,
        "made_of": sorted(MADE_OF),
        "image_size_px": network["params"]["image_size_px"],
        "voice_dim": encoder.dim,
        "examples": min(examples, len(splits["train"].identities)),
        "figures": figures.matching(measured) | {"traits": told},
        "provenance": provenance(source.models, measured, splits, source.truth is not None),
        "licence": "MIT"
        if measured["data"]["source"] == "sample"
        else "the code: MIT; the weights: bound by the terms of the data they were trained on",
    }
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return told


def finish(out: Path, exported: dict[str, Any]) -> dict[str, Any]:
    """Complete config.json with what was exported, sizes and digests of all files, and write the card;
    returns sizes in bytes."""
    config = folder.read_config(out)
    config["onnx"] = exported
    (out / folder.CARD).write_text(card.render(config), encoding="utf-8")
    files = sorted(path for path in out.rglob("*") if path.is_file() and path != out / "config.json")
    config["files"] = {
        path.relative_to(out).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in files
    }
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    sizes = {name: int(told["bytes"]) for name, told in config["files"].items()}
    return {
        "all": sum(sizes.values()),
        **{name.replace("/", "_").replace(".", "_"): size for name, size in sizes.items()},
    }


def read_evaluation(path: Path, models: Path) -> dict[str, Any]:
    """metrics/evaluate/cgan.json. Raises UserError when it is missing or tells of other weights than those in
    `models`."""
    try:
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; a release tells how good it is, so evaluate first (dvc repro evaluate@cgan)"
        ) from None
    except ValueError:
        raise UserError(f"{path}: damaged; run the stage evaluate@cgan again") from None
    for name, parts in MADE_OF.items():
        for part in parts:
            weights = models / name / f"{part}.safetensors"
            if measured.get("models", {}).get(f"{name}.{part}") != sha256(weights):
                raise UserError(
                    f"{path}: measured with other weights than {weights}; run the stage evaluate@cgan again"
                )
    return measured


def describe(encoder: speaker.VoiceEncoder, part: Manifest, audio: AudioShards) -> np.ndarray:
    """Descriptions of all clips of a split, float64 [N, Y]."""
    if part.clips.empty:
        return np.empty((0, encoder.dim))
    return speaker.pool(encoder.embed_windows(part.clips, audio)).numpy().astype(np.float64)


def with_ages(identities: pd.DataFrame, truth: Path | None) -> pd.DataFrame:
    """The identities with the true ages of sample people where none are listed."""
    if truth is None:
        return identities
    ages = identities["voice_id"].map(pd.read_parquet(truth).set_index("voice_id")["age_years"])
    return identities.assign(
        age_years=identities["age_years"].astype(float).fillna(ages) if "age_years" in identities else ages
    )


def copy_model(source: Path, target: Path, parts: Sequence[str]) -> None:
    """Weights as they are; config.json without the list of the people whom the model met."""
    target.mkdir(parents=True, exist_ok=True)
    for part in parts:
        shutil.copyfile(source / f"{part}.safetensors", target / f"{part}.safetensors")
    config = store.read_config(source)
    told = {**config, **{key: people(config[key]) for key in PEOPLE}, "released": True}
    (target / "config.json").write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def people(identities: Sequence[str]) -> dict[str, Any]:
    """How many, and the sha256 of their sorted ids, one a line."""
    return {
        "identities": len(identities),
        "sha256": hashlib.sha256("\n".join(sorted(identities)).encode()).hexdigest(),
    }


def provenance(
    models: Path, measured: dict[str, Any], splits: dict[str, Manifest], with_truth: bool
) -> dict[str, Any]:
    """What the release was made of and from whom. Ages are `listed` in the metadata, or the `truth` behind
    sample people."""
    configs = {name: store.read_config(models / name) for name in MADE_OF}
    return {
        "source": measured["data"]["source"],
        "manifest_sha256": measured["data"]["digest"],
        "splits": {name: people(part.identities["identity_id"].tolist()) for name, part in splits.items()},
        "trained_on": {name: people(config["trained_on"]) for name, config in configs.items()},
        "trained_on_corpora": {
            name: config.get("trained_on_corpora", []) for name, config in configs.items()
        },
        "ages": "truth" if with_truth else "listed",
        "traits": {
            "trained_on": people(splits["train"].identities["identity_id"].tolist()),
            "calibrated_on": people(splits["val"].identities["identity_id"].tolist()),
        },
        "params": {name: config["params"] for name, config in configs.items()},
        "weights": {key: value for key, value in measured["models"].items() if key.split(".")[0] in MADE_OF},
        "judge": measured["judge"],
        "versions": measured["versions"],
    }


def choose_examples(
    training: Manifest,
    described: np.ndarray,
    photos: FaceShards,
    count: int,
    speaker_dim: int,
    size_px: int = 64,
) -> Examples:
    """Training people, evenly spaced in the order of their ids, with the mean direction of their clips'
    embeddings and their first face."""
    ids = sorted(training.identities["identity_id"])
    chosen = [ids[i] for i in np.unique(np.linspace(0, len(ids) - 1, min(count, len(ids))).astype(int))]
    owner = training.clips["identity_id"].to_numpy()
    means = np.stack([described[owner == one, :speaker_dim].mean(axis=0) for one in chosen])
    first = training.faces.drop_duplicates("identity_id").set_index("identity_id").loc[chosen]
    pixels = (
        torch.from_numpy(photos.gather(first["shard"].to_numpy(), first["row"].to_numpy()))
        .permute(0, 3, 1, 2)
        .float()
    )
    small = (
        F.interpolate(pixels, (size_px, size_px), mode="area")
        .round()
        .to(torch.uint8)
        .permute(0, 2, 3, 1)
        .numpy()
    )
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    return Examples(chosen, unit.astype(np.float32), small)


def sha256(path: Path) -> str:
    """Raises UserError when the file is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; run the stages before release first, as `dvc repro` does"
        ) from None
