"""What of the data sets is there, and who of their people can be used with what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from deepfacegen.config.download import SETS
from deepfacegen.config.schema import Config
from deepfacegen.data.download.bundle import is_unpacked
from deepfacegen.data.download.catalogue import bundles
from deepfacegen.data.download.folders import folder, roots
from deepfacegen.data.download.journal import Journal
from deepfacegen.data.download.state import ARCHIVES, State
from deepfacegen.data.sources import join
from deepfacegen.data.sources.names import VGGFACE2_ID, VOX_ID, key
from deepfacegen.data.sources.scan import Lister
from deepfacegen.errors import UserError

GB = 10**9


@dataclass(frozen=True)
class SetState:
    """`state`: there (unpacked, usable), partly, missing. `bytes_there` counts archives and parts of them as
    they are fetched."""

    name: str
    state: str
    bytes_there: int
    about_bytes: int
    terms_accepted: bool
    problems: list[str]


@dataclass(frozen=True)
class Usable:
    """People with files below the folders that the pipeline would read now."""

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
    """Look at the download folder; nothing is changed and nothing fetched."""
    below = folder(config)
    state = State(below)
    sets = [_set(state, name, SETS[name] in config.download.accept_terms) for name in SETS]
    return Inventory(str(below), sets, usable(config))


def _set(state: State, name: str, accepted: bool) -> SetState:
    there, about, unpacked = 0, 0, []
    for bundle in bundles((name,)):
        about += bundle.about_bytes
        unpacked.append(is_unpacked(state, bundle, forget=False))
        for item in bundle.items:
            known, archive = state.load(item.name), state.folder / ARCHIVES / item.name
            journal = Journal(archive.with_name(f"{item.name}.partial.journal"))
            there += (
                int(known.get("bytes", 0)) if known.get("used") or archive.is_file() else journal.bytes_done()
            )
    links = [row for row in state.rows.values() if row.set == name and row.object.endswith(" links")]
    done = all(unpacked) and (name != "vggface1" or any(row.status != "missing" for row in links))
    problems = [
        f"{row.object}: {row.status}, {row.detail}"
        for row in state.rows.values()
        if row.set == name and row.status != "ok"
    ]
    problems += [f"{row.object}: {row.detail}" for row in links if row.status == "ok"]
    return SetState(
        name,
        "there" if done else "partly" if there or any(unpacked) else "missing",
        there,
        about,
        accepted,
        problems,
    )


def usable(config: Config) -> Usable:
    """Count people by their folders, and those whom the metadata join."""
    at = roots(config)
    source = config.data.source if config.data.source.startswith("voxceleb") else "voxceleb"
    try:
        people = join.read(
            replace(config.data, source=source, same_people=None, enrichment=None), at.metadata
        ).people
    except UserError:
        people = None
    names = {name for person in people or () for name in person.face_keys}
    voices = _people(at.voices, lambda name: bool(VOX_ID.fullmatch(name)))
    faces = _people(at.faces, lambda name: bool(VGGFACE2_ID.fullmatch(name)) or key(name) in names)
    both = (
        None
        if people is None
        else sum(
            1 for person in people if voices & {key(v) for v in person.voice_ids} and faces & person.face_keys
        )
    )
    return Usable(str(at.voices), str(at.faces), str(at.metadata), len(voices), len(faces), both)


def _people(root: Path, known: Callable[[str], bool]) -> set[str]:
    """Keys of the names of all people's folders; none if there is no such folder."""
    try:
        return {key(name) for name in Lister(root, sizes=False).people(known, "")}
    except UserError:
        return set()


def lines(told: Inventory) -> list[str]:
    """For a terminal."""
    out = [f"{told.folder}:"]
    for entry in told.sets:
        share = f"{entry.bytes_there / GB:.2f} of about {entry.about_bytes / GB:.2f} GB"
        out.append(
            f"  {entry.name:<16} {entry.state:<8} {share}{'' if entry.terms_accepted else '  (terms not accepted)'}"
        )
        out += [f"      {problem}" for problem in entry.problems[:20]]
    use = told.usable
    out.append("usable now:")
    out.append(f"  {use.voices} people with voices in {use.voices_root}")
    out.append(f"  {use.faces} people with faces in {use.faces_root}")
    if use.both is None:
        out.append(
            f"  nobody can be joined: {use.metadata} holds no table of people (sets vox1_meta, vox2_meta)"
        )
    else:
        out.append(f"  {use.both} people with both, by {use.metadata}")
    return out
