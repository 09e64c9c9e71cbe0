"""The gender oracle: what somebody scores who hears nothing but whether a voice is a woman's or a man's."""

from __future__ import annotations

import numpy as np

from deepfacegen.evaluation.trials import LEFT_OUT, Trials


def gender_oracle(groups: np.ndarray) -> float:
    """Expected accuracy over ungrouped trials: anchors and impostors uniform over people, a coin where gender does not decide.

    groups [I]: see `trials.by_gender`. The oracle is right when the genders differ and tosses a coin otherwise, so it
    scores 1/2 + P(genders known and different) / 2. Among impostors of one gender it scores exactly 1/2.
    """
    people = len(groups)
    sizes = np.bincount(groups[groups != LEFT_OUT])
    differing = float(sizes.sum()) ** 2 - float((sizes**2).sum())
    return 0.5 + 0.5 * differing / (people * (people - 1))


def gender_outcomes(trials: Trials, groups: np.ndarray) -> np.ndarray:
    """The oracle on given trials: 1 where it knows, 0.5 where it guesses. float64 [T]."""
    anchor, impostor = groups[trials.anchor_identity], groups[trials.impostor_identity]
    knows = (anchor != LEFT_OUT) & (impostor != LEFT_OUT) & (anchor != impostor)
    return np.where(knows, 1.0, 0.5)
