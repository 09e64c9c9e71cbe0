"""What a score answers to the questions: one tree of numbers per kind of question, by direction, population
and group."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from deepfacegen.evaluation.embeddings import Score
from deepfacegen.evaluation.metrics import retrieval
from deepfacegen.evaluation.metrics.matching import accuracy, outcomes
from deepfacegen.evaluation.metrics.pairs import trial_verification
from deepfacegen.evaluation.protocol import forced_choice
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol, Task, sides
from deepfacegen.evaluation.protocol.trials import LEFT_OUT
from deepfacegen.evaluation.references.oracle import attribute_oracle, attribute_outcomes

Scores = Mapping[str, Score]  # by population
Tree = dict[str, Any]


def everything(q: EvaluationProtocol, scores: Scores, suffix: str) -> Tree:
    """All four kinds of answers, each under its name with the suffix."""
    kinds = {
        "matching": matching,
        "verification": verification,
        "forced_choice": choices,
        "retrieval": rankings,
    }
    return {f"{name}{suffix}": answer(q, scores) for name, answer in kinds.items()}


def matching(q: EvaluationProtocol, scores: Scores) -> Tree:
    """Accuracy of the choices 1:2, with its interval and counts."""
    tree: Tree = {}
    for task in q.tasks:
        found = accuracy(
            outcomes(*task.scores(scores[task.population.name])),
            task.trials,
            len(task.population.identities),
            q.resamples,
            q.seed,
        )
        put(tree, task.path, found.metrics())
    return tree


def plain_accuracies(q: EvaluationProtocol, scores: Scores) -> Tree:
    """Accuracy of the choices 1:2 alone, without an interval."""
    tree: Tree = {}
    for task in q.tasks:
        put(tree, task.path, {"accuracy": float(outcomes(*task.scores(scores[task.population.name])).mean())})
    return tree


def verification(q: EvaluationProtocol, scores: Scores) -> Tree:
    """AUC and EER of the pairs of the same trials."""
    tree: Tree = {}
    for task in q.tasks:
        put(
            tree,
            task.path,
            trial_verification(*task.scores(scores[task.population.name]), task.trials, q.resamples, q.seed),
        )
    return tree


def choices(q: EvaluationProtocol, scores: Scores) -> Tree:
    """Accuracy of the choices 1:N."""
    tree: Tree = {}
    for choice in q.choices:
        hit = forced_choice.hits(choice.scores(scores[choice.population.name]))
        put(tree, choice.path, forced_choice.accuracies(hit, choice.lists, q.resamples, q.seed))
    return tree


def rankings(q: EvaluationProtocol, scores: Scores) -> Tree:
    """Every probe ranks all of its population."""
    tree: Tree = {}
    for population in q.both:
        for direction, probes, gallery in sides(population):
            found = retrieval.rank(
                functools.partial(scores[population.name].block, direction=direction), probes, gallery
            )
            own = np.bincount(gallery)[probes]
            put(
                tree,
                (direction, population.name),
                retrieval.summarise(found, probes, own, q.resamples, q.seed),
            )
    return tree


def oracle(tasks: list[Task], attribute: str) -> Tree:
    """Who knows only the attribute (a name of `groups.groupings`): in closed form, and on the very trials.
    Empty where nobody's is listed."""
    tree: Tree = {}
    known = {task.population.name: task.groups for task in tasks if task.group == attribute}
    for task in tasks:
        if task.population.name in known and (known[task.population.name] != LEFT_OUT).any():
            of = known[task.population.name]
            expected, simulated = (
                attribute_oracle(of, task.groups),
                attribute_outcomes(task.trials, of).mean(),
            )
            put(tree, task.path, {"accuracy": expected, "on_trials": float(simulated)})
    return tree


def agreement(q: EvaluationProtocol, one: Scores, other: Scores) -> Tree:
    """How often two judges choose the same candidate, and Cohen's kappa, which is 0 for judges that agree no
    more than their accuracies make them."""
    tree: Tree = {}
    for task in q.tasks:
        a, b = (outcomes(*task.scores(scores[task.population.name])) > 0.5 for scores in (one, other))
        same, chance = float((a == b).mean()), float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
        put(
            tree,
            task.path,
            {"same": same, "kappa": (same - chance) / (1 - chance) if chance < 1 else 1.0, "trials": len(a)},
        )
    return tree


def put(tree: Tree, path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value


def get(tree: Tree, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree
