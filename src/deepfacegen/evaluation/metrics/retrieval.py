"""Metric `retrieval<suffix>`: a probe of one modality ranks a whole gallery of the other.

Keys, by direction and population: `gallery`, `probes`, `identities`, `median_rank`, `recall_at_<k>` and
`map`, both with `_ci95_low`, `_ci95_high` over people, and `recall_at_<k>_chance`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol, sides
from deepfacegen.evaluation.scores import Scores
from deepfacegen.evaluation.statistics import bootstrap
from deepfacegen.evaluation.tree import Tree, nested

RECALLS = (1, 2, 5, 10)
BLOCK_CELLS = 1 << 24


@dataclass(frozen=True)
class Ranking:
    """Of each probe [P]: the rank of its best own entry among the others' (1 = first), and the average
    precision over all its own."""

    best_rank: np.ndarray
    average_precision: np.ndarray
    gallery: int


def applies(context: Context) -> bool:
    return True


def compute(context: Context) -> Tree:
    return context.by_score("retrieval", retrieval)


def retrieval(protocol: EvaluationProtocol, scores: Scores) -> Tree:
    """Every probe ranks its whole population."""
    cells = []
    for population in protocol.populations:
        for direction, probes, gallery in sides(population):
            block = functools.partial(scores[population.name].block, direction=direction)
            ranking, own = rank(block, probes, gallery), np.bincount(gallery)[probes]
            summary = summarise(ranking, probes, own, protocol.resamples, protocol.seed)
            cells.append(((direction, population.name), summary))
    return nested(cells)


def rank(block: Callable[[np.ndarray], np.ndarray], probes: np.ndarray, gallery: np.ndarray) -> Ranking:
    """Rank the gallery for every probe, a block of probes at a time, so memory does not grow with their
    number.

    block(rows [b]) -> scores [b, G], higher = same person. probes [P], gallery [G]: the person of each row.
    Ties with others never help: one score for everybody puts everybody last. Average precision is that of
    scikit-learn. Raises ValueError for a probe without an own entry.
    """
    order = np.argsort(gallery, kind="stable")
    start = np.searchsorted(gallery[order], probes, side="left")
    count = np.searchsorted(gallery[order], probes, side="right") - start
    if (count == 0).any():
        raise ValueError(f"probe {int(np.flatnonzero(count == 0)[0])} has no entry of its own in the gallery")
    best, precision = np.empty(len(probes), dtype=np.int64), np.empty(len(probes))
    size = max(1, BLOCK_CELLS // len(gallery))
    for first in range(0, len(probes), size):
        rows = np.arange(first, min(first + size, len(probes)))
        scores = block(rows)
        most = int(count[rows].max())
        place = np.minimum(np.arange(most)[None, :], count[rows, None] - 1)
        present = np.arange(most)[None, :] < count[rows, None]
        own = np.take_along_axis(scores, order[start[rows, None] + place], axis=1)  # [b, most]
        ranks = np.stack([np.count_nonzero(scores >= own[:, k : k + 1], axis=1) for k in range(most)], axis=1)
        own = np.where(present, own, -np.inf)
        # Of each own entry, how many own entries score as high.
        mine = (own[:, None, :] >= own[:, :, None]).sum(axis=2)
        best[rows] = 1 + np.where(present, ranks - mine, len(gallery)).min(axis=1)
        precision[rows] = np.where(present, mine / ranks, 0.0).sum(axis=1) / count[rows]
    return Ranking(best, precision, len(gallery))


def summarise(
    ranking: Ranking, people: np.ndarray, own_entries: np.ndarray, resamples: int, seed: int
) -> dict[str, float | int]:
    """`recall_at_<k>` and `map`, each with its interval over people; chance; `median_rank`; sizes.

    people [P]: the person of each probe; own_entries [P]: how many entries of the gallery are that person's.
    The interval resamples the probes' people and leaves the gallery as it is. Chance is that of a random
    order: exact for recall, not given for mAP.
    """
    metrics: dict[str, float | int] = {
        "gallery": ranking.gallery,
        "probes": len(people),
        "identities": len(np.unique(people)),
        "median_rank": float(np.median(ranking.best_rank)),
    }
    for k in RECALLS:
        if k < ranking.gallery:
            hit = (ranking.best_rank <= k).astype(np.float64)
            metrics |= bootstrap.mean_over_people(f"recall_at_{k}", hit, people, resamples, seed)
            metrics[f"recall_at_{k}_chance"] = float(chance(ranking.gallery, own_entries, k).mean())
    return metrics | bootstrap.mean_over_people("map", ranking.average_precision, people, resamples, seed)


def chance(gallery: int, own_entries: np.ndarray, k: int) -> np.ndarray:
    """P(an own entry among the first k of a random order of `gallery` entries, `own_entries` [P] of them
    own): hypergeometric, [P]."""
    steps = np.arange(k)
    missed = (gallery - own_entries[:, None] - steps).clip(min=0) / (gallery - steps)
    return 1.0 - missed.prod(axis=1)
