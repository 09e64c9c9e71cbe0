"""A small world to evaluate on: sample people with rendered photos, noise as voices with the speaker's number
in them, and systems that generate faces or compare."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.schema import Config, from_dict
from deepfacegen.data.faces.align import align
from deepfacegen.data.faces.detect import Detector
from deepfacegen.data.shards import shard_path, write_array
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.synthetic.people import from_row, sample_people
from deepfacegen.synthetic.portrait import render_portrait

PEOPLE, TEST, PHOTOS, CLIPS, SIDE_PX = 24, 10, 2, 2, 128
PARAMS = {
    "sample": {"identities": PEOPLE, "photo_px": 160},
    "evaluate": {"draws": 2, "clips_per_identity": CLIPS, "trials_per_clip": 20, "bootstrap": 200},
}


@dataclass(frozen=True)
class World:
    """Where the data lies, and each person's faces reduced to 64 px: uint8 [I, PHOTOS, 64, 64, 3]."""

    root: Path
    config: Config
    faces: np.ndarray


@pytest.fixture(scope="session")
def built_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root, config = tmp_path_factory.mktemp("world"), from_dict(PARAMS)
    truth = sample_people(config.sample)
    detector = Detector()
    photos = []
    for i, row in truth.iterrows():
        for k in range(PHOTOS):
            picture = render_portrait(
                from_row(row), np.random.default_rng([1, int(str(i)), k]), config.sample.photo_px
            )
            photos.append(align(picture, detector.detect(picture).points[0], SIDE_PX))
    faces = np.stack(photos)
    write_array(shard_path(root / "data/faces", 0), faces)
    length = 4000
    # The first sample of a clip is the speaker's number: the fake systems below use nothing else.
    speech = np.random.default_rng(0).integers(-500, 500, size=(PEOPLE * CLIPS, length)).astype(np.int16)
    speech[:, 0] = np.repeat(np.arange(PEOPLE), CLIPS)
    write_array(shard_path(root / "data/audio", 0), speech.ravel())
    (root / "data/raw/meta").mkdir(parents=True)
    truth.to_parquet(root / "data/raw/meta/truth.parquet", index=False)
    _write_manifest(root / "data/manifest", truth, length)
    (root / "models/cgan").mkdir(parents=True)
    described = {"trained_on": truth["voice_id"].iloc[TEST:].tolist(), "trained_with": [], "chosen_on": []}
    (root / "models/cgan/config.json").write_text(json.dumps(described), encoding="utf-8")
    return World(root, config, shrink(faces, 64).reshape(PEOPLE, PHOTOS, 64, 64, 3))


@pytest.fixture
def world(built_world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, with its folder as the current one. Whoever changes it works on a copy."""
    monkeypatch.chdir(built_world.root)
    monkeypatch.setenv("DEEPFACEGEN_ENGINE", "threading")
    return built_world


def _write_manifest(folder: Path, truth: pd.DataFrame, length: int) -> None:
    folder.mkdir(parents=True)
    split = np.array(["test"] * TEST + ["train"] * (PEOPLE - TEST))
    identities = pd.DataFrame(
        {
            "identity_id": truth["voice_id"],
            "voice_id": truth["voice_id"],
            "face_id": truth["face_id"],
            "gender": truth["gender_listed"].replace("", None),
            "age_years": np.nan,
            "nationality": None,
            "split": split,
            "label": [-1] * TEST + list(range(PEOPLE - TEST)),
        }
    )
    identities.to_parquet(folder / "identities.parquet", index=False)
    for name, rows, count in (("clips", CLIPS, PEOPLE * CLIPS), ("faces", PHOTOS, PEOPLE * PHOTOS)):
        owner = np.repeat(np.arange(PEOPLE), rows)
        of = identities.iloc[owner].reset_index(drop=True)
        table = of[["identity_id", "voice_id", "face_id", "split", "label"]].assign(shard=0)
        if name == "clips":
            table = table.assign(clip_id=[f"{i}/{k:05d}" for k, i in enumerate(of["voice_id"])], video_id="v")
            table = table.assign(offset_samples=np.arange(count) * length, length_samples=length)
        else:
            table = table.assign(
                photo_id=[f"{i}/{k:04d}" for k, i in enumerate(of["face_id"])], row=np.arange(count)
            )
        table.to_parquet(folder / f"{name}.parquet", index=False)


class Cheat:
    """Generates real photos of the speaker: a perfect system."""

    def __init__(self, faces: np.ndarray) -> None:
        self.faces = faces

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        return np.stack([self.faces[voice[0], np.arange(n) % PHOTOS] for voice in voices])


class Deaf:
    """Generates photos of anybody, independent of the voice."""

    def __init__(self, faces: np.ndarray) -> None:
        self.faces = faces

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        anybody = [
            np.random.default_rng([seed, abs(int(voice[1]))]).integers(PEOPLE, size=n) for voice in voices
        ]
        return np.stack([self.faces[who, 0] for who in anybody])


class Vain(Cheat):
    """A cheat with a face network of its own, whose features are the brightness of the picture's quarters."""

    def face_features(self, faces: np.ndarray) -> np.ndarray:
        half = faces.shape[1] // 2
        quarters = [
            faces[:, rows, columns].mean(axis=(1, 2))
            for rows in (slice(half), slice(half, None))
            for columns in (slice(half), slice(half, None))
        ]
        return np.concatenate(quarters, axis=1).astype(np.float32)


class Ears:
    """A voice encoder by the speaker's number; numbers that differ by one are similar voices."""

    def speaker_embeddings(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        angle = np.array([2 * np.pi * voice[0] / PEOPLE for voice in voices])
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


class Knower:
    """Compares voices with faces: it knows who is on which photo of the world's population tables."""

    def __init__(self, row_of_face: dict[bytes, int]) -> None:
        self.row_of_face = row_of_face

    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        who = np.array([self.row_of_face[face.tobytes()] for face in faces])
        return (np.array([voice[0] for voice in voices])[:, None] == who[None, :]).astype(np.float32)


@pytest.fixture
def cheat(world: World) -> Cheat:
    return Cheat(world.faces)


@pytest.fixture
def vain(world: World) -> Vain:
    return Vain(world.faces)


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def deaf(world: World) -> Deaf:
    return Deaf(world.faces)


@pytest.fixture
def knower(world: World) -> Knower:
    stored = np.load(shard_path(world.root / "data/faces", 0))
    return Knower({face.tobytes(): k // PHOTOS for k, face in enumerate(stored)})
