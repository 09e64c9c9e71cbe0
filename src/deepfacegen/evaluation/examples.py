"""Unseen people for the report: true face, drawn faces and the speech they were drawn from, in the order of
the manifest, not chosen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation.embeddings import Score
from deepfacegen.evaluation.protocol.population import Population

MOST_PEOPLE = 100
SPEECH_SECONDS = 3
PROBES, NEAREST = 8, 5


def write(
    folder: Path, population: Population, drawn: np.ndarray, audio: AudioShards, photos: FaceShards
) -> None:
    """`unseen.parquet` (identity_id, gender, age_years, clip_id, photo_id) and, row by row, `unseen.npz`:
    `true` uint8 [P, T, T, 3], `drawn` uint8 [P, n, S, S, 3], `speech` int16 [P, 48000] (16 kHz, shorter clips
    end in silence).

    drawn [K, n, S, S, 3] belongs to the population's first K clips.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clips = _clips(population, len(drawn))
    faces = population.faces.drop_duplicates("person").set_index("person").loc[clips["person"]]
    table = population.identities.iloc[clips["person"].to_numpy()][
        ["identity_id", "gender", "age_years"]
    ].reset_index(drop=True)
    table.assign(clip_id=clips["clip_id"].to_numpy(), photo_id=faces["photo_id"].to_numpy()).to_parquet(
        folder / "unseen.parquet", index=False
    )
    length = SPEECH_SECONDS * SAMPLE_RATE_HZ
    speech = np.zeros((len(clips), length), dtype=np.int16)
    for row, (shard, offset, samples) in zip(
        speech, clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist(), strict=True
    ):
        heard = audio.read(shard, offset, min(samples, length))
        row[: len(heard)] = heard
    true = photos.gather(faces["shard"].to_numpy(), faces["row"].to_numpy())
    np.savez_compressed(
        folder / "unseen.npz", true=true, drawn=drawn[clips["index"].to_numpy()], speech=speech
    )


def write_retrieved(
    folder: Path, population: Population, drawn: int, scores: Mapping[str, Score], photos: FaceShards
) -> None:
    """`retrieved.npz`: for the first people of `unseen.parquet`, which true faces of all fit their voice
    best.

    `probe` int64 [Q] (row of unseen.parquet), `gallery` int (how many true faces there are) and, with the
    suffix of each way to score, `faces` uint8 [Q, 5, T, T, 3], `own` bool [Q, 5], `rank` int64 [Q] (of the
    best own face).
    """
    clips = _clips(population, drawn).head(PROBES)
    owner, person = population.faces["person"].to_numpy(), clips["person"].to_numpy()
    arrays: dict[str, Any] = {"probe": np.arange(len(clips)), "gallery": np.int64(len(owner))}
    for suffix, score in scores.items():
        order = np.argsort(-score.block(clips["index"].to_numpy(), "voice_to_face"), axis=1, kind="stable")
        mine, nearest = owner[order] == person[:, None], order[:, :NEAREST]
        rows = population.faces.iloc[nearest.reshape(-1)]
        faces = photos.gather(rows["shard"].to_numpy(), rows["row"].to_numpy())
        arrays |= {
            f"faces{suffix}": faces.reshape(*nearest.shape, *faces.shape[1:]),
            f"own{suffix}": mine[:, :NEAREST],
        }
        arrays[f"rank{suffix}"] = mine.argmax(axis=1) + 1
    np.savez_compressed(folder / "retrieved.npz", **arrays)


def _clips(population: Population, drawn: int) -> pd.DataFrame:
    """The first clip of each of the first people for whom faces were kept; the column `index` is its row
    among the population's clips."""
    return population.clips.iloc[:drawn].reset_index().drop_duplicates("person").head(MOST_PEOPLE)
