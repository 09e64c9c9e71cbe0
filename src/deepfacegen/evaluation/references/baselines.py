"""Baselines that draw nothing: the mean training face, that of the speaker's gender, and the face of the
training person who sounds most alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deepfacegen.data.shards import AudioShards
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.systems.protocol import VoiceEncoder

CLIPS_AT_ONCE = 256


def mean_face(training: np.ndarray, clips: int) -> np.ndarray:
    """Vectors of training faces [F, D] -> the same mean direction for every clip, float32 [clips, 1, D]."""
    return np.repeat(unit(training.mean(axis=0))[None, None], clips, axis=0)


def gender_face(training: Population, vectors: np.ndarray, population: Population) -> np.ndarray | None:
    """The mean training face of the speaker's listed gender: what a drawing would score that shows nothing
    else. float32 [V, 1, D].

    vectors [F, D]: of the training faces. Who has no listed gender is given the mean face of all. None when
    nobody's is known on either side.
    """
    faces, speakers = (
        training.genders()[training.faces["person"]],
        population.genders()[population.clips["person"]],
    )
    stand_in = mean_face(vectors, len(speakers))
    known = [gender for gender in ("f", "m") if (faces == gender).any() and (speakers == gender).any()]
    for gender in known:
        stand_in[speakers == gender] = unit(vectors[faces == gender].mean(axis=0))
    return stand_in if known else None


def nearest_voice(
    training: Population, vectors: np.ndarray, heard: np.ndarray, population: Population, voices: np.ndarray
) -> np.ndarray:
    """The true face of the training person whose voice is nearest: what retrieval scores where others draw.
    float32 [V, 1, D].

    vectors [F, D]: of the training faces. heard [C, E] and voices [V, E]: unit speaker embeddings of the
    training clips and of the population's. A person's face is the mean direction of their vectors. A clip
    never finds itself; but a seen person's other clips are among the training clips, so among seen people
    this is little but a look at the list.
    """
    owner = training.clips["person"].to_numpy()
    of_person = person_means(vectors, training.faces["person"].to_numpy(), len(training.identities))
    own_clip = (
        training.clips.reset_index()
        .set_index("clip_id")["index"]
        .reindex(population.clips["clip_id"])
        .to_numpy()
    )
    nearest = np.empty(len(voices), dtype=np.int64)
    for start in range(0, len(voices), CLIPS_AT_ONCE):
        likeness = voices[start : start + CLIPS_AT_ONCE] @ heard.T
        itself = own_clip[start : start + CLIPS_AT_ONCE]
        there = np.flatnonzero(~np.isnan(itself))
        likeness[there, itself[there].astype(np.int64)] = -np.inf
        nearest[start : start + CLIPS_AT_ONCE] = likeness.argmax(axis=1)
    return of_person[owner[nearest]][:, None]


def person_means(vectors: np.ndarray, person: np.ndarray, people: int) -> np.ndarray:
    """Unit vectors [F, D] and whose each is [F] -> the mean direction of each person's, float32 [people,
    D]."""
    total = np.zeros((people, vectors.shape[1]), dtype=np.float32)
    np.add.at(total, person, vectors)
    return unit(total)


def hear(listener: VoiceEncoder, clips: pd.DataFrame, audio: AudioShards) -> np.ndarray:
    """Unit speaker embeddings of the clips of a table, float32 [V, E]."""
    places = clips[["shard", "offset_samples", "length_samples"]].to_numpy().tolist()
    parts = [places[start : start + CLIPS_AT_ONCE] for start in range(0, len(places), CLIPS_AT_ONCE)]
    return np.concatenate([listener.speaker_embeddings([audio.read(*place) for place in part]) for part in parts])
