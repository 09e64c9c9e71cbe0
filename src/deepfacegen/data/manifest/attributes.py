"""Attributes of faces, yes or no by photo: from the sample people's truth, folder names, CelebA's list,
metadata, or an estimator's guesses.

A table of attributes has a row for each photo and a column for each attribute, float32: 1 yes, -1 no, nan
 not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.config.systems import CycleganConfig
from deepfacegen.data.files.text_tables import lines_of, words_of
from deepfacegen.errors import UserError

MALE, OLD = "male", "over_50"
OLD_YEARS = 50.0
UNKNOWN = np.float32(np.nan)

# Of sample people: what is visible in an aligned face and is true of three to seven in ten of them. Hair
# greys from 38 years on (synthetic.face_shape), so only the young ones' colour counts. Hazel and green eyes
# are left out: at 128 px they cannot be distinguished from brown ones.
TRUTH: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    MALE: lambda t: t["gender"] == "m",
    OLD: lambda t: t["age_years"] >= OLD_YEARS,
    "broad": lambda t: t["body_size"] >= 0.5,
    "dark_skin": lambda t: t["skin_tone"].isin(["tan", "brown", "deep"]),
    "light_eyes": lambda t: t["eye_colour"].isin(["blue", "grey"]),
    "dark_hair": lambda t: (
        t["hair_colour"].isin(["black", "dark_brown", "brown"]) & (t["age_years"] < OLD_YEARS)
    ),
}

# UTKFace's folders `<age bin>.<gender>`: bin 4 is 21 to 30 years, 5 is 31 to 40 ... 9 is 71 and older; gender
# 0 is male, 1 female.
OLD_BIN = 7

# The attributes of CelebA that mean the same as ours; Young is less exact an age, and the only one there is.
# Others keep CelebA's names.
CELEBA = {
    MALE: ("Male", 1),
    OLD: ("Young", -1),
    "dark_skin": ("Pale_Skin", -1),
    "dark_hair": ("Black_Hair", 1),
    "broad": ("Chubby", 1),
}


def names_of(text: str) -> list[str]:
    """`male, over_50` -> ["male", "over_50"]. Raises UserError when there is none, or one twice."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or len(set(names)) != len(names):
        raise UserError(
            f"cyclegan.attributes must name attributes, each once, with commas between, not {text!r}"
        )
    return names


def resolved(config: CycleganConfig, source: str) -> CycleganConfig:
    """The section cyclegan without `auto`: sample people's truth, else the estimator, and of the attributes
    those that it knows.

    Raises UserError when it knows none of them.
    """
    if config.attributes_from != "auto":
        return config
    if source == "sample":
        return replace(config, attributes_from="truth")
    known = [name for name in names_of(config.attributes) if name in (MALE, OLD)]
    if not known:
        raise UserError(
            f"cyclegan.attributes: the estimator knows {MALE} and {OLD} only, not {config.attributes}; "
            "name these, or set attributes_from"
        )
    return replace(config, attributes_from="estimator", attributes=",".join(known))


