"""Fits the readouts of `release.traits` in closed form: on training people, calibrated on validation people,
never on test people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepfacegen.release.traits import AgeReadout, GenderReadout, Traits, Typicality
from deepfacegen.training.linear_match import RIDGES, ridge

# Fewer labelled people than this, and there is no readout: of each gender, or with an age.
FEWEST_TRAINING, FEWEST_VALIDATION = 20, 5
FOLDS = 5
TYPICALITY_FOLDS = 100  # folds behind typicality: a mean and covariance that nearly all training people share
QUANTILES = 101
SLOPES = np.geomspace(0.05, 50.0, 301)


@dataclass(frozen=True)
class Heard:
    """Clips and what is known of who speaks: one row a clip."""

    described: np.ndarray  # float64 [N, Y]
    person: np.ndarray  # int [N], 0 .. P - 1
    gender: np.ndarray  # float64 [N]: 1 female, -1 male, nan unknown
    age_years: np.ndarray  # float64 [N], nan unknown

    def known(self, values: np.ndarray) -> Heard:
        """The clips whose value [N] is known."""
        return self.of(~np.isnan(values))

    def of(self, kept: np.ndarray) -> Heard:
        """The clips that are kept (bool [N]), their people numbered anew."""
        person = np.unique(self.person[kept], return_inverse=True)[1]
        return Heard(self.described[kept], person, self.gender[kept], self.age_years[kept])

    @property
    def people(self) -> int:
        return int(self.person.max()) + 1 if len(self.person) else 0

    @property
    def weight(self) -> np.ndarray:
        """Of each clip [N], so that everybody counts alike: a person's clips sum to 1."""
        return 1.0 / np.bincount(self.person)[self.person] if len(self.person) else np.empty(0)


def heard(described: np.ndarray, clips: pd.DataFrame, identities: pd.DataFrame) -> Heard:
    """Descriptions [N, Y] of the clips (rows of the manifest's table) and the identities they belong to."""
    known = identities.set_index("identity_id").loc[clips["identity_id"]]
    gender = (
        known["gender"].map({"f": 1.0, "m": -1.0})
        if "gender" in known
        else pd.Series(np.nan, index=known.index)
    )
    age = known["age_years"] if "age_years" in known else pd.Series(np.nan, index=known.index)
    person = np.unique(clips["identity_id"].to_numpy(), return_inverse=True)[1]
    return Heard(described.astype(np.float64), person, gender.to_numpy(np.float64), age.to_numpy(np.float64))


def fit(training: Heard, validation: Heard, seed: int = 0) -> Traits:
    """All readouts. Raises nothing: a trait with too few labelled people is None."""
    return Traits(
        fit_gender(training, validation, seed),
        fit_age(training, validation, seed),
        fit_typicality(training, seed),
    )


def labelled(people: Heard) -> dict[str, int]:
    """How many people have which label."""
    known = people.known(people.gender)
    of = {name: int(known.of(known.gender == sign).people) for name, sign in (("f", 1.0), ("m", -1.0))}
    return {**of, "age": people.known(people.age_years).people}


def fit_gender(training: Heard, validation: Heard, seed: int = 0) -> GenderReadout | None:
    """Ridge regression of +1 (female) and -1 (male), both genders weighing alike: the direction of a linear
    discriminant.

    The slope minimises the cross-entropy of validation people, whose labels are softened as by Platt (1999):
    from few or perfectly separated people no certainty follows (of 13 each, hardly more than 14/15).
    """
    counts, held_out = labelled(training), labelled(validation)
    if (
        min(counts["f"], counts["m"]) < FEWEST_TRAINING
        or min(held_out["f"], held_out["m"]) < FEWEST_VALIDATION
    ):
        return None
    people = training.known(training.gender)
    balance = np.where(people.gender > 0, 1 / counts["f"], 1 / counts["m"])
    weight, bias = _ridge(people, people.gender, people.weight * balance, seed)
    asked = validation.known(validation.gender)
    score, female = asked.described @ weight + bias, asked.gender > 0
    soft = np.where(female, (held_out["f"] + 1) / (held_out["f"] + 2), 1 / (held_out["m"] + 2))
    share = asked.weight * np.where(female, 1 / held_out["f"], 1 / held_out["m"])
    # log(1 + e^z) - soft * z is the cross-entropy of a logit z.
    losses = [float(share @ (np.logaddexp(0, slope * score) - soft * slope * score)) for slope in SLOPES]
    return GenderReadout(weight, bias, float(SLOPES[int(np.argmin(losses))]))


