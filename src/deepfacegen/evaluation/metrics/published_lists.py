"""Metric `lists<suffix>`: published trial lists (`evaluate.trial_lists`, a folder), scored like our own
trials.

Keys, by file stem: `kind`, `lines`, `scored`, `lost.<reason>`; by population (seen, unseen, mixed) the keys
of `matching` or of `verification`, in a list of several parts below `parts.<part>`. Lists of two voices are
scored by the voice encoder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config.paths import located
from deepfacegen.data.batches import Manifest
from deepfacegen.errors import UserError
from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.embeddings import embed_real, embed_voices
from deepfacegen.evaluation.metrics.matching import accuracy, outcomes
from deepfacegen.evaluation.metrics.verification import labelled_pairs
from deepfacegen.evaluation.protocol.list_formats import read_list
from deepfacegen.evaluation.protocol.list_matching import POPULATIONS, Matched, match, narrow
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.protocol.trials import Trials
from deepfacegen.evaluation.scores import cosine, dot_rows
from deepfacegen.evaluation.tree import Tree
from deepfacegen.systems.protocol import VoiceFaceMatcher

SUFFIXES = (".txt", ".csv", ".parquet")

# Row numbers [T] of voices and of faces, or of voices and of voices -> scores [T], higher = more the same
# person (`scores.Score` is one).
PairScore = Callable[[np.ndarray, np.ndarray], np.ndarray]
# Rows of the clips' and of the faces' table -> the scores of these clips with these faces, by suffix.
CrossScore = Callable[[pd.DataFrame, pd.DataFrame], dict[str, PairScore]]
# Rows of the clips' table -> embeddings float [V, D].
EmbedClips = Callable[[pd.DataFrame], np.ndarray]


def applies(context: Context) -> bool:
    return bool(context.settings.trial_lists)


def compute(context: Context) -> Tree:
    settings, judge, encoder = context.settings, context.judge, context.voice_encoder

    def cross(clips: pd.DataFrame, faces: pd.DataFrame) -> dict[str, PairScore]:
        listed = Population("listed", context.manifest.identities, clips, faces)
        if not context.generates:
            return {"": context.own_scores(listed)}
        embedders = {judge: context.embedders[judge]}
        generated = context.generate(listed, embedders).embeddings[judge]
        real = embed_real(embedders, listed, context.photos)[judge]
        scores: dict[str, PairScore] = {
            "": cosine(generated, real),
            "_centred": cosine(generated, real, context.means),
        }
        own = isinstance(context.system, VoiceFaceMatcher)
        return scores | ({"_own": context.own_scores(listed)} if own else {})

    def embed(clips: pd.DataFrame) -> np.ndarray:
        assert encoder is not None
        return embed_voices(encoder, clips, context.audio)

    return published_lists(
        located(str(settings.trial_lists)),
        context.manifest,
        cross,
        embed if encoder is not None else None,
        settings.bootstrap,
        settings.seed,
    )


def published_lists(
    folder: Path, manifest: Manifest, cross: CrossScore, embed: EmbedClips | None, resamples: int, seed: int
) -> Tree:
    """{`lists<suffix>`: {file stem: `score`}} of every list in the folder.

    Lists of two voices are left out without `embed`. Raises UserError for a folder without lists, two lists
    of one name, or a malformed one.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES) if folder.is_dir() else []
    if not paths:
        raise UserError(f"{folder}: holds no trial lists ({', '.join(SUFFIXES)}); see evaluate.trial_lists")
    stems = [path.stem for path in paths]
    if len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        raise UserError(f"{folder}: two trial lists are named {twice}; rename one")
    metrics: Tree = {"lists": {}}
    for path in paths:
        found, clip_rows, face_rows = narrow(
            match(read_list(path), manifest.clips, manifest.faces, manifest.identities)
        )
        clips, faces = manifest.clips.iloc[clip_rows], manifest.faces.iloc[face_rows]
        scores: dict[str, tuple[PairScore | None, PairScore | None]] = {}
        if not found.voice.all():
            scores = {suffix: (pair, None) for suffix, pair in cross(clips, faces).items()}
        elif not len(found):  # nothing in it is ours
            scores = {"": (None, None)}
        elif embed is not None:
            scores = {"": (None, voice_cosine(embed(clips)))}
        for suffix, pair in scores.items():
            metrics.setdefault(f"lists{suffix}", {})[path.stem] = score(found, *pair, resamples, seed)
    return metrics


def voice_cosine(vectors: np.ndarray) -> PairScore:
    """Voice embeddings float [V, D], of any length -> their cosines, as a score of two voices."""
    units = unit(vectors)
    return lambda first, second: dot_rows(units, units, first, second)


def score(
    matched: Matched, voice_face: PairScore | None, voice_voice: PairScore | None, resamples: int, seed: int
) -> dict[str, Any]:
    """The metric of one list: accuracy (matching) or AUC and EER (verification), with intervals over people.

    AUC and EER are left out where all pairs, or none, are of the same person. Raises ValueError when a score
    that the list needs is None.
    """
    counts = {"lines": matched.lines, "scored": len(matched), "lost": matched.lost}
    metrics: dict[str, Any] = {"kind": matched.kind, **counts}
    scores = [_score(matched, column, voice_face, voice_voice) for column in range(1, matched.row.shape[1])]
    for part in np.unique(matched.part):
        cells = metrics
        for name in ("parts", *str(part).split(".")) if part else ():
            cells = cells.setdefault(name, {})
        for population in POPULATIONS:
            here = (matched.part == part) & (matched.population == population)
            if here.any():
                chosen = [values[here] for values in scores]
                cells[population] = _cell(matched.person[here], matched.same[here], chosen, resamples, seed)
    return metrics


def _cell(
    person: np.ndarray, same: np.ndarray, scores: list[np.ndarray], resamples: int, seed: int
) -> dict[str, float | int]:
    present, number = np.unique(person, return_inverse=True)
    number = number.reshape(person.shape)
    if person.shape[1] == 3:
        rows = np.arange(len(person))
        trials = Trials(rows, rows, rows, number[:, 0], number[:, 2])
        return accuracy(outcomes(*scores), trials, len(present), resamples, seed).metrics()
    if same.all() or not same.any():
        return {"pairs": len(same), "identities": len(present)}
    return labelled_pairs(scores[0], same, number[:, 0], number[:, 1], resamples, seed)


def _score(
    matched: Matched, column: int, voice_face: PairScore | None, voice_voice: PairScore | None
) -> np.ndarray:
    """The scores [K] of each trial's first name with that of a column."""
    first, second = matched.row[:, 0], matched.row[:, column]
    voice = matched.voice[:, [0, column]]
    voices, scores = voice.all(axis=1), np.empty(len(matched))
    left, right = np.where(voice[:, 0], first, second), np.where(voice[:, 0], second, first)
    for mask, scorer, what in (
        (voices, voice_voice, "two voices"),
        (~voices, voice_face, "a voice and a face"),
    ):
        if mask.any():
            if scorer is None:
                raise ValueError(f"the list compares {what}, and there is no score for that")
            scores[mask] = scorer(left[mask], right[mask])
    return scores
