"""Who the sample people are: audible latents that drive voice and face alike, and everything that is
independent of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.config.schema import SampleConfig

AUDIBLE = ("gender", "age_years", "body_size")
NULL = ("skin_tone", "eye_colour", "hair_colour")

SKIN_TONES = ("porcelain", "light", "olive", "tan", "brown", "deep")
EYE_COLOURS = ("brown", "hazel", "green", "blue", "grey")
HAIR_COLOURS = ("black", "dark_brown", "brown", "auburn", "blond")

SHAPE_TRAITS = 14
TIMBRE_TRAITS = 5
BLANK_GENDER_SHARE = 0.05
FIRST_ID = 10001
_PEOPLE_STREAM = 1


@dataclass(frozen=True)
class Person:
    """One sample person. `shape` is the face's own noise, `timbre` the voice's own; they are
    independent."""

    gender: str
    age_years: float
    body_size: float
    skin_tone: str
    eye_colour: str
    hair_colour: str
    hair_style: float
    shape: tuple[float, ...]
    timbre: tuple[float, ...]


def sample_people(config: SampleConfig) -> pd.DataFrame:
    """Table of `config.identities` people, one row each: ids, the fields of `Person` and `gender_listed`.

    Genders are balanced within one person; age is uniform over 20..80 years and body size over 0..1 (standard
    deviation 0.29), sampled independently. `gender_listed` is the gender in the metadata csv: empty for about
    5 % of the people.
    """
    rng = np.random.default_rng([config.seed, _PEOPLE_STREAM])
    n = config.identities
    genders = rng.permutation(np.array(["f", "m"])[np.arange(n) % 2])
    ages, sizes = _spread(rng, n, 20.0, 80.0), _spread(rng, n, 0.0, 1.0)
    people = [_fresh(rng, str(genders[i]), float(ages[i]), float(sizes[i])) for i in range(n)]
    blank = np.zeros(n, dtype=bool)
    blank[rng.choice(n, size=max(1, round(n * BLANK_GENDER_SHARE)), replace=False)] = True
    face_numbers = _face_numbers(rng, n)
    rows = []
    for i, person in enumerate(people):
        ids = {"voice_id": f"id{FIRST_ID + i}", "face_id": f"n{face_numbers[i]:06d}"}
        rows.append({**ids, **as_row(person), "gender_listed": "" if blank[i] else person.gender})
    return pd.DataFrame(rows)


def imagine(audible: Person, rng: np.random.Generator) -> Person:
    """Another person who sounds like `audible`: the same audible latents, everything else fresh."""
    return _fresh(rng, audible.gender, audible.age_years, audible.body_size)


def as_row(person: Person) -> dict[str, Any]:
    """The person as flat columns; `shape` and `timbre` become `shape_0`, `shape_1`, ..."""
    row: dict[str, Any] = {}
    for item in fields(Person):
        value = getattr(person, item.name)
        if isinstance(value, tuple):
            row |= {f"{item.name}_{k}": number for k, number in enumerate(value)}
        else:
            row[item.name] = value
    return row


def from_row(row: Mapping[str, Any] | pd.Series) -> Person:
    """The person behind a row of `sample_people` or of truth.parquet."""
    return Person(
        gender=str(row["gender"]),
        age_years=float(row["age_years"]),
        body_size=float(row["body_size"]),
        skin_tone=str(row["skin_tone"]),
        eye_colour=str(row["eye_colour"]),
        hair_colour=str(row["hair_colour"]),
        hair_style=float(row["hair_style"]),
        shape=tuple(float(row[f"shape_{k}"]) for k in range(SHAPE_TRAITS)),
        timbre=tuple(float(row[f"timbre_{k}"]) for k in range(TIMBRE_TRAITS)),
    )


def _fresh(rng: np.random.Generator, gender: str, age_years: float, body_size: float) -> Person:
    """Audible latents are given, the rest is sampled; noise is cut at two deviations so that nobody looks or
    sounds broken."""
    return Person(
        gender=gender,
        age_years=age_years,
        body_size=body_size,
        skin_tone=SKIN_TONES[rng.integers(len(SKIN_TONES))],
        eye_colour=EYE_COLOURS[rng.integers(len(EYE_COLOURS))],
        hair_colour=HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))],
        hair_style=float(rng.random()),
        shape=tuple(np.clip(rng.standard_normal(SHAPE_TRAITS), -2, 2).round(6).tolist()),
        timbre=tuple(np.clip(rng.standard_normal(TIMBRE_TRAITS), -2, 2).round(6).tolist()),
    )


def _spread(rng: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    """Uniform values, one in each of n equal strata, in random order: the range is covered even by a dozen
    people. float64 `[n]`."""
    strata = (rng.permutation(n) + rng.random(n)) / n
    return (low + (high - low) * strata).round(4)


def _face_numbers(rng: np.random.Generator, n: int) -> list[int]:
    """VGGFace2 numbers: mostly the digits of the VoxCeleb2 id; every sixteenth or so belongs to another
    number, as in the real join."""
    numbers = list(range(FIRST_ID, FIRST_ID + n))
    for i in rng.choice(n, size=max(1, n // 16), replace=False):
        numbers[i] = FIRST_ID + n + int(i)
    return numbers