def fit_age(training: Heard, validation: Heard, seed: int = 0) -> AgeReadout | None:
    """Ridge regression of the age; the deviation of its errors is that on validation people."""
    if labelled(training)["age"] < FEWEST_TRAINING or labelled(validation)["age"] < FEWEST_VALIDATION:
        return None
    people = training.known(training.age_years)
    weight, bias = _ridge(people, people.age_years, people.weight, seed)
    asked = validation.known(validation.age_years)
    errors = asked.described @ weight + bias - asked.age_years
    return AgeReadout(weight, bias, float(np.sqrt((asked.weight @ errors**2) / asked.weight.sum())))


def fit_typicality(training: Heard, seed: int = 0) -> Typicality:
    """Mean and shrunk covariance of the training voices, and how far from the others' mean each of them lies
    when its speaker is left out."""
    fold = _folds(training.people, seed, TYPICALITY_FOLDS)[training.person]
    far = np.empty(len(fold))
    for k in range(int(fold.max()) + 1):
        inside = training.of(fold != k) if (fold != k).any() else training
        mean, whiten = _whitening(inside)
        far[fold == k] = np.linalg.norm((training.described[fold == k] - mean) @ whiten, axis=1)
    mean, whiten = _whitening(training)
    order = np.argsort(far)
    # Everybody counts alike: quantiles of the weighted distances.
    cumulated = np.cumsum(training.weight[order])
    at = (cumulated - 0.5 * training.weight[order]) / cumulated[-1]
    return Typicality(mean, whiten, np.interp(np.linspace(0, 1, QUANTILES), at, far[order]))


def _whitening(people: Heard) -> tuple[np.ndarray, np.ndarray]:
    """Mean [Y] and the symmetric root of the inverse covariance [Y, Y], shrunk towards its diagonal as Y
    directions outnumber P people."""
    share = people.weight / people.weight.sum()
    mean = share @ people.described
    centred = people.described - mean
    covariance = (centred * share[:, None]).T @ centred
    dims = covariance.shape[0]
    shrink = dims / (dims + people.people)
    floor = 1e-9 * max(float(np.trace(covariance)) / dims, 1e-30)
    mixed = (1 - shrink) * covariance + np.diag(shrink * np.diag(covariance) + floor)
    values, vectors = np.linalg.eigh(mixed)
    return mean, (vectors / np.sqrt(values)) @ vectors.T


def _folds(people: int, seed: int, folds: int = FOLDS) -> np.ndarray:
    """The fold of each person [P]; people, not clips, are left out together."""
    return np.random.default_rng([seed, 21]).permutation(people) % min(folds, people)


def _ridge(people: Heard, target: np.ndarray, weight: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """Weighted ridge regression; its strength has the least squared error on people left out. Weights [Y] and
    bias."""
    fold = _folds(people.people, seed)[people.person]
    errors = np.zeros(len(RIDGES))
    for k in range(int(fold.max()) + 1):
        out = fold == k
        for i, (found, bias) in enumerate(_solutions(people.described[~out], target[~out], weight[~out])):
            errors[i] += float(weight[out] @ (people.described[out] @ found + bias - target[out]) ** 2)
    return _solutions(people.described, target, weight)[int(errors.argmin())]


def _solutions(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> list[tuple[np.ndarray, float]]:
    share = weight / weight.sum()
    x_mean, y_mean = share @ x, float(share @ y)
    root = np.sqrt(share)[:, None]
    found = ridge(root * (x - x_mean), root * (y - y_mean)[:, None])
    return [(w[:, 0], y_mean - float(x_mean @ w[:, 0])) for w in found]
