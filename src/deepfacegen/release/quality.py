"""Metrics of the trait readouts on seen and unseen people, with equal weight for each person."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepfacegen.release.fit import FEWEST_TRAINING, FEWEST_VALIDATION, LabelledVoices, label_counts
from deepfacegen.release.traits import Traits

NOBODY = {"identities": 0, "clips": 0}


def measure(
    traits: Traits, training: LabelledVoices, validation: LabelledVoices, test: LabelledVoices
) -> dict[str, Any]:
    """Metrics of each trait for `seen` and `unseen` people; of one that is missing, the label counts."""
    populations = {"seen": training, "unseen": test}
    counts = {"train": label_counts(training), "val": label_counts(validation)}
    gender = {name: _gender(traits, people) for name, people in populations.items()}
    age = {name: _age(traits, people, training) for name, people in populations.items()}
    return {
        "gender": gender if traits.gender else _missing(counts, ("f", "m")),
        "age": age if traits.age else _missing(counts, ("age",)),
        "typicality": {name: _typicality(traits, people) for name, people in populations.items()},
    }


def _missing(counts: dict[str, dict[str, int]], labels: tuple[str, ...]) -> dict[str, Any]:
    labelled = {split: {name: found[name] for name in labels} for split, found in counts.items()}
    needed = {"train": FEWEST_TRAINING, "val": FEWEST_VALIDATION}
    return {"missing": {"labelled": labelled, "needed_of_each": needed}}


def _gender(traits: Traits, people: LabelledVoices) -> dict[str, float | int | None]:
    known = people.known(people.gender)
    if traits.gender is None or known.people == 0:
        return dict(NOBODY)
    probability, female = traits.gender.female(known.embeddings), known.gender > 0
    share = known.weight / known.weight.sum()
    own = np.where(female, probability, 1 - probability)
    found = auc(probability, female, known.weight)
    return {
        "accuracy": _rounded(share @ (own > 0.5)),
        "auc": None if found is None else _rounded(found),
        "log_loss": _rounded(-share @ np.log(np.maximum(own, 1e-12))),
        # Equal to the accuracy if calibrated.
        "mean_confidence": _rounded(share @ np.maximum(probability, 1 - probability)),
        "identities": known.people,
        "clips": len(share),
    }


def _age(traits: Traits, people: LabelledVoices, training: LabelledVoices) -> dict[str, float | int]:
    known, fitted = people.known(people.age_years), training.known(training.age_years)
    if traits.age is None or known.people == 0:
        return dict(NOBODY)
    years = traits.age.years(known.embeddings)
    low, high = traits.age.interval(years)
    share = known.weight / known.weight.sum()
    mean_years = float(fitted.weight @ fitted.age_years / fitted.weight.sum())
    return {
        "mae_years": _rounded(share @ np.abs(years - known.age_years)),
        "mae_of_mean_years": _rounded(share @ np.abs(mean_years - known.age_years)),  # guessing the mean age
        "coverage_80": _rounded(share @ ((low <= known.age_years) & (known.age_years <= high))),
        "interval_years": _rounded(share @ (high - low)),
        "identities": known.people,
        "clips": len(share),
    }


def _typicality(traits: Traits, people: LabelledVoices) -> dict[str, float | int]:
    """Voices like the training people's have mean 0.5, and a tenth below 0.1."""
    if people.people == 0:
        return dict(NOBODY)
    share, found = people.weight / people.weight.sum(), traits.typicality.share(people.embeddings)
    return {
        "mean": _rounded(share @ found),
        "below_tenth": _rounded(share @ (found < 0.1)),
        "identities": people.people,
        "clips": len(share),
    }


def _rounded(value: float) -> float:
    """Without the rounding error of a sum of weights."""
    return round(float(value), 9)


def auc(score: np.ndarray, positive: np.ndarray, weight: np.ndarray) -> float | None:
    """Weighted area under the ROC curve, ties half; None without a positive or without a negative."""
    above, below = score[positive], score[~positive]
    if not len(above) or not len(below):
        return None
    order = np.argsort(below)
    cumulated = np.concatenate([[0.0], np.cumsum(weight[~positive][order])])
    left, right = (np.searchsorted(below[order], above, side=side) for side in ("left", "right"))
    inside = (cumulated[left] + cumulated[right]) / 2
    return float(weight[positive] @ inside / (weight[positive].sum() * cumulated[-1]))
