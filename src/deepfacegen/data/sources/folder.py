"""One's own people: a folder for each, with sound, films and pictures in any order, or below voices/ and
faces/; and people.csv, if there is one."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import Path

from deepfacegen.config.paths import located
from deepfacegen.config.schema import DataConfig
from deepfacegen.data.files.text_tables import read_table, some
from deepfacegen.data.files.tree import is_folder
from deepfacegen.data.sources.inventories import Identity
from deepfacegen.data.sources.metadata import Facts, facts_of
from deepfacegen.data.sources.names import bare, key
from deepfacegen.data.sources.scan import Folders, Lister, plain, video_faces
from deepfacegen.errors import UserError

log = logging.getLogger(__name__)
TABLE = "people.csv"
PARTS = ("voices", "faces")
_TITLES = {
    "person": ("person", "name", "id", "folder"),
    "gender": ("gender", "sex"),
    "age": ("age", "ageyears", "ageinyears"),
    "nationality": ("nationality", "country"),
}


def people(config: DataConfig, lister: Lister) -> tuple[list[Identity], Folders, dict[str, int]]:
    """Who has a folder, sorted, the folders of each, and counts. Raises UserError where nobody has one or
    people.csv cannot be read."""
    root = Path(lister.root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder (data.root)")
    folders: Folders = {}
    path = located(config.metadata) if config.metadata else root / TABLE
    followed: list[str] = []
    for part in ("", *PARTS):
        for entry in lister.entries(part) if (root / part).is_dir() else []:
            inside = f"{part}/{entry.name}".lstrip("/")
            if not is_folder(entry):
                if root / inside != path:
                    lister.pass_over(inside, "outside_people")
            elif not (part == "" and entry.name in PARTS) and (
                not entry.is_symlink() or lister.follow(f"{inside}/", followed)
            ):
                folders.setdefault(bare(entry.name) or entry.name, []).append(inside)
    if not folders:
        advice = "make one for each person, with their sound and pictures in it"
        raise UserError(f"{root}: holds nobody's folder (data.root); {advice}")
    names = sorted(folders)
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(key(name), []).append(name)
    doubtful = [name for group in alike.values() if len(group) > 1 for name in group]
    if doubtful:
        rule = "count as different people; if some are one, make one folder of them"
        log.warning("%s: %s %s", root, some(doubtful), rule)
    facts = _facts(path) if config.metadata or path.is_file() else Facts()
    found = [Identity(name, name, name, *facts.about(name)) for name in names]
    table_only = [name for name in facts.names if name not in folders]
    if table_only:
        message = "%s: %d of %d people in it have no folder of that name: %s"
        log.warning(message, path, len(table_only), len(facts.names), some(table_only))
    counted = ("malformed_rows", "repeated_rows", "contradicting_genders", "unclear_values")
    counts = {name: getattr(facts, name) for name in counted}
    counts["in_table_only"], counts["not_in_table"] = len(table_only), len(set(folders) - set(facts.names))
    return found, folders, counts


def files(lister: Lister, name: str, folders: list[str], faces_from: str) -> tuple[list[tuple], list[tuple]]:
    """Rows of the voices' and of the faces' inventory of one person. Below faces/ no sound is listed, below
    voices/ no photo.

    A recording in a folder of its own belongs to the video of that folder's name, every other one is a video
    of its own.
    """
    voices: list[tuple] = []
    photos: list[tuple] = []
    films: list[tuple] = []
    uses: Counter[str] = Counter()
    person = plain(name)
    for folder in folders:
        part = folder.partition("/")[0] if "/" in folder else ""
        for inside, entry in lister.files(folder):
            path, stem = f"{folder}/{inside}{entry.name}", os.path.splitext(entry.name)[0]
            kind, size = lister.kind(f"{folder}/{inside}".rstrip("/"), entry), lister.size(entry)
            video = plain(inside.rstrip("/").replace("/", "+") or stem)
            if kind in ("audio", "video") and part != "faces":
                voices.append((f"{person}/{video}/{plain(stem)}", name, video, path, kind, size))
            elif kind == "video":
                films.append((f"{person}/faces+{video}/{plain(stem)}", name, path, "video", size))
            elif kind == "photo" and part != "voices":
                photo_id = plain(f"{name}/{inside}{stem}")
                uses[photo_id] += 1
                # Files of one's own may be called alike whatever they show (a.jpg and a.png, or another
                # folder's): each has an id of its own.
                number = f"+{uses[photo_id]}" if uses[photo_id] > 1 else ""
                photos.append((photo_id + number, name, path, "photo", size))
            else:
                lister.no_use(path, kind)
    if faces_from == "photos":
        unwanted, faces = films, photos
    else:
        unwanted = [] if faces_from == "both" else photos
        faces = [*(photos if faces_from == "both" else []), *films, *video_faces(name, voices)]
    for row in unwanted:
        lister.pass_over(row[2], "not_in_faces_from")
    return voices, faces


def _facts(path: Path) -> Facts:
    what = "people.csv has columns person, gender, age, nationality, of which only the first is needed"
    table = read_table(path, what)
    place = {name: table.column(*titles) for name, titles in _TITLES.items()}
    for title in (table.titles[found] for found in place.values() if found is not None):
        if table.titles.count(title) > 1:
            count = table.titles.count(title)
            raise UserError(f"{path}: has {count} columns {title}; keep the one that is meant")
    if place["person"] is None:
        raise UserError(f"{path}: no column person in its first line; {what}")
    return facts_of(table, place["person"], place["gender"], place["age"], place["nationality"])
