"""Metrics `matching<suffix>` and `matching_single<suffix>`: accuracy of choosing the right one of two
candidates.

Keys of `matching`, by direction, population and group: `accuracy`, `ci95_low`, `ci95_high`, `trials`,
`identities`. `matching_single`, of a generator whose faces of a voice differ: `accuracy` alone, by the same
paths, when a single generated face speaks for a voice instead of the mean of all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol, Task
from deepfacegen.evaluation.protocol.trials import Trials
from deepfacegen.evaluation.scores import Scores, cosines
from deepfacegen.evaluation.statistics import bootstrap
from deepfacegen.evaluation.tree import Tree, nested


@dataclass(frozen=True)
class Accuracy:
    """A fraction with its 95 % interval, and what it rests on."""

    accuracy: float
    ci95_low: float
    ci95_high: float
    trials: int
    identities: int

    def metrics(self) -> dict[str, float | int]:
        return asdict(self)


def applies(context: Context) -> bool:
    return True


def compute(context: Context) -> Tree:
    return {**context.by_score("matching", matching), **single(context)}


def single(context: Context) -> Tree:
    """`matching_single` and `matching_single_centred` by the first judge: the mean over the faces 1 to n of
    every voice, each of which speaks for it alone. Nothing of a system that generates no faces, or the same
    face again and again."""
    if not context.generates or all(alike(of.faces) for of in context.generated.values()):
        return {}
    found, real = context.generated, context.real[context.judge]
    vectors = {name: of.embeddings[context.judge] for name, of in found.items()}
    every = [
        cosines({name: of[:, [k]] for name, of in vectors.items()}, real)
        for k in range(context.settings.draws)
    ]

    def accuracy_of(task: Task, suffix: str) -> Tree:
        return {"accuracy": float(np.mean([outcomes(*task.scores(by[suffix])).mean() for by in every]))}

    return {
        f"matching_single{suffix}": nested(
            (task.path, accuracy_of(task, suffix)) for task in context.protocol.tasks
        )
        for suffix in every[0]
    }


def alike(faces: np.ndarray) -> bool:
    """Whether each voice has but one face: uint8 [V, n, S, S, 3]."""
    return bool((faces == faces[:, :1]).all())


def matching(protocol: EvaluationProtocol, scores: Scores) -> Tree:
    return nested(
        (
            task.path,
            accuracy(
                outcomes(*task.scores(scores)),
                task.trials,
                len(task.population.identities),
                protocol.resamples,
                protocol.seed,
            ).metrics(),
        )
        for task in protocol.tasks
    )


def plain_accuracies(protocol: EvaluationProtocol, scores: Scores) -> Tree:
    """The accuracies alone, without intervals: by path, {"accuracy": ...}."""
    return nested(
        (task.path, {"accuracy": float(outcomes(*task.scores(scores)).mean())}) for task in protocol.tasks
    )


def outcomes(positive: np.ndarray, impostor: np.ndarray) -> np.ndarray:
    """Scores of the two candidates [T] -> 1 right, 0 wrong, 0.5 for a tie. float64 [T]."""
    return np.where(positive > impostor, 1.0, np.where(positive == impostor, 0.5, 0.0))


def accuracy(outcome: np.ndarray, trials: Trials, identities: int, resamples: int, seed: int) -> Accuracy:
    """Mean outcome [T] of at least one trial among `identities` people, with a percentile bootstrap over the
    people.

    A trial has two people in it, so both are resampled: identities get multinomial counts w, and a trial
    counts w[anchor] * w[impostor] times (the two-way or pigeonhole bootstrap; Owen 2007). Trials that share a
    person are not independent, and an interval over trials would be far too narrow.
    """
    right, weight = (np.zeros((identities, identities)) for _ in range(2))
    np.add.at(right, (trials.anchor_identity, trials.impostor_identity), outcome)
    np.add.at(weight, (trials.anchor_identity, trials.impostor_identity), 1.0)
    low, high = interval(right, weight, resamples, seed)
    took_part = len(np.union1d(trials.anchor_identity, trials.impostor_identity))
    return Accuracy(float(outcome.mean()), low, high, len(outcome), took_part)


def interval(right: np.ndarray, weight: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
    """95 % percentile interval of sum(right) / sum(weight), both [I, I] by (anchor, impostor), over resampled
    people.

    Only people who take part are resampled; a resample that leaves no trial (a handful of people) is ignored.
    """
    present = (weight.sum(axis=0) + weight.sum(axis=1)) > 0
    right, weight = right[np.ix_(present, present)], weight[np.ix_(present, present)]
    values = []
    for count in bootstrap.counts(len(weight), resamples, seed, bootstrap.MATCHING):
        top, bottom = (((count @ table) * count).sum(axis=1) for table in (right, weight))
        values.append(top[bottom > 0] / bottom[bottom > 0])
    return bootstrap.percentiles(np.concatenate(values))
