"""Attribute oracles: what somebody scores who knows nothing of two people but an attribute, such as their
gender."""

from __future__ import annotations

import numpy as np

from deepfacegen.evaluation.protocol.trials import LEFT_OUT, Trials


def attribute_oracle(known: np.ndarray, groups: np.ndarray) -> float:
    """Expected accuracy over trials whose impostors come from the anchor's group; anchors and impostors are
    uniform over people.

    known [I]: the attribute of each person, `LEFT_OUT` where it is not known. groups [I]: see
    `trials.draw_trials`. The oracle is right when
    the attributes of two people are known and differ, and tosses a coin otherwise: 1/2 + P(known and
    different) / 2. Raises ValueError when no group has two people.
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
