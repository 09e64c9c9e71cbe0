"""Tables about people as they are published: VoxCeleb's and VGGFace2's metadata, lists of who is the same, ages from elsewhere."""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from deepfacegen.data.sources.names import age_years, bare, gender, key
from deepfacegen.data.sources.tables import Identity
from deepfacegen.errors import UserError

# A column is recognised by how its name begins, blanks and case aside.
_COLUMNS = {"voice": ("voxceleb",), "face": ("vggface",), "gender": ("gender",), "nationality": ("nationality",), "age": ("age", "speaker_age")}


@dataclass(frozen=True)
class People:
    """Who the metadata name, sorted by id, and how many of its rows say nothing usable."""

    identities: list[Identity]
    malformed_rows: int
    shared_faces: int


@dataclass
class Facts:
    """What a table beside the metadata says of a voice id: gender and nationality where all rows agree, the median of the ages."""

    gender: dict[str, str] = field(default_factory=dict)
    age_years: dict[str, float] = field(default_factory=dict)
    nationality: dict[str, str] = field(default_factory=dict)
    malformed_rows: int = 0


def rows_of(path: Path, what: str) -> list[list[str]]:
    """The fields of a csv without blanks around them; separated by tabs, semicolons or commas, whichever its first line has, with or without
    a byte-order mark. Raises UserError, which ends in `what`, when it cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {what}") from None
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: not a text file that can be read; {what}") from None
    first = text.split("\n", 1)[0]
    if not text or "\0" in text:
        raise UserError(f"{path}: not a table of people; {what}")
    separator = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
    csv.field_size_limit(10_000_000)  # descriptions of videos are long
    try:
        return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)]
    except csv.Error as error:
        raise UserError(f"{path}: not a table of people ({error}); {what}") from None


def read_people(path: Path) -> People:
    """Read vox2_meta.csv or vox1_meta.csv as they are published: a byte-order mark, spaces around fields, commas or tabs.

    Columns: a VoxCeleb id, a VGGFace id, gender; if there, nationality and age. Of several people with the same face id
    the first is used. Raises UserError naming the file when it cannot be read or lacks a column.
    """
    what = "data.metadata must name vox1_meta.csv or vox2_meta.csv"
    rows = rows_of(path, what)
    header = _header(rows)
    column = {name: _column(header, starts) for name, starts in _COLUMNS.items()}
    needed = {"voice": "VoxCeleb2 ID", "face": "VGGFace2 ID", "gender": "Gender"}
    lacking = [title for name, title in needed.items() if column[name] is None]
    if lacking:
        raise UserError(f"{path}: no column {' or '.join(lacking)} in its first line; {what}")
    found: dict[str, Identity] = {}
    malformed = 0
    for row in rows[1:]:
        values = {name: row[place] if place is not None and place < len(row) else "" for name, place in column.items()}
        voice_id, face_id = values["voice"], bare(values["face"])
        if not voice_id or not face_id or voice_id in found:
            malformed += any(row)
            continue
        known = gender(values["gender"]), age_years(values["age"]), values["nationality"] or None
        found[voice_id] = Identity(voice_id, voice_id, face_id, *known)
    by_face: dict[str, Identity] = {}
    for _, person in sorted(found.items()):
        by_face.setdefault(key(person.face_id), person)
    people = sorted(by_face.values(), key=lambda person: person.identity_id)
    if not people:
        raise UserError(f"{path}: names nobody; {what}")
    return People(people, malformed, len(found) - len(people))


def read_names(path: Path, id_starts: tuple[str, ...], what: str) -> tuple[list[tuple[str, str]], int]:
    """(id, name) of identity_meta.csv (Class_ID, Name) or full_vox2_meta.csv (VoxCeleb2ID, Name), and how many rows are no such pair."""
    rows = rows_of(path, what)
    header = _header(rows)
    places = _column(header, id_starts), _column(header, ("name",))
    if places[0] is None or places[1] is None:
        raise UserError(f"{path}: no column of ids or none of names in its first line; {what}")
    pairs = [(row[places[0]], row[places[1]].strip('" ')) for row in rows[1:] if len(row) > max(places[0], places[1])]
    good = [pair for pair in pairs if all(pair)]
    return good, sum(any(row) for row in rows[1:]) - len(good)


def read_same(path: Path, what: str) -> tuple[list[list[str]], int]:
    """Who is the same person: two or more ids or names a line, separated by blanks, tabs or commas, as in class_overlap_vgg1_2.txt."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: not a text file that can be read; {what}") from None
    groups = [line.replace(",", " ").replace('"', " ").split() for line in lines]
    named = [group for group in groups if group and not group[0].lower().startswith(("vggface", "voxceleb", "#"))]
    good = [group for group in named if len(group) > 1]
    return good, len(named) - len(good)


def read_facts(path: Path) -> Facts:
    """Gender, age and nationality by VoxCeleb id, several rows a person or one (as in the enriched VoxCeleb of Hechmi et al. 2021)."""
    what = "data.enrichment must name a csv with a column VoxCeleb_ID and speaker_age, age, gender or nationality"
    rows = rows_of(path, what)
    header = _header(rows)
    column = {name: _column(header, starts) for name, starts in _COLUMNS.items()}
    place = column["voice"]
    if place is None or all(column[name] is None for name in ("gender", "age", "nationality")):
        raise UserError(f"{path}: {what}")
    told: dict[str, list[tuple[str | None, float | None, str | None]]] = {}
    facts = Facts()
    for row in rows[1:]:
        if len(row) <= place or not row[place]:
            facts.malformed_rows += any(row)
            continue
        cell = {name: row[at] if at is not None and at < len(row) else "" for name, at in column.items()}
        told.setdefault(row[place], []).append((gender(cell["gender"]), age_years(cell["age"]), cell["nationality"] or None))
    for voice_id, rows_told in told.items():
        genders, nations = (Counter(row[at] for row in rows_told if row[at]) for at in (0, 2))
        ages = [row[1] for row in rows_told if row[1] is not None]
        if len(genders) == 1:
            facts.gender[voice_id] = str(next(iter(genders)))
        if len(nations) == 1:
            facts.nationality[voice_id] = str(next(iter(nations)))
        if ages:
            facts.age_years[voice_id] = float(statistics.median(ages))
    return facts


def _header(rows: list[list[str]]) -> list[str]:
    return [name.lower().replace(" ", "") for name in rows[0]] if rows else []


def _column(header: list[str], starts: tuple[str, ...]) -> int | None:
    """The place of the first column of one of these names, or else of one that begins so."""
    exact = (header.index(start) for start in starts if start in header)
    return next(exact, next((place for start in starts for place, name in enumerate(header) if name.startswith(start)), None))
