"""Fits the readouts of `release.traits` in closed form; training people fit, validation people calibrate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from deepfacegen.release.traits import AgeReadout, GenderReadout, Traits, Typicality
from deepfacegen.training.linear_match import RIDGES, ridge

# A readout needs at least so many labelled people: of each gender, or with an age.
FEWEST_TRAINING, FEWEST_VALIDATION = 20, 5
FOLDS = 5
TYPICALITY_FOLDS = 100  # folds behind typicality: a mean and covariance that nearly all training people share
QUANTILES = 101
SLOPES = np.geomspace(0.05, 50.0, 301)


@dataclass(frozen=True)
class LabelledVoices:
    """Embeddings of clips with labels of their speakers: one row a clip."""

    embeddings: np.ndarray  # float64 [N, Y]
    person: np.ndarray  # int [N], 0 .. P - 1
    gender: np.ndarray  # float64 [N]: 1 female, -1 male, nan unknown
    age_years: np.ndarray  # float64 [N], nan unknown

    def known(self, values: np.ndarray) -> LabelledVoices:
        """The clips whose value [N] is known."""
        return self.of(~np.isnan(values))

    def of(self, kept: np.ndarray) -> LabelledVoices:
        """The clips that are kept (bool [N]), their people renumbered."""
        person = np.unique(self.person[kept], return_inverse=True)[1]
        return LabelledVoices(self.embeddings[kept], person, self.gender[kept], self.age_years[kept])

    @property
    def people(self) -> int:
        return int(self.person.max()) + 1 if len(self.person) else 0

    @property
    def weight(self) -> np.ndarray:
        """Of each clip [N]: a person's clips sum to 1, so that people have equal weight."""
        return 1.0 / np.bincount(self.person)[self.person] if len(self.person) else np.empty(0)


def label(embeddings: np.ndarray, clips: pd.DataFrame, identities: pd.DataFrame) -> LabelledVoices:
    """Embeddings [N, Y] of clips (rows of the manifest's table), with the labels of their identities."""
    known = identities.set_index("identity_id").loc[clips["identity_id"]]
    missing = pd.Series(np.nan, index=known.index)
    gender = known["gender"].map({"f": 1.0, "m": -1.0}) if "gender" in known else missing
    age = known.get("age_years", missing)
    person = np.unique(clips["identity_id"].to_numpy(), return_inverse=True)[1]
    return LabelledVoices(
        embeddings.astype(np.float64), person, gender.to_numpy(np.float64), age.to_numpy(np.float64)
    )


def fit(training: LabelledVoices, validation: LabelledVoices, seed: int = 0) -> Traits:
    """All readouts; None for a trait with too few labelled people."""
    gender, age = fit_gender(training, validation, seed), fit_age(training, validation, seed)
    return Traits(gender, age, fit_typicality(training, seed))


def label_counts(people: LabelledVoices) -> dict[str, int]:
    """How many people have each label."""
    known = people.known(people.gender)
    of = {name: int(known.of(known.gender == sign).people) for name, sign in (("f", 1.0), ("m", -1.0))}
    return {**of, "age": people.known(people.age_years).people}


def fit_gender(training: LabelledVoices, validation: LabelledVoices, seed: int = 0) -> GenderReadout | None:
    """Ridge regression of +1 (female) and -1 (male), equally weighted: a linear discriminant.

    The slope minimises the cross-entropy of validation people, with labels softened as by Platt (1999), so
    that few or perfectly separated people give no certainty (of 13 each, hardly more than 14/15).
    """
    counts, held_out = label_counts(training), label_counts(validation)
    fewest, fewest_held_out = (min(found["f"], found["m"]) for found in (counts, held_out))
    if fewest < FEWEST_TRAINING or fewest_held_out < FEWEST_VALIDATION:
        return None
    people = training.known(training.gender)
    balance = np.where(people.gender > 0, 1 / counts["f"], 1 / counts["m"])
    weight, bias = _ridge(people, people.gender, people.weight * balance, seed)
    known = validation.known(validation.gender)
    score, female = known.embeddings @ weight + bias, known.gender > 0
    soft = np.where(female, (held_out["f"] + 1) / (held_out["f"] + 2), 1 / (held_out["m"] + 2))
    share = known.weight * np.where(female, 1 / held_out["f"], 1 / held_out["m"])
    # log(1 + e^z) - soft * z is the cross-entropy of a logit z.
    losses = [float(share @ (np.logaddexp(0, slope * score) - soft * slope * score)) for slope in SLOPES]
    return GenderReadout(weight, bias, float(SLOPES[int(np.argmin(losses))]))


