"""What `tools/folds.py` measures in each fold, and over all of them.

Metrics of a fold are flat: `<score>.<group>` (score: a judge, a judge with `_centred`, or `own`) and
`quality.<metric>` of the system that was trained, `published.` before those of the published faces,
`difference.` before what the former has more than the latter.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import t

from deepfacegen.evaluation.metrics.matching import outcomes
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol
from deepfacegen.evaluation.scores import Scores, cosines
from deepfacegen.evaluation.statistics.fidelity import quality_block

GROUPS = ("ungrouped", "gender")
PUBLISHED, DIFFERENCE, QUALITY = "published.", "difference.", "quality."

Summary = dict[str, dict[str, float]]


def accuracies(protocol: EvaluationProtocol, scores: Scores) -> dict[str, float]:
    """Matching of the fold's people, voice to face, by group."""
    return {
        task.group: float(outcomes(*task.scores(scores)).mean())
        for task in protocol.tasks
        if task.path[:2] == ("voice_to_face", "unseen") and task.group in GROUPS
    }


def judged(
    protocol: EvaluationProtocol,
    generated: Mapping[str, Mapping[str, np.ndarray]],
    real: Mapping[str, pd.DataFrame],
) -> dict[str, float]:
    """Accuracies by judge, cosine and group.

    generated: by population and judge, embeddings [V, n, D]; those of seen people are only averaged, so some
    of them may be missing. real: by judge, embeddings of all photos [F, D] with the photo_id as index.
    """
    metrics = {}
    for judge, table in real.items():
        photos = {p.name: table.loc[p.faces["photo_id"]].to_numpy() for p in protocol.populations}
        of_judge = {name: embeddings[judge] for name, embeddings in generated.items()}
        for suffix, scores in cosines(of_judge, photos).items():
            for group, accuracy in accuracies(protocol, scores).items():
                metrics[f"{judge}{suffix}.{group}"] = accuracy
    return metrics


def quality(
    generated: np.ndarray, real: np.ndarray, population: Population, judge: str, seed: int
) -> dict[str, float]:
    """Precision, recall and Frechet distance (`fidelity.quality_block`) of generated faces of held-out
    people [V, n, D] among their photos [F, D], each beside that of photos among photos (`_real`)."""
    block = quality_block(
        generated.reshape(-1, generated.shape[-1]),
        real,
        population.faces["person"].to_numpy(),
        np.empty((0, real.shape[1])),
        judge,
        seed,
    )
    keys = ("precision", "recall", f"fd_{judge}")
    return {QUALITY + key: block[key] for name in keys for key in (name, f"{name}_real") if key in block}


def beside(ours: Mapping[str, float], published: Mapping[str, float]) -> dict[str, float]:
    """One fold's metrics of both systems in one, and their differences."""
    return {
        **ours,
        **{PUBLISHED + key: value for key, value in published.items()},
        **{DIFFERENCE + key: ours[key] - published[key] for key in ours if key in published},
    }


def summary(results: list[dict[str, float]]) -> Summary:
    """Means over folds, and the 95 % interval that their spread gives (Student's t over folds); of metrics
    that every fold has."""
    metrics = {}
    for key in results[0]:
        if all(key in of for of in results):
            found = np.array([of[key] for of in results])
            count, mean, half = len(found), float(found.mean()), float("nan")
            if count > 1:
                half = float(t.ppf(0.975, count - 1) * found.std(ddof=1) / count**0.5)
            metrics[key] = {"mean": mean, "low": mean - half, "high": mean + half}
    return metrics


def table(metrics: Summary) -> str:
    """The summary for a terminal: accuracies and their differences in percent, then quality."""
    keys = list(dict.fromkeys(key.removeprefix(PUBLISHED).removeprefix(DIFFERENCE) for key in metrics))
    prefixes = {"": "system", PUBLISHED: "published", DIFFERENCE: "difference"}
    shown = [prefix for prefix in prefixes if any(prefix + key in metrics for key in keys)]
    lines = [f"{'':28s}" + "".join(f"{prefixes[prefix]:24s}" for prefix in shown)]
    for key in keys:
        scale, digits = (1, 2) if key.startswith(QUALITY) else (100, 1)
        cells = [_cell(metrics.get(prefix + key), scale, digits) for prefix in shown]
        lines.append(f"{key:28s}" + "".join(f"{cell:24s}" for cell in cells))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _cell(found: dict[str, float] | None, scale: int, digits: int) -> str:
    if found is None:
        return ""
    mean, low, high = (f"{scale * found[key]:.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"
