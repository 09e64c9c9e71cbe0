"""Published trial lists, scored like our own: a folder of them, each file under its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.data.batches import Manifest
from deepfacegen.errors import UserError
from deepfacegen.evaluation.metrics.headline import Tree
from deepfacegen.evaluation.protocol.list_formats import read_list
from deepfacegen.evaluation.protocol.lists import Matched, PairScore, match, narrow, score, voice_cosine

SUFFIXES = (".txt", ".csv", ".parquet")

# Rows of the clips' and of the faces' table -> how to score any of these clips with any of these faces, by
# suffix of the way to score.
CrossScore = Callable[[pd.DataFrame, pd.DataFrame], dict[str, PairScore]]
# Rows of the clips' table -> embeddings float [V, D].
Hear = Callable[[pd.DataFrame], np.ndarray]


def published_lists(
    folder: Path, manifest: Manifest, cross: CrossScore, hear: Hear | None, resamples: int, seed: int
) -> Tree:
    """{`lists<suffix>`: {file stem: what `lists.score` tells}} of every list in the folder.

    Lists of two voices are scored by the voice encoder and are left out without one. Raises UserError for a
    folder without lists, two lists of one name, or a malformed one.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix in SUFFIXES) if folder.is_dir() else []
    if not paths:
        raise UserError(f"{folder}: holds no trial lists ({', '.join(SUFFIXES)}); see evaluate.trial_lists")
    stems = [path.stem for path in paths]
    if len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        raise UserError(f"{folder}: two trial lists are named {twice}; rename one")
    told: Tree = {"lists": {}}
    for path in paths:
        found, clips, faces = narrow(
            match(read_list(path), manifest.clips, manifest.faces, manifest.identities)
        )
        for suffix, cells in _scored(
            found, manifest.clips.iloc[clips], manifest.faces.iloc[faces], cross, hear, resamples, seed
        ).items():
            told.setdefault(f"lists{suffix}", {})[path.stem] = cells
    return told


def _scored(
    found: Matched,
    clips: pd.DataFrame,
    faces: pd.DataFrame,
    cross: CrossScore,
    hear: Hear | None,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    if found.voice.all():  # of voices alone, or of nothing that we have
        if hear is None and len(found):
            return {}
        return {
            "": score(
                found,
                None,
                voice_cosine(hear(clips)) if hear is not None and len(found) else None,
                resamples,
                seed,
            )
        }
    return {suffix: score(found, pair, None, resamples, seed) for suffix, pair in cross(clips, faces).items()}
