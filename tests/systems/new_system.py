"""What test_new_system.py runs in a copy of the package with one more system: train, store, load, score,
evaluate, all through the registry."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from deepfacegen.config import schema
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.encoders.face_networks import FaceNet
from deepfacegen.encoders.speaker_networks import VoiceModel
from deepfacegen.evaluation.context import Folders
from deepfacegen.evaluation.run import evaluate
from deepfacegen.systems import registry
from deepfacegen.systems.protocol import FaceGenerator, VoiceFaceMatcher
from deepfacegen.training import store
from deepfacegen.training.resume import Resume

REAL = {"source": "voxceleb2", "voices_root": "v", "faces_root": "f", "metadata": "m"}


UNSEEN = ("id1", "id3", "id6", "id8")


def parted(table: pd.DataFrame) -> pd.DataFrame:
    """Another split of the corpus: the unseen people's pitches and colours lie between those of the others,
    not beyond."""
    known = [one for one in sorted(table["identity_id"].unique()) if one not in UNSEEN]
    label = table["identity_id"].map({one: number for number, one in enumerate(known)}).fillna(-1).astype(int)
    return table.assign(
        split=np.where(label < 0, "test", "train"), label=label, nationality=None, age_years=np.nan
    )


def run(name: str, settings: dict[str, Any], corpus: Path, scratch: Path) -> dict[str, Any]:
    """Train and evaluate the system on the tiny corpus; what came of it."""
    chosen = schema.from_dict({name: settings, "data": REAL, "evaluate": {"bootstrap": 100}})
    (scratch / "manifest").mkdir()
    for table in ("identities", "clips", "faces"):
        parted(pd.read_parquet(corpus / "manifest" / f"{table}.parquet")).to_parquet(
            scratch / "manifest" / f"{table}.parquet"
        )
    manifest, audio, photos = (
        Manifest.read(scratch / "manifest"),
        AudioShards(corpus / "audio"),
        FaceShards(corpus / "faces"),
    )
    models, cpu = scratch / "models", torch.device("cpu")
    torch.manual_seed(0)
    met: dict[str, Any] = {"trained_on": [], "chosen_on": [], "trained_with": []}
    network = {"architecture": "ecapa", "normalisation": "level", "dim": 16, "channels": 16}
    store.save(models / "voice", {"network": network, **met}, encoder=VoiceModel(dim=16, channels=16).encoder)
    store.save(
        models / "face",
        {"network": {"architecture": "small", "dim": 16, "channels": 4}, **met},
        network=FaceNet(dim=16, channels=4),
    )
    encoder, recogniser = speaker.load(models / "voice", cpu), face.load(models / "face", cpu)
    system = registry.module(name)
    # As stages/baseline.py does it.
    trained = system.train(
        getattr(chosen, name),
        manifest,
        audio,
        photos,
        encoder=encoder,
        recogniser=recogniser,
        resume=Resume(name, {}, [], scratch),
        sink=None,
    )
    system.save(
        models / name,
        getattr(chosen, name),
        trained,
        manifest.split("train").identities["identity_id"].tolist(),
    )
    trained.statistics.write_csv(scratch / "curves.csv")
    loaded: Any = registry.load(name, models, "cpu")
    clips = manifest.clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist()
    pixels = photos.rows(manifest.faces)
    scores = loaded.score([audio.read(*place) for place in clips], pixels)
    folders = Folders(
        scratch / "out",
        scratch / "plots",
        scratch / "manifest",
        corpus / "audio",
        corpus / "faces",
        scratch,
        models,
    )
    return {
        "default": dataclasses.asdict(getattr(schema.Config(), name)),
        "config": store.read_config(models / name),
        "curves": [trained.statistics.latest(), trained.effort.metrics(1)],
        "kinds": [isinstance(loaded, kind) for kind in (VoiceFaceMatcher, FaceGenerator)],
        "dtype": str(scores.dtype),
        "split": manifest.clips["split"].tolist(),
        "scores": scores.tolist(),
        "metrics": evaluate(
            loaded, chosen, folders, registry.voice_encoder(models, "cpu"), registry.PARTS[name]
        ),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    _, wanted, given, *places = sys.argv
    print(json.dumps(run(wanted, json.loads(given), *map(Path, places))))
