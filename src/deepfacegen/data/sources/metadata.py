"""Tables about people as they are published, or made by hand: VoxCeleb's and VGGFace2's metadata, lists of
who is the same, ages, people.csv."""

from __future__ import annotations

import logging
import statistics
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from deepfacegen.data.files.text_tables import Table, lines_of, read_table, some, words_of
from deepfacegen.data.sources.inventories import Identity
from deepfacegen.data.sources.names import CONTRARY, NOT_KNOWN, age_years, bare, gender, key
from deepfacegen.errors import UserError

log = logging.getLogger(__name__)
# A column is recognised by how its title (letters and digits, in lower case) begins.
_COLUMNS = {
    "voice": ("voxceleb",),
    "face": ("vggface",),
    "gender": ("gender",),
    "nationality": ("nationality",),
    "age": ("age", "speakerage"),
}


@dataclass(frozen=True)
class People:
    """Who the metadata name, sorted by id, and how many of its rows are not usable."""

    identities: list[Identity]
    malformed_rows: int
    shared_faces: int


@dataclass
class Facts:
    """The facts of a table about people, by their name or id: gender and nationality where all rows of one
    agree, the median of the ages."""

    gender: dict[str, str] = field(default_factory=dict)
    age_years: dict[str, float] = field(default_factory=dict)
    nationality: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)  # in the order of the rows
    malformed_rows: int = 0
    repeated_rows: int = 0
    contradicting_genders: int = 0
    unclear_values: int = 0

    def about(self, name: str) -> tuple[str | None, float | None, str | None]:
        """Gender, age in years and nationality of one person."""
        return self.gender.get(name), self.age_years.get(name), self.nationality.get(name)


def read_people(path: Path) -> People:
    """Read vox2_meta.csv or vox1_meta.csv as they are published: a byte-order mark, spaces around fields,
    commas or tabs.

    Columns: a VoxCeleb id, a VGGFace id, gender; if there, nationality and age. Of several people with the
    same face id the first is used. Raises UserError naming the file when it cannot be read or lacks a column.
    """
    what = "data.metadata must name vox1_meta.csv or vox2_meta.csv"
    table = read_table(path, what)
    column = {name: table.beginning(*starts) for name, starts in _COLUMNS.items()}
    needed = {"voice": "VoxCeleb2 ID", "face": "VGGFace2 ID", "gender": "Gender"}
    lacking = [title for name, title in needed.items() if column[name] is None]
    if lacking:
        raise UserError(f"{path}: no column {' or '.join(lacking)} in its first line; {what}")
    found: dict[str, Identity] = {}
    malformed = 0
    for row in table.rows:
        values = {name: row[place] if place is not None else "" for name, place in column.items()}
        voice_id, face_id = values["voice"], bare(values["face"])
        if not voice_id or not face_id or voice_id in found:
            malformed += 1
            continue
        nationality = _nationality(values["nationality"]) or None
        known = gender(values["gender"]), age_years(values["age"]), nationality
        found[voice_id] = Identity(voice_id, voice_id, face_id, *known)
    by_face: dict[str, Identity] = {}
    for _, person in sorted(found.items()):
        by_face.setdefault(key(person.face_id), person)
    people = sorted(by_face.values(), key=lambda person: person.identity_id)
    if not people:
        raise UserError(f"{path}: names nobody; {what}")
    return People(people, malformed, len(found) - len(people))


def read_names(path: Path, id_starts: tuple[str, ...], what: str) -> tuple[list[tuple[str, str]], int]:
    """(id, name) of identity_meta.csv (Class_ID, Name) or full_vox2_meta.csv (VoxCeleb2ID, Name), and how
    many rows are no such pair."""
    table = read_table(path, what)
    places = table.beginning(*id_starts), table.beginning("name")
    if places[0] is None or places[1] is None:
        raise UserError(f"{path}: no column of ids or none of names in its first line; {what}")
    pairs = [(row[places[0]], row[places[1]].strip('" ')) for row in table.rows]
    good = [pair for pair in pairs if all(pair)]
    return good, len(pairs) - len(good)


