"""Metric `baselines`: matching by faces that no system generated, as what a system should beat.

Keys: `mean_face` (the mean training face), `gender_face` (the mean training face of the speaker's gender;
where genders are listed) and `nearest_voice` (the face of the training person with the most similar voice;
with a voice encoder), each `matching` and `matching_centred`.
"""

from __future__ import annotations

import numpy as np

from deepfacegen.data.shards import batched
from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.embeddings import CLIPS_AT_ONCE
from deepfacegen.evaluation.metrics.matching import matching
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.scores import cosines
from deepfacegen.evaluation.tree import Tree


def applies(context: Context) -> bool:
    return context.generates


def compute(context: Context) -> Tree:
    return by_judge(context, context.judge)


def by_judge(context: Context, judge: str) -> Tree:
    """{"baselines": ...} in the embeddings of one judge."""
    training, voices, both = context.training, context.voices, context.protocol.populations
    known = context.real_training[judge]
    faces = {"mean_face": {p.name: mean_face(known, len(p.clips)) for p in both}}
    by_gender = {p.name: gender_face(training, known, p) for p in both}
    if all(face is not None for face in by_gender.values()):
        faces["gender_face"] = {name: face for name, face in by_gender.items() if face is not None}
    if voices is not None:
        heard = voices[training.name]
        faces["nearest_voice"] = {
            p.name: nearest_voice(training, known, heard, p, voices[p.name]) for p in both
        }
    return {
        "baselines": {
            name: {
                f"matching{suffix}": matching(context.protocol, scores)
                for suffix, scores in cosines(embeddings, context.real[judge]).items()
            }
            for name, embeddings in faces.items()
        }
    }


def mean_face(training: np.ndarray, clips: int) -> np.ndarray:
    """Embeddings of training faces [F, D] -> the same mean direction for every clip, float32 [clips, 1,
    D]."""
    return np.repeat(unit(training.mean(axis=0))[None, None], clips, axis=0)


def gender_face(training: Population, embeddings: np.ndarray, population: Population) -> np.ndarray | None:
    """The mean training face of each speaker's listed gender, float32 [V, 1, D]: what a face scores that
    shows the gender alone.

    embeddings [F, D]: of the training faces. A speaker without a listed gender gets the mean of all faces.
    None when no gender is listed on both sides.
    """
    faces = training.genders()[training.faces["person"]]
    speakers = population.genders()[population.clips["person"]]
    means = mean_face(embeddings, len(speakers))
    known = [gender for gender in ("f", "m") if (faces == gender).any() and (speakers == gender).any()]
    for gender in known:
        means[speakers == gender] = unit(embeddings[faces == gender].mean(axis=0))
    return means if known else None


def nearest_voice(
    training: Population,
    embeddings: np.ndarray,
    heard: np.ndarray,
    population: Population,
    voices: np.ndarray,
) -> np.ndarray:
    """The mean real face of the training person whose voice is nearest to each clip, float32 [V, 1, D].

    embeddings [F, D]: of the training faces. heard [C, E], voices [V, E]: unit speaker embeddings of the
    training clips and of the population's. A clip is never its own neighbour; but a seen person's other clips
    are among the training clips, so among seen people this is little but a look-up.
    """
    owner = training.clips["person"].to_numpy()
    of_person = person_means(embeddings, training.faces["person"].to_numpy(), len(training.identities))
    rows = training.clips.reset_index().set_index("clip_id")["index"]
    own_clip = rows.reindex(population.clips["clip_id"]).to_numpy()
    nearest = []
    for part, itself in zip(batched(voices, CLIPS_AT_ONCE), batched(own_clip, CLIPS_AT_ONCE), strict=True):
        similarity = part @ heard.T
        there = np.flatnonzero(~np.isnan(itself))
        similarity[there, itself[there].astype(np.int64)] = -np.inf
        nearest.append(similarity.argmax(axis=1))
    return of_person[owner[np.concatenate(nearest)]][:, None]


def person_means(embeddings: np.ndarray, person: np.ndarray, people: int) -> np.ndarray:
    """Unit vectors [F, D] and the person of each [F] -> the mean direction of each person's, float32 [people,
    D]."""
    total = np.zeros((people, embeddings.shape[1]), dtype=np.float32)
    np.add.at(total, person, embeddings)
    return unit(total)
