"""The trials with their scores, as tables: what it takes to score another system on the very same trials."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.evaluation.protocol.tasks import DIRECTIONS, EvaluationProtocol, RankedTrials, Task
from deepfacegen.evaluation.scores import Scores

PATH = ("direction", "population", "group")


def trials(protocol: EvaluationProtocol, scores: Mapping[str, Scores]) -> pd.DataFrame:
    """One row per trial with two candidates: direction, population, group, ids of probe, positive and
    impostor and of the two people, and the scores of both candidates, `positive_score` and `impostor_score`
    with the suffix of the way to score."""
    tables = []
    for task in protocol.tasks:
        (probes, gallery), of = _ids(task), task.trials
        people = task.population.identities["identity_id"].to_numpy()
        columns: dict[str, Any] = {
            **dict(zip(PATH, task.path, strict=True)),
            "probe_id": probes[of.probe],
            "positive_id": gallery[of.positive],
            "impostor_id": gallery[of.impostor],
            "anchor_identity": people[of.anchor_identity],
            "impostor_identity": people[of.impostor_identity],
        }
        for suffix, by_population in scores.items():
            for side, values in zip(("positive", "impostor"), task.scores(by_population), strict=True):
                columns[f"{side}_score{suffix}"] = values.astype(np.float32)
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def ranked_trials(protocol: EvaluationProtocol, scores: Mapping[str, Scores]) -> pd.DataFrame:
    """One row per ranked trial: direction, population, group, `probe_id`, the ids `candidate_<1 to C>` (the
    own one first; a choice among N takes the first N) and the score of each, `score_<1 to C>` with the suffix
    of the way to score. Empty without ranked trials."""
    tables = []
    for ranked in protocol.ranked_trials:
        probes, gallery = _ids(ranked)
        columns: dict[str, Any] = dict(zip(PATH, ranked.path, strict=True))
        columns["probe_id"] = probes[ranked.lists.probe]
        columns |= {
            f"candidate_{k}": gallery[rows] for k, rows in enumerate(ranked.lists.candidate.T, start=1)
        }
        for suffix, by_population in scores.items():
            values = ranked.scores(by_population).astype(np.float32)
            columns |= {f"score_{k}{suffix}": column for k, column in enumerate(values.T, start=1)}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def write(path: Path, table: pd.DataFrame) -> None:
    """As Parquet; text becomes a category, for each id occurs many times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = [name for name, kind in table.dtypes.items() if not pd.api.types.is_float_dtype(kind)]
    table.astype(dict.fromkeys(text, "category")).to_parquet(path, index=False)


def _ids(of: Task | RankedTrials) -> tuple[np.ndarray, np.ndarray]:
    """The ids of all probes and of the gallery."""
    clips, faces = of.population.clips["clip_id"].to_numpy(), of.population.faces["photo_id"].to_numpy()
    return (clips, faces) if of.direction == DIRECTIONS[0] else (faces, clips)