def fit_age(training: LabelledVoices, validation: LabelledVoices, seed: int = 0) -> AgeReadout | None:
    """Ridge regression of the age; the deviation of its errors is that on validation people."""
    if label_counts(training)["age"] < FEWEST_TRAINING or label_counts(validation)["age"] < FEWEST_VALIDATION:
        return None
    people = training.known(training.age_years)
    weight, bias = _ridge(people, people.age_years, people.weight, seed)
    known = validation.known(validation.age_years)
    errors = known.embeddings @ weight + bias - known.age_years
    return AgeReadout(weight, bias, float(np.sqrt((known.weight @ errors**2) / known.weight.sum())))


def fit_typicality(training: LabelledVoices, seed: int = 0) -> Typicality:
    """Mean and shrunk covariance of the training voices, and quantiles of their leave-out distances."""
    fold = _folds(training.people, seed, TYPICALITY_FOLDS)[training.person]
    far = np.empty(len(fold))
    for k in range(int(fold.max()) + 1):
        inside = training.of(fold != k) if (fold != k).any() else training
        mean, whiten = _whitening(inside)
        far[fold == k] = np.linalg.norm((training.embeddings[fold == k] - mean) @ whiten, axis=1)
    mean, whiten = _whitening(training)
    order = np.argsort(far)
    # Equal weight for each person: quantiles of the weighted distances.
    cumulated = np.cumsum(training.weight[order])
    at = (cumulated - 0.5 * training.weight[order]) / cumulated[-1]
    return Typicality(mean, whiten, np.interp(np.linspace(0, 1, QUANTILES), at, far[order]))


def _whitening(people: LabelledVoices) -> tuple[np.ndarray, np.ndarray]:
    """Mean [Y] and the symmetric root of the inverse covariance [Y, Y], shrunk towards its diagonal as Y
    directions outnumber P people."""
    share = people.weight / people.weight.sum()
    mean = share @ people.embeddings
    centred = people.embeddings - mean
    covariance = (centred * share[:, None]).T @ centred
    dims = covariance.shape[0]
    shrink = dims / (dims + people.people)
    floor = 1e-9 * max(float(np.trace(covariance)) / dims, 1e-30)
    mixed = (1 - shrink) * covariance + np.diag(shrink * np.diag(covariance) + floor)
    values, vectors = np.linalg.eigh(mixed)
    return mean, (vectors / np.sqrt(values)) @ vectors.T


def _folds(people: int, seed: int, folds: int = FOLDS) -> np.ndarray:
    """The fold of each person [P]."""
    return np.random.default_rng([seed, 21]).permutation(people) % min(folds, people)


def _ridge(
    people: LabelledVoices, target: np.ndarray, weight: np.ndarray, seed: int
) -> tuple[np.ndarray, float]:
    """Weighted ridge regression: weights [Y] and bias. Its strength minimises the left-out error."""
    fold = _folds(people.people, seed)[people.person]
    errors = np.zeros(len(RIDGES))
    for k in range(int(fold.max()) + 1):
        out = fold == k
        for i, (found, bias) in enumerate(_solutions(people.embeddings[~out], target[~out], weight[~out])):
            errors[i] += float(weight[out] @ (people.embeddings[out] @ found + bias - target[out]) ** 2)
    return _solutions(people.embeddings, target, weight)[int(errors.argmin())]


def _solutions(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> list[tuple[np.ndarray, float]]:
    share = weight / weight.sum()
    x_mean, y_mean = share @ x, float(share @ y)
    root = np.sqrt(share)[:, None]
    found = ridge(root * (x - x_mean), root * (y - y_mean)[:, None])
    return [(w[:, 0], y_mean - float(x_mean @ w[:, 0])) for w in found]
