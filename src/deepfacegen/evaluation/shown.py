"""Unseen people for the report: true face, drawn faces and the speech they were drawn from, in the order of the manifest, not chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation.population import Population

MOST_PEOPLE = 100
SPEECH_SECONDS = 3


def write(folder: Path, population: Population, drawn: np.ndarray, audio: AudioShards, photos: FaceShards, ages: pd.Series | None = None) -> None:
    """`unseen.parquet` (identity_id, gender, age_years, clip_id, photo_id) and, row by row, `unseen.npz`:
    `true` uint8 [P, T, T, 3], `drawn` uint8 [P, n, S, S, 3], `speech` int16 [P, 48000] (16 kHz, shorter clips end in silence).

    drawn [K, n, S, S, 3] belongs to the population's first K clips. `ages` (years, by identity) fills in for ages that no metadata
    lists.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clips = population.clips.iloc[: len(drawn)].reset_index().drop_duplicates("person").head(MOST_PEOPLE)
    faces = population.faces.drop_duplicates("person").set_index("person").loc[clips["person"]]
    table = population.identities.iloc[clips["person"].to_numpy()][["identity_id", "gender", "age_years"]].reset_index(drop=True)
    if ages is not None:
        table["age_years"] = table["age_years"].astype(float).fillna(table["identity_id"].map(ages))
    table.assign(clip_id=clips["clip_id"].to_numpy(), photo_id=faces["photo_id"].to_numpy()).to_parquet(folder / "unseen.parquet", index=False)
    length = SPEECH_SECONDS * SAMPLE_RATE_HZ
    speech = np.zeros((len(clips), length), dtype=np.int16)
    for row, (shard, offset, samples) in zip(speech, clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist(), strict=True):
        heard = audio.read(shard, offset, min(samples, length))
        row[: len(heard)] = heard
    true = photos.gather(faces["shard"].to_numpy(), faces["row"].to_numpy())
    np.savez_compressed(folder / "unseen.npz", true=true, drawn=drawn[clips["index"].to_numpy()], speech=speech)