def read_same(path: Path, what: str) -> tuple[list[list[str]], int]:
    """Who is the same person: two or more ids or names a line, as in class_overlap_vgg1_2.txt."""
    groups = [words_of(line) for line in lines_of(path, what)]
    titles = ("vggface", "voxceleb", "#")
    named = [group for group in groups if group and not group[0].lower().startswith(titles)]
    good = [group for group in named if len(group) > 1]
    return good, len(named) - len(good)


def read_facts(path: Path) -> Facts:
    """Gender, age and nationality by VoxCeleb id, several rows a person or one (as in the enriched VoxCeleb
    of Hechmi et al. 2021)."""
    columns = "VoxCeleb_ID and speaker_age, age, gender or nationality"
    what = f"data.enrichment must name a csv with a column {columns}"
    table = read_table(path, what)
    column = {name: table.beginning(*starts) for name, starts in _COLUMNS.items()}
    place = column["voice"]
    if place is None or all(column[name] is None for name in ("gender", "age", "nationality")):
        raise UserError(f"{path}: {what}")
    return facts_of(table, place, column["gender"], column["age"], column["nationality"])


def facts_of(
    table: Table, person: int, gender_place: int | None, age_place: int | None, nationality_place: int | None
) -> Facts:
    """The facts in the columns at these places about each person. Words that are not understood are unknown,
    and named in the log."""
    facts = Facts()
    by_name: dict[str, list[tuple[str, str, str]]] = {}
    for row, width, line in zip(table.rows, table.widths, table.lines, strict=True):
        name = bare(row[person])
        if name and width <= len(table.titles):
            gender_text, age_text, nation = (
                "" if place is None else row[place] for place in (gender_place, age_place, nationality_place)
            )
            by_name.setdefault(name, []).append((gender_text, age_text, nation))
            continue
        facts.malformed_rows += 1
        if name:
            rule = "a name with a separator in it needs quotation marks"
            log.warning("%s, line %d: more fields than the first line has; %s", table.path, line, rule)
    every = [row for rows in by_name.values() for row in rows]
    words = {row[0].strip(".").casefold() for row in every}
    genders = {row[0]: _gender(row[0], words) for row in every}
    ages = {row[1]: age_years(row[1]) for row in every}
    facts.names = list(by_name)
    contradicted: list[str] = []
    for name, rows in by_name.items():
        facts.repeated_rows += len(rows) - 1
        own_genders = {genders[row[0]] for row in rows} - {None}
        nations = {_nationality(row[2]) for row in rows} - {""}
        years = [age for row in rows if (age := ages[row[1]]) is not None]
        if len(own_genders) > 1:
            contradicted.append(name)
        if len(own_genders) == 1:
            facts.gender[name] = str(own_genders.pop())
        if len(nations) == 1:
            facts.nationality[name] = nations.pop()
        if years:
            facts.age_years[name] = float(statistics.median(years))
    if contradicted:
        facts.contradicting_genders = len(contradicted)
        message = "%s: rows contradict each other about the gender of %s, which counts as unknown"
        log.warning(message, table.path, some(contradicted))
    for title, values, place, rule in (
        ("gender", genders, 0, "write f or m, or female or male"),
        ("age", ages, 1, "write years as a number"),
    ):
        unclear = Counter(row[place] for row in every if values[row[place]] is None)
        strange = [value for value in unclear if value.casefold() not in NOT_KNOWN]
        facts.unclear_values += sum(unclear[value] for value in strange)
        if strange:
            message = "%s: %s %s is not understood and counts as unknown; %s"
            log.warning(message, table.path, title, some(strange), rule)
    return facts


def _nationality(text: str) -> str:
    """As it is written; nothing for words that mean unknown."""
    return "" if text.casefold() in NOT_KNOWN else text


def _gender(text: str, words: set[str]) -> str | None:
    """As `names.gender`, but for letters that mean something else beside other words of the same column."""
    return None if CONTRARY.get(text.strip(".").casefold()) in words else gender(text)
