"""Unseen people for the report: real face, generated faces and speech, in the order of the manifest; and a
contact sheet of faces generated from their voices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.scores import Score

MOST_PEOPLE = 100
SPEECH_SECONDS = 3
PROBES, NEAREST = 8, 5
SHEET_COLUMNS, SHEET_VOICES = 8, 64
PAPER = 255  # grey value of empty places of the sheet


def write(folder: Path, context: Context) -> None:
    """unseen.{parquet,npz}, retrieved.npz and contact_sheet.png of a generator."""
    unseen, photos = context.unseen, context.photos
    faces = context.generated[unseen.name].faces
    clips = unseen.clips[: len(faces)].reset_index().drop_duplicates("person").head(MOST_PEOPLE)
    folder.mkdir(parents=True, exist_ok=True)
    write_people(folder, unseen, clips, faces[clips["index"].to_numpy()], context.audio, photos)
    scores = {suffix: by_population[unseen.name] for suffix, by_population in context.scores.items()}
    write_retrieved(folder, unseen, clips.head(PROBES), scores, photos)
    sheet = contact_sheet(context.varied.faces[clips["index"].head(SHEET_VOICES).to_numpy(), 0])
    Image.fromarray(sheet).save(folder / "contact_sheet.png")


def write_people(
    folder: Path,
    population: Population,
    clips: pd.DataFrame,
    generated: np.ndarray,
    audio: AudioShards,
    photos: FaceShards,
) -> None:
    """`unseen.parquet` (identity_id, gender, age_years, clip_id, photo_id) and, row by row, `unseen.npz`:
    `true` uint8 [P, T, T, 3] (real faces), `drawn` uint8 [P, n, S, S, 3] (generated ones), `speech` int16 [P,
    48000] (16 kHz, shorter clips end in silence). clips: one of each person."""
    faces = population.faces.drop_duplicates("person").set_index("person").loc[clips["person"]]
    people = population.identities.iloc[clips["person"].to_numpy()].reset_index(drop=True)
    people[["identity_id", "gender", "age_years"]].assign(
        clip_id=clips["clip_id"].to_numpy(), photo_id=faces["photo_id"].to_numpy()
    ).to_parquet(folder / "unseen.parquet", index=False)
    most = SPEECH_SECONDS * SAMPLE_RATE_HZ
    speech = np.zeros((len(clips), most), dtype=np.int16)
    voices = audio.clips(clips.assign(length_samples=clips["length_samples"].clip(upper=most)))
    for row, voice in zip(speech, voices, strict=True):
        row[: len(voice)] = voice
    np.savez_compressed(folder / "unseen.npz", true=photos.rows(faces), drawn=generated, speech=speech)


def write_retrieved(
    folder: Path, population: Population, clips: pd.DataFrame, scores: dict[str, Score], photos: FaceShards
) -> None:
    """`retrieved.npz`: the real faces with the highest scores for the first people of `unseen.parquet`.

    `probe` int64 [Q] (row of unseen.parquet), `gallery` int (the number of real faces) and, with the suffix
    of each way to score, `faces` uint8 [Q, 5, T, T, 3], `own` bool [Q, 5], `rank` int64 [Q] (of the best own
    face). clips: those of the Q people; the column `index` is a row of the population's clips.
    """
    owner, person = population.faces["person"].to_numpy(), clips["person"].to_numpy()
    arrays: dict[str, Any] = {"probe": np.arange(len(clips)), "gallery": np.int64(len(owner))}
    for suffix, score in scores.items():
        order = np.argsort(-score.block(clips["index"].to_numpy(), "voice_to_face"), axis=1, kind="stable")
        mine, nearest = owner[order] == person[:, None], order[:, :NEAREST]
        faces = photos.rows(population.faces.iloc[nearest.reshape(-1)])
        arrays[f"faces{suffix}"] = faces.reshape(*nearest.shape, *faces.shape[1:])
        arrays[f"own{suffix}"] = mine[:, :NEAREST]
        arrays[f"rank{suffix}"] = mine.argmax(axis=1) + 1
    np.savez_compressed(folder / "retrieved.npz", **arrays)


def contact_sheet(faces: np.ndarray) -> np.ndarray:
    """Faces uint8 [N, S, S, 3] in rows of SHEET_COLUMNS, without selection: uint8 [H, SHEET_COLUMNS * S, 3];
    the rest of the last row is white."""
    side, rows = faces.shape[1], -(-len(faces) // SHEET_COLUMNS)
    places = np.full((rows * SHEET_COLUMNS, side, side, 3), PAPER, dtype=np.uint8)
    places[: len(faces)] = faces
    table = places.reshape(rows, SHEET_COLUMNS, side, side, 3)
    return table.transpose(0, 2, 1, 3, 4).reshape(rows * side, SHEET_COLUMNS * side, 3)
