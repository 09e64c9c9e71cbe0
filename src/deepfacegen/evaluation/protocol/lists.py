"""Published trial lists on our people: who and what a list names is looked up, and what is found is scored.

What a list names and we lack is lost and counted: a score on part of a list is a score on another list.
People whom training has met
and people whom it has not are scored apart, and so are trials with one of each: a mixed number says nothing
about either. "Seen" means a training identity of ours. There is no split by video, so a trial of seen people
may well be about clips of training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from deepfacegen.errors import UserError
from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.metrics.matching import accuracy, dot_rows, outcomes
from deepfacegen.evaluation.metrics.pairs import labelled_pairs
from deepfacegen.evaluation.protocol.list_formats import TrialList
from deepfacegen.evaluation.protocol.trials import Trials

POPULATIONS = ("seen", "unseen", "mixed")

# Row numbers [T] of voices and of faces, or of voices and of voices -> scores [T], higher = more the same
# person (views.Score is one).
PairScore = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Matched:
    """The K trials of a list whose people, clips and faces we have, and how many others were lost, by reason.

    row int64 [K, k]: rows of the clips' table where `voice` [K, k], else of the faces'. person int64 [K, k]:
    rows of the identities' table. same bool [K]: labels (of pairs; of no meaning in matching). population
    [K]: one of POPULATIONS. part [K]: see TrialList.
    """

    kind: str
    lines: int
    lost: dict[str, int]
    row: np.ndarray
    voice: np.ndarray
    person: np.ndarray
    same: np.ndarray
    population: np.ndarray
    part: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def match(trials: TrialList, clips: pd.DataFrame, faces: pd.DataFrame, identities: pd.DataFrame) -> Matched:
    """Look up a list's names among ours (tables of data/manifest): len(result) + sum(result.lost) =
    len(trials).

    A person is the first folder of a path that is a voice_id, face_id or identity_id of ours, with or without
    a dot at the end, or the beginning of one of the person's clip_ids or photo_ids (who is in two data sets
    has two ids). What follows must be the same file but for a folder of the crop factor (1.6), leading zeros
    of the last number, and whether `/` or `_` stands between: `A.J._Buckley/Y8hIVOBuels_0000001.wav`
    (VoxCeleb1 as it first was) is `id10001/Y8hIVOBuels/00001`. Two files of ours that only differ in these
    are ambiguous and not found, except by their exact ids. A line counts as lost once, for the first reason
    of `unknown_person`, `missing_clip`, `missing_face` that holds. Raises UserError, naming the line, when a
    label contradicts whose voices and faces they are.
    """
    places = [
        _places(identities[key].astype(str).str.rstrip(".")) for key in ("voice_id", "face_id", "identity_id")
    ]
    own = _places(identities["identity_id"])
    people = pd.concat(
        [
            *places,
            *(
                _further_ids(table[key], table["identity_id"], own)
                for table, key in ((clips, "clip_id"), (faces, "photo_id"))
            ),
        ]
    )
    people = people[~people.index.duplicated()]
    person, row = (np.full(trials.names.shape, -1, dtype=np.int64) for _ in range(2))
    for medium, table, key in ((True, clips, "clip_id"), (False, faces, "photo_id")):
        here = trials.voice == medium
        code, paths = pd.factorize(trials.names[here])
        owner = _numbers(table["identity_id"], own)
        whose, which = _look_up(pd.Series(paths, dtype="str"), table[key].astype("str"), owner, people)
        person[here], row[here] = whose[code], which[code]
    unknown = (person < 0).any(axis=1)
    no_clip = ~unknown & ((row < 0) & trials.voice).any(axis=1)
    no_face = ~unknown & ~no_clip & (row < 0).any(axis=1)
    kept = ~(unknown | no_clip | no_face)
    lost = {
        "unknown_person": int(unknown.sum()),
        "missing_clip": int(no_clip.sum()),
        "missing_face": int(no_face.sum()),
    }
    person = person[kept]
    same = person[:, 0] == person[:, 1]
    wrong = (
        ~same | (person[:, 0] == person[:, -1])
        if trials.kind == "matching"
        else np.zeros(len(same), dtype=bool)
    )
    if trials.same is not None:
        wrong = same != trials.same[kept]
    if wrong.any():
        raise UserError(
            f"{trials.path}, line {trials.line[kept][wrong.argmax()]}: it contradicts our metadata about who is the same person"
        )
    split = identities["split"].to_numpy(dtype=object)[person]
    seen, unseen = ((split == name).all(axis=1) for name in ("train", "test"))
    population = np.where(seen, "seen", np.where(unseen, "unseen", "mixed"))
    return Matched(
        trials.kind,
        len(trials),
        lost,
        row[kept],
        trials.voice[kept],
        person,
        same,
        population,
        trials.part[kept],
    )


def narrow(matched: Matched) -> tuple[Matched, np.ndarray, np.ndarray]:
    """The same trials over only those clips and faces that take part: rows of the clips [V] and of the faces
    [F], sorted, and the trials by their places among these. Whoever scores need then draw and embed no
    more."""
    clips, faces = (np.unique(matched.row[matched.voice == medium]) for medium in (True, False))
    row = np.where(matched.voice, np.searchsorted(clips, matched.row), np.searchsorted(faces, matched.row))
    return replace(matched, row=row), clips, faces


def voice_cosine(vectors: np.ndarray) -> PairScore:
    """Voice embeddings float [V, D], of any length -> their cosines, as a score of two voices."""
    units = unit(vectors)
    return lambda first, second: dot_rows(units, units, first, second)


def score(
    matched: Matched, voice_face: PairScore | None, voice_voice: PairScore | None, resamples: int, seed: int
) -> dict[str, Any]:
    """`kind`, `lines`, `scored`, `lost.<reason>`, and for each of POPULATIONS with trials: accuracy
    (matching) or AUC and EER (verification).

    Intervals are over people (`matching.accuracy`, `pairs.labelled_pairs`). AUC and EER are left out where
    all pairs, or none, are of the same person. A list of several parts has `parts.<part>.<population>`
    instead. Raises ValueError when a score that the list needs is None.
    """
    told: dict[str, Any] = {
        "kind": matched.kind,
        "lines": matched.lines,
        "scored": len(matched),
        "lost": matched.lost,
    }
    scores = [_score(matched, column, voice_face, voice_voice) for column in range(1, matched.row.shape[1])]
    for part in np.unique(matched.part):
        cells = told
        for name in ("parts", *str(part).split(".")) if part else ():
            cells = cells.setdefault(name, {})
        for population in POPULATIONS:
            here = (matched.part == part) & (matched.population == population)
            if here.any():
                chosen = [values[here] for values in scores]
                cells[population] = _cell(matched.person[here], matched.same[here], chosen, resamples, seed)
    return told


def _cell(
    person: np.ndarray, same: np.ndarray, scores: list[np.ndarray], resamples: int, seed: int
) -> dict[str, float | int]:
    present, number = np.unique(person, return_inverse=True)
    number = number.reshape(person.shape)
    if person.shape[1] == 3:
        rows = np.arange(len(person))
        trials = Trials(rows, rows, rows, number[:, 0], number[:, 2])
        return accuracy(outcomes(*scores), trials, len(present), resamples, seed).metrics()
    if same.all() or not same.any():
        return {"pairs": len(same), "identities": len(present)}
    return labelled_pairs(scores[0], same, number[:, 0], number[:, 1], resamples, seed)


def _score(
    matched: Matched, column: int, voice_face: PairScore | None, voice_voice: PairScore | None
) -> np.ndarray:
    """The scores [K] of each trial's first name with that of a column."""
    first, second = matched.row[:, 0], matched.row[:, column]
    scores = np.empty(len(matched))
    voice = matched.voice[:, [0, column]]
    for mask, left, right, scorer, what in (
        (voice.all(axis=1), first, second, voice_voice, "two voices"),
        (voice[:, 0] & ~voice[:, 1], first, second, voice_face, "a voice and a face"),
        (~voice[:, 0] & voice[:, 1], second, first, voice_face, "a voice and a face"),
    ):
        if mask.any():
            if scorer is None:
                raise ValueError(f"the list compares {what}, and there is no score for that")
            scores[mask] = scorer(left[mask], right[mask])
    return scores


