"""Speed of the evaluation: a million forced-choice trials, lists of ten candidates, and a retrieval of 20,000
probes in a gallery of 20,000.

    python benchmarks/evaluation.py            writes benchmarks/results/evaluation.json

Vectors are random: the cost does not depend on their content. Each measurement runs in a process of its own,
whose peak memory is reported.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from machine import machine

from deepfacegen.evaluation.metrics import retrieval
from deepfacegen.evaluation.metrics.forced_choice import accuracies, hits
from deepfacegen.evaluation.metrics.matching import accuracy, outcomes
from deepfacegen.evaluation.metrics.verification import trial_verification
from deepfacegen.evaluation.protocol.trials import CANDIDATES, no_groups, sample_lists, sample_trials
from deepfacegen.evaluation.scores import Cosine

OUT = Path(__file__).with_name("results") / "evaluation.json"
PEOPLE, DIM, RESAMPLES = 1000, 128, 1000


def vectors(rows: int) -> Cosine:
    rng = np.random.default_rng(0)
    return Cosine(*(rng.normal(size=(rows, DIM)).astype(np.float32) for _ in range(2)))


def matching(trials: int) -> dict[str, Any]:
    """Sampling, scoring, accuracy with its interval over people."""
    owner, score = np.arange(10_000) % PEOPLE, vectors(10_000)
    list_ = sample_trials(owner, owner, no_groups(PEOPLE), trials // len(owner), np.random.default_rng(1))
    right, wrong = (score(list_.probe, other) for other in (list_.positive, list_.impostor))
    accuracy(outcomes(right, wrong), list_, PEOPLE, RESAMPLES, 0)
    return {"trials": len(list_), "identities": PEOPLE, "resamples": RESAMPLES}


def verification(trials: int) -> dict[str, Any]:
    """The same trials as pairs: AUC and EER with their intervals over people."""
    owner, rng = np.arange(10_000) % PEOPLE, np.random.default_rng(1)
    list_ = sample_trials(owner, owner, no_groups(PEOPLE), trials // len(owner), rng)
    trial_verification(rng.normal(size=len(list_)), rng.normal(size=len(list_)), list_, 100, 0)
    return {"pairs": 2 * len(list_), "identities": PEOPLE, "resamples": 100}


def choices(lists: int) -> dict[str, Any]:
    """Lists of ten candidates: sampling, scoring, the accuracies of 1:2 to 1:10 with their intervals over
    people."""
    owner, score = np.arange(10_000) % PEOPLE, vectors(10_000)
    lists_ = sample_lists(owner, owner, no_groups(PEOPLE), lists // len(owner), np.random.default_rng(1))
    scores = score(np.repeat(lists_.probe, CANDIDATES), lists_.candidate.reshape(-1)).reshape(
        lists_.candidate.shape
    )
    accuracies(hits(scores), lists_, RESAMPLES, 0)
    return {"lists": len(lists_), "candidates": CANDIDATES, "identities": PEOPLE, "resamples": RESAMPLES}


def ranking(rows: int) -> dict[str, Any]:
    """Ranks, recalls and mAP with their intervals over people."""
    owner, score = np.arange(rows) % PEOPLE, vectors(rows)
    found = retrieval.rank(partial(score.block, direction="voice_to_face"), owner, owner)
    retrieval.summarise(found, owner, np.full(rows, rows // PEOPLE), RESAMPLES, 0)
    return {"probes": rows, "gallery": rows, "identities": PEOPLE, "resamples": RESAMPLES}


def measured(work: Callable[[], dict[str, Any]], back: Any) -> None:
    began = perf_counter()
    found = work()
    seconds = perf_counter() - began
    back.put(
        {
            **found,
            "seconds": round(seconds, 2),
            "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }
    )


def main() -> int:
    context = multiprocessing.get_context("spawn")
    results = {}
    for name, work, sizes in (
        ("matching", matching, (250_000, 500_000, 1_000_000)),
        ("choices", choices, (100_000, 200_000)),
        ("verification", verification, (250_000, 1_000_000)),
        ("retrieval", ranking, (5_000, 10_000, 20_000)),
    ):
        for size in sizes:
            back = context.Queue()
            process = context.Process(target=measured, args=(partial(work, size), back))
            process.start()
            results[f"{name}_{size}"] = back.get()
            process.join()
            sys.stdout.write(f"{name} {size}: {results[f'{name}_{size}']}\n")
    OUT.parent.mkdir(exist_ok=True)
    here = machine("numpy")
    OUT.write_text(
        json.dumps(
            {"command": "python benchmarks/evaluation.py", "machine": here, "results": results}, indent=2
        )
        + "\n",
        encoding="utf-8",
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
