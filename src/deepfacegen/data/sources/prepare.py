"""The download stage: which voices and faces there are and who they belong to, as inventories of files.

Sample people are rendered first; the files of others stay where the user keeps them and are only listed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen.config.paths import located
from deepfacegen.config.schema import Config
from deepfacegen.data.download.folders import roots
from deepfacegen.data.faces import hints
from deepfacegen.data.files.tree import PassedOver
from deepfacegen.data.sources import folder, join, watching
from deepfacegen.data.sources.inventories import (
    FACE_COLUMNS,
    VOICE_COLUMNS,
    Identity,
    Inventory,
    identity_frame,
    summary,
    write,
)
from deepfacegen.data.sources.names import VGGFACE2_ID, VOX_ID, key
from deepfacegen.data.sources.roots import faces_root, voices_root
from deepfacegen.data.sources.scan import Folders, Lister, video_faces
from deepfacegen.errors import UserError
from deepfacegen.progress import track

PASSED_OVER = "meta/passed_over.csv"  # below data/raw, where anything was passed over
TIMES = "times.txt"  # beside an inventory: when its files were changed, as a digest

Files = tuple[list[tuple], list[tuple]]  # rows of the voices' and of the faces' inventory


@dataclass
class Plan:
    """The people of a source, how to list the files of one of them, and the counts of what is nobody's."""

    people: list[Identity]
    files: Callable[[int], Files]
    metadata: dict[str, int]
    unlisted: Callable[[], dict[str, int]] = field(default=lambda: {"voice_files": 0, "face_files": 0})
    nobody: str = ""


def prepare(config: Config, root: Path = Path("data/raw")) -> dict[str, Any]:
    """Write the inventories and identities.parquet below `root` (docs/data-contract.md); returns the stage's
    metrics.

    Listed are the files of people that have both a voice and a face; the others are counted. Raises UserError
    when a folder is missing or empty, metadata cannot be read, or nobody has both.
    """
    if config.data.source == "sample":
        from deepfacegen.synthetic.write import write_sample

        write_sample(config.sample, root=root)
    sizes = config.data.file_sizes
    passed = PassedOver()
    listers = (
        Lister(voices_root(config, root), sizes, passed),
        Lister(faces_root(config, root), sizes, passed),
    )
    plan = (
        _own_people(config, listers[0])
        if config.data.source == "folder"
        else _voxceleb(config, root, *listers)
    )
    voices, faces = Inventory(VOICE_COLUMNS), Inventory(FACE_COLUMNS)
    kept: list[Identity] = []
    missing: Counter[str] = Counter()
    for place in track(range(len(plan.people)), "people listed", len(plan.people)):
        if len(kept) == config.data.limit_identities:
            break
        own_voices, own_faces = plan.files(place)
        if own_voices and own_faces:
            kept.append(plan.people[place])
            voices.add(own_voices)
            faces.add(own_faces)
        else:
            missing["voice_only" if own_voices else "face_only" if own_faces else "without_files"] += 1
            missing["unpaired_files"] += len(own_voices) + len(own_faces)
    unlisted = plan.unlisted() if kept else {}
    listed = passed.write(root / PASSED_OVER)
    if not kept:
        others = f"; {passed.line()}, see {listed}" if listed is not None else ""
        if missing["without_files"] == len(plan.people):
            raise UserError(f"{plan.nobody}{others}")
        counts = f"{missing['voice_only']} have only a voice, {missing['face_only']} only a face"
        raise UserError(
            f"nobody has both a voice in {listers[0].root} and a face in {listers[1].root}: {counts} "
            f"(data.faces_from: {config.data.faces_from}){others}"
        )
    more: dict[str, Any] = {}
    if listed is not None:
        more |= {"ignored_list": listed.as_posix(), "ignored_examples": passed.examples()}
    tables = voices.table(), faces.table()
    sounds, pictures = (table.to_pandas() for table in tables)
    if config.data.face_hints:
        pictures, more["hints"] = hints.attach(located(config.data.face_hints), pictures)
    voices_at, faces_at = voices_root(config, root), faces_root(config, root)
    for frame, part, kinds_at in (
        (sounds, "voices", {"audio": voices_at, "video": voices_at}),
        (pictures, "faces", {"photo": faces_at, "video": voices_at}),
    ):
        write(frame, root / part / "inventory.parquet")
        if sizes and config.data.source != "sample":
            (root / part / TIMES).write_text(f"{watching.times(frame, kinds_at)}\n", encoding="ascii")
    identities = identity_frame(kept)
    write(identities, root / "meta/identities.parquet")
    gender = identities["gender"]
    return {
        "source": config.data.source,
        "identities": {
            "listed": len(kept),
            "f": int((gender == "f").sum()),
            "m": int((gender == "m").sum()),
            "gender_unknown": int(gender.isna().sum()),
            **{name: missing[name] for name in ("voice_only", "face_only", "without_files")},
        },
        "voices": summary(tables[0]),
        "faces": summary(tables[1]),
        "unlisted": {**unlisted, "unpaired_files": missing["unpaired_files"]},
        "metadata": plan.metadata,
        "ignored": dict(sorted(passed.counts.items())),
        **more,
    }


