"""Who is evaluated: seen people (a sample of the training identities) and unseen people (all test
identities)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.data.batches import Manifest
from deepfacegen.errors import UserError

# As many seen people as unseen ones, so that both intervals rest on equal numbers; at least so many where
# there are few unseen ones.
SEEN_AT_LEAST = 60
# A gallery of more photos of a person hardly narrows an interval over people, but costs time with the judge.
PHOTOS_PER_IDENTITY = 10
TRAINING_PEOPLE, TRAINING_ROWS = 1000, 3
TABLES = ("identities", "clips", "faces")


@dataclass(frozen=True)
class Population:
    """People with some of their clips and photos; the column `person` is a row number of `identities`."""

    name: str
    identities: pd.DataFrame
    clips: pd.DataFrame
    faces: pd.DataFrame

    def genders(self) -> np.ndarray:
        """`f`, `m` or None, object [I]."""
        return objects(self.identities["gender"])

    def counts(self) -> dict[str, int]:
        """How many people, people of unknown gender, clips and faces."""
        unknown = int(self.identities["gender"].isna().sum())
        sizes = {"identities": self.identities, "clips": self.clips, "faces": self.faces}
        return {**{name: len(table) for name, table in sizes.items()}, "gender_unknown": unknown}


def objects(column: pd.Series) -> np.ndarray:
    """Values with None for what is unknown, object [I]."""
    return column.astype(object).where(column.notna(), None).to_numpy()


def populations(manifest: Manifest, clips_per_identity: int, seed: int) -> tuple[Population, Population]:
    """Seen and unseen people. Raises UserError when an identity is in two splits or a population has fewer
    than two people."""
    _assert_split(manifest)
    unseen, seen = manifest.split("test"), manifest.split("train")
    size = min(len(seen.identities), max(len(unseen.identities), SEEN_AT_LEAST))
    return (
        _population("seen", seen, size, clips_per_identity, seed),
        _population("unseen", unseen, len(unseen.identities), clips_per_identity, seed),
    )


def training_people(manifest: Manifest, seed: int) -> Population:
    """Some training people with a few clips and photos each, for baselines and comparisons: the `Population`
    "training"."""
    part = manifest.split("train")
    return _population(
        "training", part, min(len(part.identities), TRAINING_PEOPLE), TRAINING_ROWS, seed, TRAINING_ROWS
    )


def with_ages(population: Population, truth: pd.DataFrame) -> Population:
    """Ages that no metadata lists, from the truth [rows by identity]."""
    people = population.identities
    known = people["age_years"].astype(float).fillna(people["identity_id"].map(truth["age_years"]))
    return replace(population, identities=people.assign(age_years=known))


def digest(folder: Path) -> str:
    """sha256 over the manifest's three tables: two results with the same digest were measured on the same
    people, clips and photos."""
    sha256 = hashlib.sha256()
    for name in TABLES:
        sha256.update((folder / f"{name}.parquet").read_bytes())
    return sha256.hexdigest()


def _population(
    name: str,
    part: Manifest,
    size: int,
    clips_per_identity: int,
    seed: int,
    photos_per_identity: int = PHOTOS_PER_IDENTITY,
) -> Population:
    if len(part.identities) < 2:
        raise UserError(
            f"data/manifest: {len(part.identities)} {name} people, and telling people apart takes two; "
            "change the section split"
        )
    rng = np.random.default_rng([seed, 2, int(name == "seen")])
    chosen = np.sort(rng.permutation(len(part.identities))[:size])
    identities = part.identities.iloc[chosen].reset_index(drop=True)
    clips = _some_of_each(part.clips, identities, clips_per_identity, rng)
    return Population(
        name, identities, clips, _some_of_each(part.faces, identities, photos_per_identity, rng)
    )


def _some_of_each(
    table: pd.DataFrame, identities: pd.DataFrame, most: int, rng: np.random.Generator
) -> pd.DataFrame:
    """At most `most` random rows of each identity, in the table's order, with the column `person`."""
    person = (
        pd.Series(np.arange(len(identities)), index=identities["identity_id"])
        .reindex(table["identity_id"])
        .to_numpy()
    )
    table = table.assign(person=person)[~np.isnan(person)]
    shuffled = table.iloc[rng.permutation(len(table))]
    kept = shuffled.groupby("identity_id", sort=False).head(most).sort_index()
    return kept.astype({"person": np.int64}).reset_index(drop=True)


def _assert_split(manifest: Manifest) -> None:
    split = manifest.identities.set_index("identity_id")["split"]
    if not split.index.is_unique:
        raise UserError(
            "data/manifest/identities.parquet: an identity is listed twice; run the stage manifest again"
        )
    for name, table in (("clips", manifest.clips), ("faces", manifest.faces)):
        if not (split.reindex(table["identity_id"]).to_numpy() == table["split"].to_numpy()).all():
            raise UserError(
                f"data/manifest/{name}.parquet: a row is in another split than its identity; "
                "run the stage manifest again"
            )
