"""Who is who across data sets: people of VoxCeleb1 and 2, joined to VGGFace by name and to VGGFace2 by id,
each person once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepfacegen.config.paths import located
from deepfacegen.config.schema import DataConfig
from deepfacegen.data.sources import similar
from deepfacegen.data.sources.inventories import Identity
from deepfacegen.data.sources.metadata import Facts, People, read_facts, read_names, read_people, read_same
from deepfacegen.data.sources.names import VGGFACE2_ID, VOX_ID, Same, bare, key
from deepfacegen.errors import UserError

MAIN_TABLES = {
    "voxceleb1": ("vox1_meta.csv",),
    "voxceleb2": ("vox2_meta.csv",),
    "voxceleb": ("vox1_meta.csv", "vox2_meta.csv"),
}
VGGFACE2_NAMES, VOX2_NAMES, OVERLAP = "identity_meta.csv", "full_vox2_meta.csv", "class_overlap_vgg1_2.txt"


@dataclass(frozen=True)
class Person:
    """An identity with all its VoxCeleb ids and with the keys (`names.key`) of all names and ids that its
    faces may lie under."""

    identity: Identity
    voice_ids: tuple[str, ...]
    face_keys: frozenset[str]
    names: tuple[str, ...] = ()  # as the tables spell them


@dataclass(frozen=True)
class Joined:
    """People sorted by identity, and what was counted on the way."""

    people: list[Person]
    counts: dict[str, int] = field(default_factory=dict)


def read(config: DataConfig, metadata: Path) -> Joined:
    """The people in a table, or in the tables in a folder of metadata. Raises UserError when a table
    cannot be read."""
    if metadata.is_dir():
        names = MAIN_TABLES.get(config.source, MAIN_TABLES["voxceleb"])
        tables = [read_people(metadata / name) for name in names if (metadata / name).is_file()]
        if not tables:
            raise UserError(f"{metadata}: holds no {' or '.join(names)} (data.metadata)")
    else:
        tables = [read_people(metadata)]
    same, counts = _links(config, metadata)
    joined = join(tables, same, counts)
    return enriched(joined, read_facts(located(config.enrichment))) if config.enrichment else joined


def join(tables: list[People], links: list[list[str]], counts: Counter[str]) -> Joined:
    """One person for all the ids that the tables and the links (ids and names of one person each) hold
    together.

    Somebody in both VoxCelebs goes by the ids of VoxCeleb1; where the tables contradict each other about
    gender, it is unknown.
    """
    same = Same()
    rows = [person for table in tables for person in table.identities]
    for row in rows:
        same.union(_voice(row.voice_id), key(row.face_id))
    for link in links:
        same.union(*(_voice(name) if VOX_ID.fullmatch(name) else key(bare(name)) for name in link))
    members = same.groups()
    spelt: dict[str, set[str]] = {}
    for name in [row.face_id for row in rows] + [name for link in links for name in link]:
        if not (VOX_ID.fullmatch(name) or VGGFACE2_ID.fullmatch(name)):
            spelt.setdefault(same.find(key(bare(name))), set()).add(name)
    by_root: dict[str, list[Identity]] = {}
    for row in rows:
        by_root.setdefault(same.find(_voice(row.voice_id)), []).append(row)
    people = []
    counts = counts.copy()
    for name in _ALWAYS:
        counts[name] += sum(getattr(table, name) for table in tables)
    for root, own in by_root.items():
        own.sort(key=lambda row: (not row.voice_id.startswith("id1"), row.voice_id))
        genders = {row.gender for row in own if row.gender}
        counts["merged_people"] += len(own) > 1
        counts["contradicting_genders"] += len(genders) > 1
        age = next((row.age_years for row in own if row.age_years is not None), None)
        nationality = next((row.nationality for row in own if row.nationality), None)
        gender = genders.pop() if len(genders) == 1 else None
        identity = replace(own[0], gender=gender, age_years=age, nationality=nationality)
        voices = tuple(sorted(row.voice_id for row in own))
        faces = frozenset(name for name in members[root] if not name.startswith(_VOICE))
        people.append(Person(identity, voices, faces, tuple(sorted(spelt.get(root, ())))))
    people.sort(key=lambda person: person.identity.identity_id)
    return Joined(people, dict(sorted(counts.items())))


def enriched(joined: Joined, facts: Facts) -> Joined:
    """What the metadata leave open, filled from a table of ages and genders; what they hold stays, and
    contradictions are counted."""
    counts: Counter[str] = Counter(joined.counts)
    people = []
    for person in joined.people:
        identity = person.identity
        for name in ("gender", "age_years", "nationality"):
            known: dict[str, Any] = getattr(facts, name)
            value: Any = next((known[voice_id] for voice_id in person.voice_ids if voice_id in known), None)
            if value is not None and getattr(identity, name) is None:
                identity = replace(identity, **{name: value})
                counts[f"enriched_{name}"] += 1
            elif name == "gender" and value is not None and value != identity.gender:
                counts["contradicting_genders"] += 1
        people.append(replace(person, identity=identity))
    counts["malformed_rows"] += facts.malformed_rows
    return Joined(people, {name: counts[name] for name in sorted(counts)})


def alike(people: Sequence[Person]) -> list[similar.Pair]:
    """People of VoxCeleb1 and people of VoxCeleb2 alone whose names are nearly the same, and whom no table
    joins or separates."""
    named: dict[bool, list[tuple[str, str]]] = {True: [], False: []}  # in VoxCeleb1 or not: (identity, name)
    for person in people:
        in_voxceleb1 = any(voice_id.startswith("id1") for voice_id in person.voice_ids)
        named[in_voxceleb1] += [(person.identity.identity_id, name) for name in person.names]
    gender = {person.identity.identity_id: person.identity.gender for person in people}
    found = similar.pairs(named[True], named[False])
    return [p for p in found if {gender[p.identity_id], gender[p.other_identity_id]} != {"f", "m"}]


def _links(config: DataConfig, metadata: Path) -> tuple[list[list[str]], Counter[str]]:
    """Ids and names that are one person's, from the tables beside the main ones and from data.same_people."""
    counts: Counter[str] = Counter()
    links: list[list[str]] = []
    for name, id_starts in ((VGGFACE2_NAMES, ("classid", "vggface")), (VOX2_NAMES, ("voxceleb",))):
        if (metadata / name).is_file():
            pairs, malformed = read_names(metadata / name, id_starts, "see data.metadata")
            owners = Counter(key(spelt) for _, spelt in pairs)
            # A name of two ids is no link: the data set keeps them apart.
            links += [list(pair) for pair in pairs if owners[key(pair[1])] == 1]
            ambiguous = sum(count > 1 for count in owners.values())
            counts += Counter(malformed_rows=malformed, ambiguous_names=ambiguous)
    what = "data.same_people must name a text file with the ids and names of one person on each line"
    given = [metadata / OVERLAP] if (metadata / OVERLAP).is_file() else []
    for path in [*given, *([located(config.same_people)] if config.same_people else [])]:
        groups, malformed = read_same(path, what)
        links += groups
        counts["malformed_rows"] += malformed
    return links, counts


_VOICE = "voice:"
_ALWAYS = ("malformed_rows", "shared_faces")


def _voice(voice_id: str) -> str:
    return _VOICE + voice_id