def _own_people(config: Config, lister: Lister) -> Plan:
    people, folders, counts = folder.people(config.data, lister)

    def files(place: int) -> Files:
        name = people[place].identity_id
        return folder.files(lister, name, folders[name], config.data.faces_from)

    nobody = f"{lister.root}: the folders of {len(people)} people hold no sound and no pictures (data.root)"
    return Plan(people, files, counts, nobody=nobody)


def _voxceleb(config: Config, raw: Path, voices: Lister, faces: Lister) -> Plan:
    """People of VoxCeleb1 and 2, and sample people, who lie in the same layout."""
    data, metadata = config.data, roots(config).metadata
    if data.source == "sample":
        data, metadata = replace(data, enrichment=None, same_people=None), raw / "meta/vox2_meta.csv"
    joined = join.read(data, metadata)
    names = {key(person.identity.face_id): person for person in joined.people}
    known_voices = {voice_id for person in joined.people for voice_id in person.voice_ids}
    # Frames of one's own may lie in folders named by voice ids, unless those are the voices' own folders.
    apart = not Path(voices.root).absolute().is_relative_to(Path(faces.root).absolute())
    face_names = [sorted({*p.face_keys, *(p.voice_ids if apart else ())}) for p in joined.people]
    known_faces = {name for own in face_names for name in own}
    voice_folders = voices.people(
        lambda name: name in known_voices or bool(VOX_ID.fullmatch(name)) or key(name) in names,
        "data.voices_root",
    )
    face_folders: Folders = {}
    if data.faces_from != "video":
        face_folders = faces.people(
            lambda name: bool(VGGFACE2_ID.fullmatch(name)) or key(name) in known_faces, "data.faces_root"
        )
    by_voice, by_face = _by_key(voice_folders), _by_key(face_folders)

    def files(place: int) -> Files:
        person = joined.people[place]
        identity = person.identity
        own: list[tuple] = []
        for voice_id in person.voice_ids:
            # The first release of VoxCeleb1 had names where the later ones have ids.
            places = [voice_id, identity.face_id] if voice_id == identity.voice_id else [voice_id]
            folders = [inside for name in places for inside in by_voice.get(key(name), [])]
            rows = voices.voices(voice_id, folders)
            own += [(row[0], identity.voice_id, *row[2:]) for row in rows]
        folders = [inside for name in face_names[place] for inside in by_face.get(name, [])]
        photos = faces.photos(identity.face_id, folders)
        films = video_faces(identity.face_id, own) if data.faces_from != "photos" else []
        return own, [*photos, *films]

    def unlisted() -> dict[str, int]:
        listed = {
            key(name)
            for person in joined.people
            for name in (*person.voice_ids, *person.face_keys, person.identity.face_id)
        }
        others = [
            [(name, inside) for name, inside in found.items() if key(name) not in listed]
            for found in (voice_folders, face_folders)
        ]
        return {
            "voice_files": sum(len(voices.voices(name, inside)) for name, inside in others[0]),
            "face_files": sum(len(faces.photos(name, inside)) for name, inside in others[1]),
        }

    alike = join.alike(joined.people)
    if alike:
        (raw / "meta").mkdir(parents=True, exist_ok=True)
        pd.DataFrame([asdict(pair) for pair in alike]).to_csv(raw / "meta/similar_names.csv", index=False)
        joined.counts["similar_names"] = len(alike)
    first_id = f"where the first id is {min(voice_folders)}"
    nobody = f"{metadata}: names nobody whose files are in {voices.root}, {first_id}"
    return Plan([person.identity for person in joined.people], files, joined.counts, unlisted, nobody)


def _by_key(folders: Folders) -> Folders:
    """Folders by the key of their name: two spellings of a name are one person's."""
    found: Folders = {}
    for name, inside in folders.items():
        found.setdefault(key(name), []).extend(inside)
    return found
