"""Builds a release: weights, trait readouts, metrics and provenance, without data of real people."""

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
from deepfacegen.release import card, evaluation, fit, folder, quality, traits
from deepfacegen.release.evaluation import PARTS, sha256
from deepfacegen.release.folder import Examples
from deepfacegen.training import store

# Lists of people in a model's config.json. A release has their number and digest instead: a list can be
# checked against it, but not read from it.
PEOPLE = ("trained_on", "chosen_on")
LICENCE = "MIT"
LICENCE_REAL = "the code: MIT; the weights: bound by the terms of the data they were trained on"


@dataclass(frozen=True)
class Source:
    """The inputs of a release."""

    models: Path
    manifest: Manifest
    audio: AudioShards
    photos: FaceShards
    evaluated: Path  # metrics/evaluate/cgan.json
    truth: Path | None = None  # data/raw/meta/truth.parquet of sample people, whose metadata lists no ages


def build(
    out: Path, source: Source, encoder: speaker.VoiceEncoder, examples: int, seed: int = 0
) -> dict[str, Any]:
    """Write the release into the folder `out`, without the ONNX model, which `finish` needs; returns the
    metrics of the traits.

    Raises UserError when the evaluation is missing or was made with other weights.
    """
    evaluated = evaluation.read(source.evaluated, source.models)
    splits = {name: source.manifest.split(name) for name in ("train", "val", "test")}
    embeddings = {name: embed(encoder, part, source.audio) for name, part in splits.items()}
    voices = {
        name: fit.label(embeddings[name], part.clips, with_ages(part.identities, source.truth))
        for name, part in splits.items()
    }
    readouts = fit.fit(voices["train"], voices["val"], seed)
    trait_metrics = quality.measure(readouts, voices["train"], voices["val"], voices["test"])
    for name, parts in PARTS.items():
        copy_model(source.models / name, out / name, parts)
    traits.save(out, readouts)
    if examples:
        people = choose_examples(
            splits["train"], embeddings["train"], source.photos, examples, encoder.speaker_dim
        )
        folder.save_examples(out, people)
    config = {
        "format": folder.FORMAT,
        "format_version": folder.FORMAT_VERSION,
        "package_version": __version__,
        "made_of": sorted(PARTS),
        "image_size_px": store.read_config(source.models / "cgan")["sizes"]["image_size_px"],
        "voice_dim": encoder.dim,
        "examples": min(examples, len(splits["train"].identities)),
        "figures": evaluation.matching(evaluated) | {"traits": trait_metrics},
        "provenance": provenance(source.models, evaluated, splits, source.truth is not None),
        "licence": LICENCE if evaluated["data"]["source"] == "sample" else LICENCE_REAL,
    }
    write_json(out / "config.json", config)
    return trait_metrics


def finish(out: Path, exported: dict[str, Any]) -> dict[str, Any]:
    """Complete config.json with the export and all files, and write the card; returns sizes in bytes."""
    config = folder.read_config(out)
    config["onnx"] = exported
    (out / folder.CARD).write_text(card.render(config), encoding="utf-8")
    files = sorted(path for path in out.rglob("*") if path.is_file() and path != out / "config.json")
    config["files"] = {
        path.relative_to(out).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256(path)}
        for path in files
    }
    write_json(out / "config.json", config)
    sizes = {name: int(file["bytes"]) for name, file in config["files"].items()}
    keys = {name: name.replace("/", "_").replace(".", "_") for name in sizes}
    return {"all": sum(sizes.values()), **{keys[name]: size for name, size in sizes.items()}}


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def embed(encoder: speaker.VoiceEncoder, part: Manifest, audio: AudioShards) -> np.ndarray:
    """Embeddings of all clips of a split, float64 [N, Y]."""
    if part.clips.empty:
        return np.empty((0, encoder.dim))
    return speaker.pool(encoder.embed_windows(part.clips, audio)).numpy().astype(np.float64)


def with_ages(identities: pd.DataFrame, truth: Path | None) -> pd.DataFrame:
    """The identities with the true ages of sample people where none are listed."""
    if truth is None:
        return identities
    ages = identities["voice_id"].map(pd.read_parquet(truth).set_index("voice_id")["age_years"])
    if "age_years" in identities:
        ages = identities["age_years"].astype(float).fillna(ages)
    return identities.assign(age_years=ages)


def copy_model(source: Path, target: Path, parts: Sequence[str]) -> None:
    """The weights unchanged; config.json without its lists of people."""
    target.mkdir(parents=True, exist_ok=True)
    for part in parts:
        shutil.copyfile(source / f"{part}.safetensors", target / f"{part}.safetensors")
    config = store.read_config(source)
    counts = {key: count_people(config[key]) for key in PEOPLE}
    write_json(target / "config.json", {**config, **counts, "released": True})


def count_people(identities: Sequence[str]) -> dict[str, Any]:
    """Their number, and the sha256 of their sorted ids, one a line."""
    digest = hashlib.sha256("\n".join(sorted(identities)).encode()).hexdigest()
    return {"identities": len(identities), "sha256": digest}


def provenance(
    models: Path, evaluated: dict[str, Any], splits: dict[str, Manifest], with_truth: bool
) -> dict[str, Any]:
    """Data, people, parameters and versions behind a release. Ages are `listed` in the metadata, or the
    `truth` of sample people."""
    configs = {name: store.read_config(models / name) for name in PARTS}
    people = {name: count_people(part.identities["identity_id"].tolist()) for name, part in splits.items()}
    return {
        "source": evaluated["data"]["source"],
        "manifest_sha256": evaluated["data"]["digest"],
        "splits": people,
        "trained_on": {name: count_people(config["trained_on"]) for name, config in configs.items()},
        "prior": prior_of(models),
        "trained_on_corpora": {
            name: config.get("trained_on_corpora", []) for name, config in configs.items()
        },
        **_photos(configs),
        "ages": "truth" if with_truth else "listed",
        "traits": {"trained_on": people["train"], "calibrated_on": people["val"]},
        "params": {name: config["params"] for name, config in configs.items()},
        "weights": {key: value for key, value in evaluated["models"].items() if key.split(".")[0] in PARTS},
        "judge": evaluated["judge"],
        "versions": evaluated["versions"],
    }


def prior_of(models: Path) -> dict[str, Any] | None:
    """What the generator started from: the architecture of the prior, and how many people's photos it was
    trained on. None for the paper's generator, which begins at random. Raises UserError if the prior is
    missing."""
    if store.read_config(models / "cgan")["params"]["architecture"] == "paper":
        return None
    config = store.read_config(models / "prior")
    return {"architecture": config["params"]["architecture"], **count_people(config["trained_on"])}


def _photos(configs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """`trained_on_photos` of the models that photos of people without voices took part in, if there are
    any."""
    key = "trained_on_photos"
    found = {name: config[key] for name, config in configs.items() if key in config}
    return {key: found} if found else {}


def choose_examples(
    training: Manifest,
    embeddings: np.ndarray,
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
    means = np.stack([embeddings[owner == one, :speaker_dim].mean(axis=0) for one in chosen])
    first = training.faces.drop_duplicates("identity_id").set_index("identity_id").loc[chosen]
    pixels = torch.from_numpy(photos.rows(first)).permute(0, 3, 1, 2).float()
    small = F.interpolate(pixels, (size_px, size_px), mode="area").round().to(torch.uint8)
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    return Examples(chosen, unit.astype(np.float32), small.permute(0, 2, 3, 1).numpy())
