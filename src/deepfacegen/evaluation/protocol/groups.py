"""Groups of people that impostors come from: everybody, or those who share gender, nationality, age, or
several."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from deepfacegen.evaluation.protocol.population import objects
from deepfacegen.evaluation.protocol.trials import LEFT_OUT, by_gender, no_groups

AGE_EDGES_YEARS = (30, 40, 50, 60)


def groupings(people: pd.DataFrame) -> dict[str, np.ndarray]:
    """Rows with gender, nationality, age_years -> groups int64 [I] by name; a person who lacks a label is
    left out of groups of it.

    The names and letters of the field (Nagrani et al. 2018): `ungrouped` U, `gender` G, `nationality` N,
    `age` A, `gender_nationality` GN, `gender_nationality_age` GNA.
    """
    gender, nationality = by_gender(objects(people["gender"])), by_value(people["nationality"])
    age = by_age(people["age_years"].to_numpy(dtype=float))
    return {
        "ungrouped": no_groups(len(people)),
        "gender": gender,
        "nationality": nationality,
        "age": age,
        "gender_nationality": jointly(gender, nationality),
        "gender_nationality_age": jointly(gender, nationality, age),
    }


def by_value(column: pd.Series) -> np.ndarray:
    """One group for each value of a column [I]; null is left out. int64 [I], numbered in the order of the
    values."""
    return pd.Categorical(objects(column)).codes.astype(np.int64)


def by_age(age_years: np.ndarray) -> np.ndarray:
    """Ages in years [I] (nan unknown) -> the band of each, int64 [I]; bands end at AGE_EDGES_YEARS."""
    return np.where(np.isnan(age_years), LEFT_OUT, np.digitize(age_years, AGE_EDGES_YEARS)).astype(np.int64)


def jointly(*groups: np.ndarray) -> np.ndarray:
    """People who share all of several groups: int64 [I]; who is left out of one of them is left out."""
    together = np.stack(groups, axis=1)
    known = (together != LEFT_OUT).all(axis=1)
    joint = np.full(len(together), LEFT_OUT, dtype=np.int64)
    if known.any():
        joint[known] = np.unique(together[known], axis=0, return_inverse=True)[1].reshape(-1)
    return joint


def named(people: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """The groups of the metric fairness: attribute -> name of the group -> its members, bool [I]."""
    age, nationality = by_age(people["age_years"].to_numpy(dtype=float)), objects(people["nationality"])
    gender = objects(people["gender"])
    found = {
        "gender": {name: gender == code for name, code in (("women", "f"), ("men", "m"))},
        "age": {name: age == number for number, name in enumerate(_bands())},
        "nationality": {
            str(value): nationality == value for value in sorted({v for v in nationality if v is not None})
        },
    }
    return {
        attribute: {name: member for name, member in groups.items() if member.any()}
        for attribute, groups in found.items()
    }


def _bands() -> list[str]:
    low, high = AGE_EDGES_YEARS[0], AGE_EDGES_YEARS[-1]
    between = [f"{a}_to_{b - 1}" for a, b in itertools.pairwise(AGE_EDGES_YEARS)]
    return [f"under_{low}", *between, f"from_{high}"]