def from_truth(path: Path, faces: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Sample people's true attributes. path: truth.parquet; faces: `photo_id` and `face_id` of each photo.

    Raises UserError when the file is missing, or holds no such attribute or person.
    """
    try:
        truth = pd.read_parquet(path).set_index("face_id")
    except FileNotFoundError:
        advice = "only sample people have a known truth: choose another cyclegan.attributes_from"
        raise UserError(f"{path}: missing; {advice}") from None
    _refuse_others(names, TRUTH, "truth")
    missing = faces.loc[~faces["face_id"].isin(truth.index), "face_id"]
    if len(missing):
        raise UserError(f"{path}: does not know {missing.iloc[0]}; run the stage download again")
    mine = truth.loc[faces["face_id"]]
    return _table({name: _signs(TRUTH[name](mine).to_numpy()) for name in names}, faces["photo_id"])


def from_listed(identities: pd.DataFrame, faces: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Gender and age of the metadata: `identity_id`, `gender` (f, m, null), `age_years` (nan: unknown);
    faces: `photo_id` and `identity_id`."""
    mine = identities.set_index("identity_id").loc[faces["identity_id"]]
    gender = mine["gender"].map({"m": 1.0, "f": -1.0}).to_numpy(dtype=np.float32)
    age = mine["age_years"].to_numpy(dtype=float) if "age_years" in mine else np.full(len(mine), np.nan)
    old = np.where(np.isnan(age), UNKNOWN, _signs(age >= OLD_YEARS))
    return _male_and_old("listed", gender, old, faces["photo_id"], names)


def from_folders(paths: Sequence[str], photo_ids: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Photos [N] in folders that are named as UTKFace's are here, `<age bin>.<gender>/`. Raises UserError for
    a folder of another name."""
    folder = pd.Series([Path(path).parent.name for path in paths], dtype=str)
    parts = folder.str.extract(r"^(?P<bin>\d)\.(?P<gender>[01])$")
    wrong = np.flatnonzero(parts.isna().any(axis=1))
    if len(wrong):
        raise UserError(
            f"{paths[wrong[0]]}: not in a folder such as 4.1 (age bin 4, gender 1: female); "
            "choose another cyclegan.attributes_from"
        )
    male = _signs((parts["gender"] == "0").to_numpy())
    old = _signs((parts["bin"].astype(int) >= OLD_BIN).to_numpy())
    return _male_and_old("folder", male, old, photo_ids, names)


def from_celeba(path: Path, photo_ids: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """CelebA's list_attr_celeba.txt: a count, the names, then a file name and 1 or -1 for each name a line;
    or the same as a csv.

    A photo is looked up by the last part of its id, with or without an ending. Names are ours (`CELEBA`) or
    CelebA's own. Raises UserError when the list is missing or damaged, or has no such attribute, or none of
    the photos.
    """
    what = "cyclegan.attributes_file must name list_attr_celeba.txt or .csv"
    rows = [words for line in lines_of(path, what) if (words := words_of(line))]
    try:
        rows = rows[len(rows[0]) == 1 :]  # without the count
        known, rows = rows[0], rows[1:]
        known = known[len(known) == len(rows[0]) :]  # without a title of the files' names
        values = np.array([row[1:] for row in rows], dtype=np.float32)
    except (ValueError, IndexError):
        wanted_format = "the format of list_attr_celeba.txt (a count, names, then rows of 1 and -1)"
        raise UserError(f"{path}: not in {wanted_format}") from None
    if values.ndim != 2 or values.shape[1] != len(known) or not np.isin(values, (-1.0, 1.0)).all():
        raise UserError(f"{path}: has rows that are not one file name and {len(known)} values of 1 or -1")
    wanted = {name: CELEBA.get(name, (name, 1)) for name in names}
    _refuse_others([column for column, _ in wanted.values()], known, path.name)
    place = pd.Series(np.arange(len(rows)), index=[Path(row[0]).stem for row in rows])
    stems = [Path(photo.rpartition("/")[2]).stem for photo in photo_ids]
    found = place[~place.index.duplicated()].reindex(stems).to_numpy(dtype=float)
    here = ~np.isnan(found)
    if not here.any():
        example = photo_ids[0] if len(photo_ids) else "none"
        raise UserError(f"{path}: names none of {len(photo_ids)} photos (such as {example})")
    columns = {}
    for name, (column, sign) in wanted.items():
        columns[name] = np.full(len(photo_ids), UNKNOWN)
        columns[name][here] = sign * values[found[here].astype(int), known.index(column)]
    return _table(columns, photo_ids)


def from_estimates(
    male: np.ndarray, age_years: np.ndarray, photo_ids: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    """An estimator's probability that each face looks male [N] and the age it looks [N], in years. Close
    calls are not known."""
    male = np.where(np.abs(male - 0.5) < 0.2, UNKNOWN, _signs(male > 0.5))
    old = np.where(np.abs(age_years - OLD_YEARS) < 3, UNKNOWN, _signs(age_years >= OLD_YEARS))
    return _male_and_old("estimator", male, old, photo_ids, names)


def matrix(table: pd.DataFrame, faces: pd.DataFrame) -> np.ndarray:
    """The attributes of the rows of a faces table, float32 [N, K]; nan for photos that the table lacks."""
    return table.reindex(faces["photo_id"]).to_numpy(dtype=np.float32)


def _table(columns: dict[str, np.ndarray], photo_ids: Sequence[str] | pd.Series) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(photo_ids, name="photo_id"), dtype=np.float32)


def _male_and_old(
    source: str, male: np.ndarray, old: np.ndarray, photo_ids: Sequence[str] | pd.Series, names: Sequence[str]
) -> pd.DataFrame:
    """The table of a source that has no other attributes."""
    _refuse_others(names, (MALE, OLD), source)
    found = {MALE: male, OLD: old}
    return _table({name: found[name] for name in names}, photo_ids)


def _signs(yes: np.ndarray) -> np.ndarray:
    return np.where(yes.astype(bool), np.float32(1), np.float32(-1))


def _refuse_others(names: Sequence[str], known: Iterable[str], source: str) -> None:
    listed = sorted(known)
    unknown = [name for name in names if name not in listed]
    if unknown:
        known_names = ", ".join(listed)
        raise UserError(f"cyclegan.attributes: {source} has no {unknown[0]} (known: {known_names})")