def _places(names: pd.Series) -> pd.Series:
    """Name -> its row; names that several rows have are left out."""
    places = pd.Series(np.arange(len(names)), index=names.to_numpy(dtype=object))
    return places[~places.index.duplicated(keep=False)]


def _numbers(names: pd.Series, places: pd.Series) -> np.ndarray:
    """The places of names, int64 [N], -1 where they have none."""
    return names.map(places).fillna(-1).to_numpy(dtype=np.int64)


def _further_ids(ids: pd.Series, identity: pd.Series, own: pd.Series) -> pd.Series:
    """What stands before the first `/` of ids [R] -> the row of the only identity that has it."""
    pairs = pd.DataFrame(
        {"name": ids.str.partition("/")[0].str.rstrip("."), "identity": identity}
    ).drop_duplicates()
    pairs = pairs[~pairs["name"].duplicated(keep=False)]
    return pd.Series(_numbers(pairs["identity"], own), index=pairs["name"].to_numpy(dtype=object))


def _look_up(
    paths: pd.Series, ids: pd.Series, owner: np.ndarray, people: pd.Series
) -> tuple[np.ndarray, np.ndarray]:
    """paths [U] -> whose they are and which of our rows they are, int64 [U] each, -1 where unknown.

    ids [R]: `<person>/<file>` of our rows; owner [R]: whose they are.
    """
    person, row = (np.full(len(paths), -1, dtype=np.int64) for _ in range(2))
    file = paths.copy()
    folders = paths.str.split("/", expand=True)
    for depth in range(folders.shape[1] - 1):
        found = _numbers(folders[depth].str.rstrip("."), people)
        here = (person < 0) & (found >= 0) & folders[depth + 1].notna().to_numpy()
        person[here] = found[here]
        file[here] = paths[here].str.replace(rf"^([^/]*/){{{depth + 1}}}", "", regex=True)
    named = np.flatnonzero(np.isin(owner, person[person >= 0]))
    ours = ids.iloc[named].str.replace(r"^[^/]*/", "", regex=True)
    for spell in (lambda files: files, _plain):  # the very same name, where there is one, is the right one
        keys = pd.Series(owner[named]).astype("str") + "/" + spell(ours).reset_index(drop=True)
        place = _numbers(pd.Series(person).astype("str") + "/" + spell(file), _places(keys))
        row = np.where((row < 0) & (place >= 0), np.append(named, -1)[place], row)
    return person, row


def _plain(files: pd.Series) -> pd.Series:
    """What follows the person in a path, the same for all layouts: `1.6/xyz/0003650`, `xyz/0003650`,
    `xyz_3650` -> `xyz_3650`."""
    short = files.str.replace(r"^\d[.]\d+/", "", regex=True).str.replace("/", "_", regex=False)
    return short.str.replace(r"(^|_)0+(\d+)$", r"\1\2", regex=True)
