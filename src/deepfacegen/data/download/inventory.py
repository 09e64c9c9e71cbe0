"""Which data sets are there, and how many people can be used with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from deepfacegen.config.download import SETS
from deepfacegen.config.schema import Config
from deepfacegen.data.download.bundle import is_unpacked
from deepfacegen.data.download.catalogue import GB, bundles
from deepfacegen.data.download.folders import folder, roots
from deepfacegen.data.download.item import bytes_on_disk
from deepfacegen.data.download.state import State
from deepfacegen.data.sources import join
from deepfacegen.data.sources.names import VGGFACE2_ID, VOX_ID, key
from deepfacegen.data.sources.scan import Lister
from deepfacegen.errors import UserError


@dataclass(frozen=True)
class SetState:
    """`state`: there (unpacked, usable), partly, missing. `bytes_there` includes partly fetched archives."""

    name: str
    state: str
    bytes_there: int
    about_bytes: int
    terms_accepted: bool
    problems: list[str]


@dataclass(frozen=True)
class Usable:
    """Numbers of people in the folders that the pipeline would read now."""

    voices_root: str
    faces_root: str
    metadata: str
    voices: int
    faces: int
    both: int | None  # None: no metadata to join them by


@dataclass(frozen=True)
class Inventory:
    folder: str
    sets: list[SetState]
    usable: Usable


def take(config: Config) -> Inventory:
    """Read the download folder; nothing is changed or fetched."""
    root = folder(config)
    state = State(root)
    sets = [_set(state, name, SETS[name] in config.download.accept_terms) for name in SETS]
    return Inventory(str(root), sets, usable(config))


def _set(state: State, name: str, accepted: bool) -> SetState:
    chosen = bundles((name,))
    items = [item for bundle in chosen for item in bundle.items]
    known = {item.name: state.load(item.name) for item in items}
    present = sum(
        known[item.name]["bytes"] if known[item.name].get("used") else bytes_on_disk(state, item)
        for item in items
    )
    unpacked = [is_unpacked(state, bundle) for bundle in chosen]
    rows = [row for row in state.rows.values() if row.set == name]
    links = [row for row in rows if row.object.endswith(" links")]
    done = all(unpacked) and (name != "vggface1" or any(row.status != "missing" for row in links))
    problems = [f"{row.object}: {row.status}, {row.detail}" for row in rows if row.status != "ok"]
    problems += [f"{row.object}: {row.detail}" for row in links if row.status == "ok"]
    word = "there" if done else "partly" if present or any(unpacked) else "missing"
    return SetState(name, word, present, sum(bundle.about_bytes for bundle in chosen), accepted, problems)


def usable(config: Config) -> Usable:
    """Count people by their folders, and those that the metadata joins."""
    at = roots(config)
    source = config.data.source if config.data.source.startswith("voxceleb") else "voxceleb"
    settings = replace(config.data, source=source, same_people=None, enrichment=None)
    try:
        people = join.read(settings, at.metadata).people
    except UserError:
        people = None
    names = {name for person in people or () for name in person.face_keys}
    voices = _people(at.voices, lambda name: bool(VOX_ID.fullmatch(name)))
    faces = _people(at.faces, lambda name: bool(VGGFACE2_ID.fullmatch(name)) or key(name) in names)
    both = None
    if people is not None:
        both = sum(bool(voices & set(map(key, p.voice_ids)) and faces & p.face_keys) for p in people)
    return Usable(str(at.voices), str(at.faces), str(at.metadata), len(voices), len(faces), both)


def _people(root: Path, known: Callable[[str], bool]) -> set[str]:
    """Keys of the names of all people's folders; none if there is no such folder."""
    try:
        return {key(name) for name in Lister(root, sizes=False).people(known, "")}
    except UserError:
        return set()


def lines(inventory: Inventory) -> list[str]:
    """For a terminal."""
    out = [f"{inventory.folder}:"]
    for entry in inventory.sets:
        share = f"{entry.bytes_there / GB:.2f} of about {entry.about_bytes / GB:.2f} GB"
        terms = "" if entry.terms_accepted else "  (terms not accepted)"
        out.append(f"  {entry.name:<16} {entry.state:<8} {share}{terms}")
        out += [f"      {problem}" for problem in entry.problems[:20]]
    use = inventory.usable
    out.append("usable now:")
    out.append(f"  {use.voices} people with voices in {use.voices_root}")
    out.append(f"  {use.faces} people with faces in {use.faces_root}")
    if use.both is None:
        detail = f"{use.metadata} has no table of people (sets vox1_meta, vox2_meta)"
        return [*out, f"  no voices and faces can be joined: {detail}"]
    return [*out, f"  {use.both} people with both, by {use.metadata}"]
