"""Who is in which split: by shares and a seed, by the first letter of the name, or by a published file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.config.paths import located
from deepfacegen.config.schema import SplitConfig
from deepfacegen.data.files.text_tables import table_of, text_of, title_of, words_of
from deepfacegen.data.sources.names import bare
from deepfacegen.errors import UserError

SPLITS = ("train", "val", "test")
GROUPS = ("f", "m", "unknown")
# Fewest people of a split. Directions of the voice are chosen by leaving training people out, which takes
# four. With fewer than four unseen people the 95 % interval of an accuracy at chance misses the truth more
# often than it may (0 of 150 simulations hold it with two people, 67 % with three, 95 % with four).
SMALLEST = {"train": 4, "val": 2, "test": 4}
LEFT_OUT = ""

# Wen et al. 2019, SVHF-Net and DIMNet on VoxCeleb1; everybody else, F to Z, is train.
LETTERS = {"A": "val", "B": "val", "C": "test", "D": "test", "E": "test"}
# Learnable PINs: 3, "seen-heard test", marks held-out videos of training people, who are in train.
CODES = {"1": "train", "2": "val", "3": "train", "4": "test"}
KEYS = ("identity_id", "voice_id", "face_id")


@dataclass(frozen=True)
class Assignment:
    """The split of each identity, str [N], `LEFT_OUT` for those that a split file does not name; counts for
    the metrics."""

    split: np.ndarray
    counts: dict[str, int] = field(default_factory=dict)


def assign(identities: pd.DataFrame, config: SplitConfig) -> Assignment:
    """The split of each identity (rows sorted by id), by `split.rule`.

    random: each gender, and those whose gender is unknown, is shuffled and spread evenly over one line, from
    which test, then val, then train are cut: sizes are exact (but at least `SMALLEST`), and every split has
    each gender's share, to within one person. Whoever `train_only` matches stays out of it, in train.
    first_letter: of the VGGFace name, which must be the face id: A and B are val, C to E test, F to Z train.
    file: PINs' identity_splits.txt (a name and a code a line), or a csv with a header. Only people are split,
    never videos: the "seen-heard" clips of PINs' training people (code 3) are trained on here, so a score on
    them is one of seen clips.

    Raises UserError when there are fewer people than `fewest`, the rule contradicts `train_only`, ids are no
    names, or the file cannot be read, puts somebody in two splits or names nobody here.
    """
    ids, bound = identities["identity_id"], np.zeros(len(identities), bool)
    if config.train_only:
        bound = ids.str.contains(config.train_only, regex=True).to_numpy()
    if config.rule == "random":
        return Assignment(_random(identities, config, bound))
    if config.rule == "first_letter":
        assigned = Assignment(_first_letter(identities))
    else:
        assigned = _from_file(identities, located(str(config.file)))
    contrary = np.flatnonzero(bound & np.isin(assigned.split, ("val", "test")))
    if len(contrary):
        example = f"{ids.iloc[contrary[0]]} in {assigned.split[contrary[0]]}"
        raise UserError(
            f"split.rule {config.rule} holds out {len(contrary)} of the identities that split.train_only "
            f"keeps in train (it puts {example}): change one of them"
        )
    return assigned


def require_file(config: SplitConfig) -> None:
    """Raises UserError when the rule needs `split.file` and that cannot be read."""
    if config.rule == "file":
        _read(located(str(config.file)))


def require_sizes(split: np.ndarray, config: SplitConfig) -> None:
    """Raises UserError when a split, of those of the identities (str [N]), has fewer people than `SMALLEST`;
    nobody need be in val."""
    sizes = {name: int((split == name).sum()) for name in SPLITS}
    if any(size < SMALLEST[name] and (size or name != "val") for name, size in sizes.items()):
        counts = ", ".join(f"{size} in {name}" for name, size in sizes.items())
        raise UserError(
            f"split.rule {config.rule} puts {counts} of {len(split)} people: too few (at least "
            f"{SMALLEST['train']} in train, {SMALLEST['test']} in test, none or {SMALLEST['val']} in val); "
            "get more people, or change the section split"
        )


def fewest(config: SplitConfig) -> int:
    """The least number of people, with a voice and a face each, that a pipeline can be run on."""
    without_val = config.rule != "random" or config.val_share == 0
    return SMALLEST["train"] + SMALLEST["test"] + (0 if without_val else SMALLEST["val"])


def require_enough(people: int, config: SplitConfig) -> None:
    """Raises UserError when there are fewer than `fewest`."""
    if people < fewest(config):
        val = f"{SMALLEST['val']} to validate on, " if fewest(config) == sum(SMALLEST.values()) else ""
        raise UserError(
            f"{people} people have both a voice and a face, and at least {fewest(config)} are needed "
            f"({SMALLEST['train']} to train on, {val}{SMALLEST['test']} unseen): get more people, or use a "
            "finished release (docs/own-data.md)"
        )


def _random(identities: pd.DataFrame, config: SplitConfig, bound: np.ndarray) -> np.ndarray:
    count = len(identities)
    require_enough(count, config)
    sizes = {"val": max(SMALLEST["val"], round(count * config.val_share)) if config.val_share else 0}
    most_unseen = count - sizes["val"] - SMALLEST["train"]
    sizes["test"] = (
        min(max(SMALLEST["test"], round(count * config.test_share)), most_unseen) if config.test_share else 0
    )
    sizes["train"] = count - sum(sizes.values())
    if sizes["test"] + sizes["val"] > count - bound.sum():
        raise UserError(
            f"{count} identities have both a voice and a face, and split.train_only keeps {bound.sum()} of "
            f"them in train: too few are left for {sizes['test']} in test and {sizes['val']} in val; change "
            "the section split"
        )
    gender = identities["gender"].fillna("unknown").to_numpy()
    place = np.full(count, np.inf)
    for number, group in enumerate(GROUPS):
        members = np.flatnonzero((gender == group) & ~bound)
        order = np.random.default_rng([config.seed, number]).permutation(len(members))
        place[members[order]] = (np.arange(len(members)) + 0.5) / max(1, len(members))
    chosen = np.empty(count, dtype=object)
    in_line = ["test", "val", "train"]
    chosen[np.argsort(place, kind="stable")] = np.repeat(in_line, [sizes[name] for name in in_line])
    return chosen.astype(str)


def _first_letter(identities: pd.DataFrame) -> np.ndarray:
    names = identities["face_id"].astype(str)
    # "n000123" begins with a letter, too, but is no name.
    nameless = names[~names.str.match(r"[A-Za-z]") | names.str.fullmatch(r"[A-Za-z]*\d+")]
    if len(nameless):
        raise UserError(
            "split.rule first_letter needs VGGFace names, such as A.J._Buckley, as face ids, but "
            f"{len(nameless)} of {len(names)} are none (such as {nameless.iloc[0]}): data.metadata must be "
            "vox1_meta.csv with faces to match, or choose another split.rule"
        )
    return names.str[0].str.upper().map(LETTERS).fillna("train").to_numpy(dtype=str)


def _from_file(identities: pd.DataFrame, path: Path) -> Assignment:
    keys, listed = _read(path)
    ids, names = identities["identity_id"].to_numpy(dtype=object), listed["name"].to_numpy(dtype=object)
    person = pd.Series(-1, index=listed.index)
    for key in keys:
        place = pd.Series(np.arange(len(identities)), index=_bare(identities[key]))
        known = listed["name"].map(place[~place.index.duplicated()]).fillna(-1).astype(np.int64)
        person = person.where(person >= 0, known)
    ours = (person >= 0).to_numpy()
    who = np.where(ours, ids[person], names)
    several = listed["split"].groupby(who).nunique() > 1
    if several.any():
        name = several.idxmax()
        splits = " and ".join(listed["split"][who == name].unique())
        raise UserError(f"{path}: {name} is in {splits}; the splits of split.file must not share people")
    if not ours.any():
        raise UserError(f"{path}: names nobody of {len(ids)} identities (such as {ids[0]}); see split.file")
    split = np.full(len(identities), LEFT_OUT, dtype="U5")
    split[person[ours]] = listed["split"][ours]
    not_in_file = int((split == LEFT_OUT).sum())
    only_in_file = int(listed["name"][~ours].nunique())
    return Assignment(split, {"not_in_split_file": not_in_file, "only_in_split_file": only_in_file})


def _bare(names: pd.Series) -> pd.Series:
    """Names as folders and tables can both have them (names.bare)."""
    return names.astype(str).map(bare)


def _read(path: Path) -> tuple[tuple[str, ...], pd.DataFrame]:
    """A split file's columns to look names up in, and its rows: `name` and `split`."""
    what = "split.file must name PINs' identity_splits.txt or a csv"
    text = text_of(path, what)
    table = table_of(path, text, what) if text else None
    split_place = None if table is None else table.column("split")
    keys: tuple[str, ...] = ("face_id", "voice_id", "identity_id")
    if table is None or split_place is None:
        known, wanted = CODES, "a name and a code of "
        pairs = [words_of(line) for line in text.split("\n")]
        numbered = [(number, pair) for number, pair in enumerate(pairs, 1) if pair]
    else:
        places = {key: table.column(title_of(key)) for key in KEYS}
        key, place = next(((key, place) for key, place in places.items() if place is not None), ("", -1))
        if not key:
            columns = ", ".join(KEYS)
            raise UserError(f"{path}: beside split, its first line must name one of {columns} (split.file)")
        keys, known = (key,), {name: name for name in SPLITS}
        wanted = "a row as long as the first, with a split of "
        # A row with more fields than titles has a separator in a name.
        numbered = [
            (line, [row[place], row[split_place].lower()] if width <= len(table.titles) else [])
            for row, width, line in zip(table.rows, table.widths, table.lines, strict=True)
        ]
    for number, pair in numbered:
        if len(pair) != 2 or pair[1] not in known or not pair[0]:
            raise UserError(f"{path}, line {number}: not {wanted}{', '.join(known)} (split.file)")
        if "/" in pair[0]:
            advice = "split.file must name people, for only people are split"
            raise UserError(f"{path}, line {number}: {pair[0]} is a file; {advice}")
    listed = pd.DataFrame([pair for _, pair in numbered], columns=["name", "split"], dtype=str)
    return keys, listed.assign(name=_bare(listed["name"]), split=listed["split"].map(known))
