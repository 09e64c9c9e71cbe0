"""The trial lists with their scores: what somebody needs to score another system on the very same trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.evaluation.answers import Scores
from deepfacegen.evaluation.tasks import Questions, Task


def trials(q: Questions, scores: Mapping[str, Scores]) -> pd.DataFrame:
    """One row per trial 1:2: direction, population, group, ids of probe, positive and impostor and of the two people, and the scores of both
    candidates, under `positive_score` and `impostor_score` with the suffix of the way to score.
    """
    return pd.concat([_table(task, scores) for task in q.tasks], ignore_index=True)


def write(path: Path, table: pd.DataFrame) -> None:
    """As Parquet; what is text becomes a category, for each id stands there many times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [name for name, kind in table.dtypes.items() if not pd.api.types.is_float_dtype(kind)]
    table.astype(dict.fromkeys(text, "category")).to_parquet(path, index=False)


def _table(task: Task, scores: Mapping[str, Scores]) -> pd.DataFrame:
    clips, faces = task.population.clips["clip_id"].to_numpy(), task.population.faces["photo_id"].to_numpy()
    people = task.population.identities["identity_id"].to_numpy()
    probes, gallery = (clips, faces) if task.direction == "voice_to_face" else (faces, clips)
    columns = {
        **dict(zip(("direction", "population", "group"), task.path, strict=True)),
        "probe_id": probes[task.trials.probe],
        "positive_id": gallery[task.trials.positive],
        "impostor_id": gallery[task.trials.impostor],
        "anchor_identity": people[task.trials.anchor_identity],
        "impostor_identity": people[task.trials.impostor_identity],
    }
    for suffix, by_population in scores.items():
        right, wrong = task.scores(by_population[task.population.name])
        columns |= {f"positive_score{suffix}": right.astype(np.float32), f"impostor_score{suffix}": wrong.astype(np.float32)}
    return pd.DataFrame(columns)
