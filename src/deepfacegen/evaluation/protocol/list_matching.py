"""Which of our people, clips and faces the trials of a published list name.

What a list names and we lack is lost and counted: a score on part of a list is a score on another list. Seen
people, unseen people and trials with one of each are scored apart: a mixed number says nothing about either.
"Seen" means a training identity of ours. There is no split by video, so a trial of seen people may well be
about clips of training.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from deepfacegen.errors import UserError
from deepfacegen.evaluation.protocol.list_formats import TrialList

POPULATIONS = ("seen", "unseen", "mixed")


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
    label contradicts who the voices and faces are of.
    """
    keys = ("voice_id", "face_id", "identity_id")
    own, media = _places(identities["identity_id"]), ((clips, "clip_id"), (faces, "photo_id"))
    ids = [_places(identities[key].astype(str).str.rstrip(".")) for key in keys]
    people = pd.concat([*ids, *(_further_ids(table[key], table["identity_id"], own) for table, key in media)])
    people = people[~people.index.duplicated()]
    person, row = (np.full(trials.names.shape, -1, dtype=np.int64) for _ in range(2))
    for medium, (table, key) in zip((True, False), media, strict=True):
        here = trials.voice == medium
        code, paths = pd.factorize(trials.names[here])
        owner = _numbers(table["identity_id"], own)
        who, which = _look_up(pd.Series(paths, dtype="str"), table[key].astype("str"), owner, people)
        person[here], row[here] = who[code], which[code]
    unknown = (person < 0).any(axis=1)
    no_clip = ~unknown & ((row < 0) & trials.voice).any(axis=1)
    no_face = ~unknown & ~no_clip & (row < 0).any(axis=1)
    kept = ~(unknown | no_clip | no_face)
    reasons = {"unknown_person": unknown, "missing_clip": no_clip, "missing_face": no_face}
    lost = {reason: int(lines.sum()) for reason, lines in reasons.items()}
    person = person[kept]
    same = person[:, 0] == person[:, 1]
    wrong = np.zeros(len(same), dtype=bool)
    if trials.kind == "matching":
        wrong = ~same | (person[:, 0] == person[:, -1])
    if trials.same is not None:
        wrong = same != trials.same[kept]
    if wrong.any():
        line = trials.line[kept][wrong.argmax()]
        raise UserError(
            f"{trials.path}, line {line}: it contradicts our metadata about who is the same person"
        )
    split = identities["split"].to_numpy(dtype=object)[person]
    seen, unseen = ((split == name).all(axis=1) for name in ("train", "test"))
    population = np.where(seen, "seen", np.where(unseen, "unseen", "mixed"))
    row, voice, part = (values[kept] for values in (row, trials.voice, trials.part))
    return Matched(trials.kind, len(trials), lost, row, voice, person, same, population, part)


def narrow(matched: Matched) -> tuple[Matched, np.ndarray, np.ndarray]:
    """The same trials over only those clips and faces that take part: rows of the clips [V] and of the faces
    [F], sorted, and the trials by their places among these, so that no others need be scored."""
    clips, faces = (np.unique(matched.row[matched.voice == medium]) for medium in (True, False))
    row = np.where(matched.voice, np.searchsorted(clips, matched.row), np.searchsorted(faces, matched.row))
    return replace(matched, row=row), clips, faces


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
    """paths [U] -> their people and their rows among ours, int64 [U] each, -1 where unknown.

    ids [R]: `<person>/<file>` of our rows; owner [R]: the person of each.
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
