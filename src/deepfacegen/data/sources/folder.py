"""One's own people: a folder for each, with sound, films and pictures in any order, or below voices/ and faces/; and people.csv, if there is one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from deepfacegen.config import DataConfig
from deepfacegen.config_paths import located
from deepfacegen.data.sources.metadata import rows_of
from deepfacegen.data.sources.names import age_years, bare, gender
from deepfacegen.data.sources.scan import PHOTO_SUFFIXES, Folders, Lister, plain, sound_kind, video_faces
from deepfacegen.data.sources.tables import Identity
from deepfacegen.errors import UserError

TABLE = "people.csv"
PARTS = ("voices", "faces")
_TITLES = {
    "person": ("person", "name", "id", "folder"),
    "gender": ("gender", "sex"),
    "age": ("age", "age_years", "ageyears"),
    "nationality": ("nationality", "country"),
}


def people(config: DataConfig, lister: Lister) -> tuple[list[Identity], Folders, dict[str, int]]:
    """Who has a folder, sorted, the folders of each, and counts. Raises UserError where nobody has one or people.csv cannot be read."""
    root = Path(lister.root)
    if not root.is_dir():
        raise UserError(f"{root}: no such folder (data.root)")
    folders: Folders = {}
    for part in ("", *PARTS):
        for entry in lister.entries(part) if (root / part).is_dir() else []:
            if entry.is_dir() and not (part == "" and entry.name in PARTS):
                folders.setdefault(bare(entry.name) or entry.name, []).append(f"{part}/{entry.name}".lstrip("/"))
    if not folders:
        raise UserError(f"{root}: holds nobody's folder (data.root); make one for each person, with their sound and pictures in it")
    path = located(config.metadata) if config.metadata else root / TABLE
    table, malformed = _table(path) if config.metadata or path.is_file() else ({}, 0)
    found = [table.get(name, Identity(name, name, name)) for name in sorted(folders)]
    counts = {"malformed_rows": malformed, "in_table_only": len(table.keys() - folders.keys()), "not_in_table": len(folders.keys() - table.keys())}
    return found, folders, counts


def files(lister: Lister, name: str, folders: list[str], faces_from: str) -> tuple[list[tuple], list[tuple]]:
    """Rows of the voices' and of the faces' inventory of one person. Below faces/ nothing is listened to, below voices/ no photo is looked at.

    A recording in a folder of its own belongs to the video of that folder's name, every other one is a video of its own.
    """
    voices: list[tuple] = []
    photos: list[tuple] = []
    films: list[tuple] = []
    owner: Counter[str] = Counter()
    person = plain(name)
    for folder in folders:
        for inside, stem, suffix, entry in lister.files(folder):
            path, size = f"{folder}/{inside}{entry.name}", lister.size(entry)
            kind = sound_kind(suffix)
            part = folder.partition("/")[0] if "/" in folder else ""
            if kind and part != "faces":
                video = plain(inside.rstrip("/").replace("/", "+") or stem)
                voices.append((f"{person}/{video}/{plain(stem)}", name, video, path, kind, size))
            elif kind == "video":
                films.append((f"{person}/faces+{plain(inside.rstrip('/').replace('/', '+') or stem)}/{plain(stem)}", name, path, "video", size))
            elif suffix in PHOTO_SUFFIXES and part != "voices":
                photo_id = plain(f"{name}/{inside}{stem}")
                owner[photo_id] += 1
                # Files of one's own may be called alike whatever they show (a.jpg and a.png, or another folder's): each has an id of its own.
                photos.append((photo_id if owner[photo_id] == 1 else f"{photo_id}+{owner[photo_id]}", name, path, "photo", size))
            else:
                lister.ignored["other_files"] += 1
    if faces_from == "photos":
        return voices, photos
    return voices, [*(photos if faces_from == "both" else []), *films, *video_faces(name, voices)]


def _table(path: Path) -> tuple[dict[str, Identity], int]:
    what = "people.csv has columns person, gender, age, nationality, of which only the first is needed"
    rows = rows_of(path, what)
    header = [cell.lower().replace(" ", "") for cell in rows[0]] if rows else []
    column = {name: next((header.index(title) for title in titles if title in header), None) for name, titles in _TITLES.items()}
    place = column["person"]
    if place is None:
        raise UserError(f"{path}: no column person in its first line; {what}")
    found: dict[str, Identity] = {}
    malformed = 0
    for row in rows[1:]:
        cell = {name: row[at] if at is not None and at < len(row) else "" for name, at in column.items()}
        name = bare(cell["person"])
        if not name or name in found:
            malformed += any(row)
            continue
        found[name] = Identity(name, name, name, gender(cell["gender"]), age_years(cell["age"]), cell["nationality"] or None)
    return found, malformed
