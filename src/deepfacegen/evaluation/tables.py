"""The trial lists with their scores: what somebody needs to score another system on the very same trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.evaluation.metrics.headline import Scores
from deepfacegen.evaluation.protocol.tasks import DIRECTIONS, EvaluationProtocol, RankedTrials, Task


def trials(q: EvaluationProtocol, scores: Mapping[str, Scores]) -> pd.DataFrame:
    """One row per trial 1:2: direction, population, group, ids of probe, positive and impostor and of the two
    people, and the scores of both candidates, under `positive_score` and `impostor_score` with the suffix of
    the way to score.
    """
    return pd.concat([_table(task, scores) for task in q.tasks], ignore_index=True)


def choices(q: EvaluationProtocol, scores: Mapping[str, Scores]) -> pd.DataFrame:
    """One row per choice 1:N: direction, population, group, `probe_id`, the ids `candidate_<1 to C>` (the own
    one first; 1:N is of the first N) and the score of each, `score_<1 to C>` with the suffix of the way to
    score. Empty without lists.
    """
    tables = []
    for choice in q.choices:
        probes, gallery = _ids(choice)
        told = dict(zip(("direction", "population", "group"), choice.path, strict=True)) | {
            "probe_id": probes[choice.lists.probe]
        }
        told |= {f"candidate_{k + 1}": gallery[column] for k, column in enumerate(choice.lists.candidate.T)}
        for suffix, by_population in scores.items():
            found = choice.scores(by_population[choice.population.name]).astype(np.float32)
            told |= {f"score_{k + 1}{suffix}": column for k, column in enumerate(found.T)}
        tables.append(pd.DataFrame(told))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def write(path: Path, table: pd.DataFrame) -> None:
    """As Parquet; what is text becomes a category, for each id stands there many times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [name for name, kind in table.dtypes.items() if not pd.api.types.is_float_dtype(kind)]
    table.astype(dict.fromkeys(text, "category")).to_parquet(path, index=False)


def _table(task: Task, scores: Mapping[str, Scores]) -> pd.DataFrame:
    probes, gallery = _ids(task)
    people = task.population.identities["identity_id"].to_numpy()
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
        columns |= {
            f"positive_score{suffix}": right.astype(np.float32),
            f"impostor_score{suffix}": wrong.astype(np.float32),
        }
    return pd.DataFrame(columns)


def _ids(asked: Task | RankedTrials) -> tuple[np.ndarray, np.ndarray]:
    """The ids of all probes and of the gallery."""
    clips, faces = asked.population.clips["clip_id"].to_numpy(), asked.population.faces["photo_id"].to_numpy()
    return (clips, faces) if asked.direction == DIRECTIONS[0] else (faces, clips)
