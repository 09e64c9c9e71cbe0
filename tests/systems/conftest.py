"""A tiny corpus in the manifest's layout: ten people, each with a pitch and a colour of their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import AudioShards, FaceShards

PEOPLE, CLIPS, PHOTOS, SIZE_PX = 10, 3, 3, 64


@dataclass(frozen=True)
class Corpus:
    manifest: Manifest
    audio: AudioShards
    photos: FaceShards
    folder: Path


def _voice(person: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(int(16_000 * rng.uniform(1.5, 4.0))) / 16_000
    pitch_hz = 100 + 30 * person
    wave = sum(np.sin(2 * np.pi * pitch_hz * k * time) / k for k in range(1, 9)) + rng.normal(
        0, 0.05, len(time)
    )
    return (3000 * wave).astype(np.int16)


def _face(person: int, rng: np.random.Generator) -> np.ndarray:
    face = np.full((SIZE_PX, SIZE_PX, 3), (20 * person, 255 - 20 * person, 90), dtype=np.float64)
    face[20:26, 16:26] = face[20:26, 38:48] = 10 * person
    return np.clip(face + rng.normal(0, 8, face.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    splits = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    labels = [*range(6), -1, -1, -1, -1]
    people = pd.DataFrame(
        {"identity_id": [f"id{i}" for i in range(PEOPLE)], "split": splits, "label": labels}
    )
    people["gender"] = ["f", "m"] * 5
    clips, faces, waves, pictures, offset = [], [], [], [], 0
    for i, row in people.iterrows():
        for k in range(CLIPS):
            waves.append(_voice(int(i), rng))
            clips.append(
                {
                    **row,
                    "clip_id": f"id{i}/v/{k}",
                    "shard": 0,
                    "offset_samples": offset,
                    "length_samples": len(waves[-1]),
                }
            )
            offset += len(waves[-1])
        for k in range(PHOTOS):
            faces.append({**row, "photo_id": f"n{i}/{k}", "shard": 0, "row": len(pictures)})
            pictures.append(_face(int(i), rng))
    for name, array in (("audio", np.concatenate(waves)), ("faces", np.stack(pictures))):
        (folder / name).mkdir()
        np.save(folder / name / "shard-00000.npy", array)
    (folder / "manifest").mkdir()
    tables = Manifest(people, pd.DataFrame(clips), pd.DataFrame(faces))
    for name in ("identities", "clips", "faces"):
        getattr(tables, name).to_parquet(folder / "manifest" / f"{name}.parquet")
    return Corpus(
        Manifest.read(folder / "manifest"),
        AudioShards(folder / "audio"),
        FaceShards(folder / "faces"),
        folder,
    )
