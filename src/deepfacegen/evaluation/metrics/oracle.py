"""Metric `oracle`: the matching accuracy of knowing nothing but an attribute of the two candidates.

Keys: `gender`, `gender_nationality` (where listed): `matching`, by direction, population and group:
`accuracy` (closed form) and `on_trials` (on the trials of the protocol).
"""

from __future__ import annotations

import numpy as np

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.protocol.tasks import Task
from deepfacegen.evaluation.protocol.trials import LEFT_OUT, Trials
from deepfacegen.evaluation.tree import Tree, nested


def applies(context: Context) -> bool:
    return True


def compute(context: Context) -> Tree:
    found = {name: oracle(context.protocol.tasks, name) for name in ("gender", "gender_nationality")}
    return {"oracle": {name: {"matching": tree} for name, tree in found.items() if tree}}


def oracle(tasks: list[Task], attribute: str) -> Tree:
    """The oracle of an attribute (a name of `groups.groupings`), by path; empty where it is not listed."""
    known = {task.population.name: task.groups for task in tasks if task.group == attribute}
    cells = []
    for task in tasks:
        of = known.get(task.population.name)
        if of is not None and (of != LEFT_OUT).any():
            expected, simulated = (
                attribute_oracle(of, task.groups),
                attribute_outcomes(task.trials, of).mean(),
            )
            cells.append((task.path, {"accuracy": expected, "on_trials": float(simulated)}))
    return nested(cells)


def attribute_oracle(known: np.ndarray, groups: np.ndarray) -> float:
    """Expected accuracy over trials whose impostors come from the anchor's group; anchors and impostors are
    uniform over people.

    known [I]: the attribute of each person, `LEFT_OUT` where unknown. groups [I]: see `trials.sample_trials`.
    The oracle is right when the attributes of two people are known and differ, and guesses otherwise: 1/2 +
    P(known and different) / 2. Raises ValueError when no group has two people.
    """
    size = _count(groups, groups != LEFT_OUT)
    anchors = (groups != LEFT_OUT) & (size > 1)
    if not anchors.any():
        raise ValueError("no group has two people, so there are no trials")
    informed = (known != LEFT_OUT) & (groups != LEFT_OUT)
    alike = _count(np.stack([groups, known], axis=1), informed)
    differing = np.where(informed, _count(groups, informed) - alike, 0)
    return float((0.5 + 0.5 * differing[anchors] / (size[anchors] - 1)).mean())


def attribute_outcomes(trials: Trials, known: np.ndarray) -> np.ndarray:
    """The oracle on given trials: 1 where it knows, 0.5 where it guesses. float64 [T]."""
    anchor, impostor = known[trials.anchor_identity], known[trials.impostor_identity]
    knows = (anchor != LEFT_OUT) & (impostor != LEFT_OUT) & (anchor != impostor)
    return np.where(knows, 1.0, 0.5)


def _count(keys: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """For each row of keys [I] or [I, K], how many of the `counted` rows are equal to it. int64 [I]."""
    number = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    return np.bincount(number, counted, minlength=number.max() + 1).astype(np.int64)[number]
