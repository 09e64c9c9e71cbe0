"""Who is in which split: by shares and a seed, by the first letter of the name, or as a published file says."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.config import SplitConfig
from deepfacegen.config_paths import located
from deepfacegen.errors import UserError

SPLITS = ("train", "val", "test")
GROUPS = ("f", "m", "unknown")
SMALLEST_SPLIT = 2  # telling people apart takes two
LEFT_OUT = ""

# Wen et al. 2019, SVHF-Net and DIMNet on VoxCeleb1; everybody else, F to Z, is train.
LETTERS = {"A": "val", "B": "val", "C": "test", "D": "test", "E": "test"}
# Learnable PINs: 3, "seen-heard test", marks held-out videos of training people, so whoever has it is in train.
CODES = {"1": "train", "2": "val", "3": "train", "4": "test"}
KEYS = ("identity_id", "voice_id", "face_id")


@dataclass(frozen=True)
class Assignment:
    """The split of each identity, str [N], `LEFT_OUT` for those that a split file does not name; counts for the metrics."""

    split: np.ndarray
    counts: dict[str, int] = field(default_factory=dict)


def assign(identities: pd.DataFrame, config: SplitConfig) -> Assignment:
    """The split of each identity (rows sorted by id), by `split.rule`.

    random: each gender, and those whose gender is unknown, is shuffled and spread evenly over one line, from which test, then
    val, then train are cut: sizes are exact (but at least two), and every split has each gender's share, to within
    one person. Whoever `train_only` matches stays out of it, in train.
    first_letter: of the VGGFace name, which must be the face id: A and B are val, C to E test, F to Z train.
    file: PINs' identity_splits.txt (a name and a code a line), or a csv with a header. Only people are split, never videos: the
    "seen-heard" clips of PINs' training people (code 3) are trained on here, so a score on them is one of seen clips.

    Raises UserError when a split would have fewer than two people, the rule contradicts `train_only`, ids are no names, or the
    file cannot be read, puts somebody in two splits or names nobody here.
    """
    bound = identities["identity_id"].str.contains(config.train_only, regex=True).to_numpy() if config.train_only else np.zeros(len(identities), bool)
    if config.rule == "random":
        return Assignment(_random(identities, config, bound))
    found = Assignment(_first_letter(identities)) if config.rule == "first_letter" else _from_file(identities, located(str(config.file)))
    contrary = np.flatnonzero(bound & np.isin(found.split, ("val", "test")))
    if len(contrary):
        example = f"{identities['identity_id'].iloc[contrary[0]]} in {found.split[contrary[0]]}"
        raise UserError(
            f"split.rule {config.rule} holds out {len(contrary)} of the identities that split.train_only keeps in train (it puts {example}): "
            "change one of them"
        )
    sizes = {name: int((found.split == name).sum()) for name in SPLITS}
    if sizes["train"] < SMALLEST_SPLIT or sizes["test"] < SMALLEST_SPLIT or 0 < sizes["val"] < SMALLEST_SPLIT:
        told = ", ".join(f"{size} in {name}" for name, size in sizes.items())
        raise UserError(
            f"split.rule {config.rule} puts {told} of {len(identities)} identities: too few; get more people, or change the section split"
        )
    return found


def _random(identities: pd.DataFrame, config: SplitConfig, bound: np.ndarray) -> np.ndarray:
    count = len(identities)
    shares = {"test": config.test_share, "val": config.val_share}
    sizes = {name: max(SMALLEST_SPLIT, round(count * share)) if share else 0 for name, share in shares.items()}
    sizes["train"] = count - sum(sizes.values())
    if sizes["train"] < SMALLEST_SPLIT:
        raise UserError(
            f"{count} identities have both a voice and a face, too few for {sizes['test']} in test, {sizes['val']} in val and at least "
            f"{SMALLEST_SPLIT} in train: get more people, or change the section split"
        )
    if sizes["test"] + sizes["val"] > count - bound.sum():
        raise UserError(
            f"{count} identities have both a voice and a face, and split.train_only keeps {bound.sum()} of them in train: too few are left for "
            f"{sizes['test']} in test and {sizes['val']} in val; change the section split"
        )
    gender = identities["gender"].fillna("unknown").to_numpy()
    place = np.full(count, np.inf)
    for number, group in enumerate(GROUPS):
        members = np.flatnonzero((gender == group) & ~bound)
        order = np.random.default_rng([config.seed, number]).permutation(len(members))
        place[members[order]] = (np.arange(len(members)) + 0.5) / max(1, len(members))
    chosen = np.empty(count, dtype=object)
    chosen[np.argsort(place, kind="stable")] = np.repeat(["test", "val", "train"], [sizes["test"], sizes["val"], sizes["train"]])
    return chosen.astype(str)


def _first_letter(identities: pd.DataFrame) -> np.ndarray:
    names = identities["face_id"].astype(str)
    # "n000123" begins with a letter, too, but says nothing of the name.
    nameless = names[~names.str.match(r"[A-Za-z]") | names.str.fullmatch(r"[A-Za-z]*\d+")]
    if len(nameless):
        raise UserError(
            f"split.rule first_letter needs VGGFace names, such as A.J._Buckley, as face ids, but {len(nameless)} of {len(names)} are none "
            f"(such as {nameless.iloc[0]}): data.metadata must be vox1_meta.csv with faces to match, or choose another split.rule"
        )
    return names.str[0].str.upper().map(LETTERS).fillna("train").to_numpy(dtype=str)


def _from_file(identities: pd.DataFrame, path: Path) -> Assignment:
    keys, listed = _read(path)
    person = pd.Series(-1, index=listed.index)
    for key in keys:
        place = pd.Series(np.arange(len(identities)), index=_bare(identities[key]))
        person = person.where(person >= 0, listed["name"].map(place[~place.index.duplicated()]).fillna(-1).astype(np.int64))
    ours = (person >= 0).to_numpy()
    who = np.where(ours, identities["identity_id"].to_numpy(dtype=object)[person], listed["name"].to_numpy(dtype=object))
    several = listed["split"].groupby(who).nunique() > 1
    if several.any():
        name = several.idxmax()
        splits = " and ".join(listed["split"][who == name].unique())
        raise UserError(f"{path}: {name} is in {splits}; the splits of split.file must not share people")
    if not ours.any():
        raise UserError(f"{path}: names nobody of {len(identities)} identities (such as {identities['identity_id'].iloc[0]}); see split.file")
    split = np.full(len(identities), LEFT_OUT, dtype="U5")
    split[person[ours]] = listed["split"][ours]
    return Assignment(split, {"not_in_split_file": int((split == LEFT_OUT).sum()), "only_in_split_file": int(listed["name"][~ours].nunique())})


def _bare(names: pd.Series) -> pd.Series:
    """Names without dots at the end, which some file systems drop (Harry_Connick_Jr.)."""
    return names.astype(str).str.rstrip(".")


def _read(path: Path) -> tuple[tuple[str, ...], pd.DataFrame]:
    """A split file's columns to look names up in, and its rows: `name` and `split`."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: not a text file that can be read; split.file must name PINs' identity_splits.txt or a csv") from None
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter="\t" if lines and "\t" in lines[0] else ",")]
    header = [cell.lower() for cell in rows[0]] if rows else []
    keys: tuple[str, ...]
    if "split" in header:
        key = next((key for key in KEYS if key in header), None)
        if key is None:
            raise UserError(f"{path}: beside split, its first line must name one of {', '.join(KEYS)} (split.file)")
        keys, known, first = (key,), {name: name for name in SPLITS}, 1
        pairs = [[row[header.index(key)], row[header.index("split")].lower()] if len(row) == len(header) else row[:1] for row in rows]
    else:
        keys, known, first = ("face_id", "voice_id", "identity_id"), CODES, 0
        pairs = [line.split() for line in lines]
    table = []
    for number, pair in enumerate(pairs[first:], start=first + 1):
        if not any(pair):
            continue
        if len(pair) != 2 or pair[1] not in known or not pair[0]:
            wanted = "a row as long as the first, with a split of " if first else "a name and a code of "
            raise UserError(f"{path}, line {number}: not {wanted}{', '.join(known)} (split.file)")
        if "/" in pair[0]:
            raise UserError(f"{path}, line {number}: {pair[0]} is a file; split.file must name people, for only people are split")
        table.append(pair)
    listed = pd.DataFrame(table, columns=["name", "split"], dtype=str)
    return keys, listed.assign(name=_bare(listed["name"]), split=listed["split"].map(known))
