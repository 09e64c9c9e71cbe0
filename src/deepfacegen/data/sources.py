"""The download stage: which voices and faces there are and who they belong to, as inventories of files.

Sample people are rendered first; VoxCeleb2 and VGGFace2 stay where the user keeps them and are only listed.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from deepfacegen.config import Config
from deepfacegen.data.download.folders import roots
from deepfacegen.errors import UserError

VOICE_SETS = ("dev", "test", "")
VOICE_FOLDERS = ("aac", "mp4", "wav")
FACE_SETS = ("train", "test", "")
AUDIO_SUFFIXES = (".m4a", ".wav", ".flac", ".mp3", ".ogg")
VIDEO_SUFFIXES = (".mp4",)
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")

VOICE_COLUMNS = {"clip_id": "str", "voice_id": "str", "video_id": "str", "path": "str", "kind": "str", "size_bytes": "int64"}
FACE_COLUMNS = {"photo_id": "str", "face_id": "str", "path": "str", "kind": "str", "size_bytes": "int64"}
IDENTITY_COLUMNS = {"identity_id": "str", "voice_id": "str", "face_id": "str", "gender": "str", "age_years": "float64", "nationality": "str"}


Folders = dict[str, list[str]]  # id -> the folders of that id, relative to the root
GENDERS = {"f": "f", "female": "f", "m": "m", "male": "m"}


@dataclass(frozen=True)
class Identity:
    """A row of identities.parquet. What is not known is None, never guessed."""

    identity_id: str
    voice_id: str
    face_id: str
    gender: str | None = None
    age_years: float | None = None
    nationality: str | None = None


@dataclass(frozen=True)
class People:
    """Who the metadata name, sorted by id, and how many of its rows say nothing usable."""

    identities: list[Identity]
    malformed_rows: int
    shared_faces: int


def voices_root(config: Config, raw: Path) -> Path:
    """The folder that the paths of the voices' inventory, and of videos in the faces' inventory, are relative to."""
    return raw / "voices" if config.data.source == "sample" else roots(config).voices


def faces_root(config: Config, raw: Path) -> Path:
    """The folder that the paths of photos in the faces' inventory are relative to."""
    return raw / "faces" if config.data.source == "sample" else roots(config).faces


def prepare(config: Config, root: Path = Path("data/raw")) -> dict[str, Any]:
    """Write the inventories and identities.parquet below `root` (docs/architecture.md); returns the stage's metrics.

    Listed are the files of identities that metadata name and that have both a voice and a face; the others are counted.
    Raises UserError when a folder is missing or empty, metadata cannot be read, or nobody has both.
    """
    metadata = roots(config).metadata
    if config.data.source == "sample":
        from deepfacegen.data.sample.write import write_sample

        write_sample(config.sample, root=root)
        metadata = root / "meta" / "vox2_meta.csv"
    people = read_people(metadata)
    voices, faces = voices_root(config, root), faces_root(config, root)
    voice_folders = _id_folders(voices, [f"{s}/{kind}".lstrip("/") for s in VOICE_SETS for kind in VOICE_FOLDERS], "data.voices_root")
    from_photos, from_video = config.data.faces_from != "video", config.data.faces_from != "photos"
    photo_folders = _id_folders(faces, list(FACE_SETS), "data.faces_root") if from_photos else {}

    voice_rows: list[tuple] = []
    face_rows: list[tuple] = []
    kept: list[Identity] = []
    missing: Counter[str] = Counter()
    for person in people.identities:
        if len(kept) == config.data.limit_identities:
            break
        own_voices = list(_voices(voices, person.voice_id, voice_folders))
        own_faces = list(_photos(faces, person.face_id, photo_folders))
        if from_video:
            own_faces += _video_faces(person.face_id, own_voices)
        if own_voices and own_faces:
            kept.append(person)
            voice_rows += own_voices
            face_rows += own_faces
        else:
            missing["voice_only" if own_voices else "face_only" if own_faces else "without_files"] += 1
            missing["unpaired_files"] += len(own_voices) + len(own_faces)
    if missing["without_files"] == len(people.identities):
        raise UserError(f"{metadata}: names nobody whose files are in {voices}, where the first id is {min(voice_folders)}")
    if not kept:
        counts = f"{missing['voice_only']} have only a voice, {missing['face_only']} only a face"
        raise UserError(f"nobody in {metadata} has both a voice in {voices} and a face: {counts}")
    unlisted_voices = voice_folders.keys() - {person.voice_id for person in people.identities}
    unlisted_faces = photo_folders.keys() - {person.face_id for person in people.identities}

    voice_table = pd.DataFrame(voice_rows, columns=list(VOICE_COLUMNS)).astype(VOICE_COLUMNS).sort_values(["clip_id", "path"], ignore_index=True)
    face_table = pd.DataFrame(face_rows, columns=list(FACE_COLUMNS)).astype(FACE_COLUMNS).sort_values(["photo_id", "path"], ignore_index=True)
    identities = pd.DataFrame([asdict(person) for person in kept], columns=list(IDENTITY_COLUMNS)).astype(IDENTITY_COLUMNS)
    for name, table in (("voices/inventory", voice_table), ("faces/inventory", face_table), ("meta/identities", identities)):
        path = root / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path, index=False)
    gender = identities["gender"]
    return {
        "source": config.data.source,
        "identities": {
            "listed": len(kept),
            "f": int((gender == "f").sum()),
            "m": int((gender == "m").sum()),
            "gender_unknown": int(gender.isna().sum()),
            **{key: missing[key] for key in ("voice_only", "face_only", "without_files")},
        },
        "voices": _summary(voice_table),
        "faces": _summary(face_table),
        "unlisted": {
            "voice_files": sum(1 for voice_id in unlisted_voices for _ in _voices(voices, voice_id, voice_folders)),
            "face_files": sum(1 for face_id in unlisted_faces for _ in _photos(faces, face_id, photo_folders)),
            "unpaired_files": missing["unpaired_files"],
        },
        "metadata": {"malformed_rows": people.malformed_rows, "shared_faces": people.shared_faces},
    }


def read_people(path: Path) -> People:
    """Read vox2_meta.csv or vox1_meta.csv as they are published: a byte-order mark, spaces around fields, commas or tabs.

    Columns: a VoxCeleb id, a VGGFace id, gender; if there, nationality and age. Of several people with the same face id
    the first is used. Raises UserError naming the file when it cannot be read or lacks a column.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; data.metadata must name vox2_meta.csv") from None
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: not a text file that can be read; data.metadata must name vox2_meta.csv") from None
    lines = text.splitlines()
    if not lines or "\0" in text:
        raise UserError(f"{path}: not a table of people; data.metadata must name vox2_meta.csv")
    rows = [[field.strip() for field in row] for row in csv.reader(lines, delimiter="\t" if "\t" in lines[0] else ",")]
    header = [name.lower().replace(" ", "") for name in rows[0]]
    column = {key: _column(header, start) for key, start in (("voice", "voxceleb"), ("face", "vggface"), ("gender", "gender"))}
    lacking = [{"voice": "VoxCeleb2 ID", "face": "VGGFace2 ID", "gender": "Gender"}[key] for key, place in column.items() if place is None]
    if lacking:
        raise UserError(f"{path}: no column {' or '.join(lacking)} in its first line; data.metadata must name vox2_meta.csv")
    column |= {"nationality": _column(header, "nationality"), "age": _column(header, "age")}
    found: dict[str, Identity] = {}
    malformed = 0
    for row in rows[1:]:
        values = {key: row[place] if place is not None and place < len(row) else "" for key, place in column.items()}
        voice_id, face_id = values["voice"], values["face"].rstrip(".")
        if not voice_id or not face_id or voice_id in found:
            malformed += any(row)
            continue
        gender, nationality = GENDERS.get(values["gender"].lower()), values["nationality"] or None
        found[voice_id] = Identity(voice_id, voice_id, face_id, gender, _number(values["age"]), nationality)
    by_face: dict[str, Identity] = {}
    for _, person in sorted(found.items()):
        by_face.setdefault(person.face_id, person)
    people = sorted(by_face.values(), key=lambda person: person.identity_id)
    if not people:
        raise UserError(f"{path}: names nobody; data.metadata must name vox2_meta.csv")
    return People(people, malformed, len(found) - len(people))


def _column(header: list[str], start: str) -> int | None:
    return next((place for place, name in enumerate(header) if name.startswith(start)), None)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0.0 < value < 130.0 else None


def _id_folders(root: Path, parents: list[str], key: str) -> Folders:
    """The folders named by an id directly below root/<parent>. Raises UserError when there is none."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder ({key})")
    found: Folders = {}
    for parent in parents:
        if (root / parent).is_dir():
            for entry in _entries(root / parent):
                if entry.is_dir() and not (parent == "" and entry.name in FACE_SETS):
                    found.setdefault(entry.name.rstrip("."), []).append(f"{parent}/{entry.name}".lstrip("/"))
    if not found:
        places = " or ".join(str(root / parent / "<id>") for parent in parents[:2])
        raise UserError(f"{root}: holds nobody's files ({key}); expected folders like {places}")
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, by name, without hidden files (such as those that macOS leaves beside each real one)."""
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _voices(root: Path, voice_id: str, folders: Folders) -> Iterator[tuple]:
    """Rows of the voices' inventory for one id."""
    for folder in folders.get(voice_id, []):
        for video in _entries(root / folder):
            if not video.is_dir():
                continue
            for file in _entries(root / folder / video.name):
                stem, suffix = os.path.splitext(file.name)
                if suffix.lower() in AUDIO_SUFFIXES + VIDEO_SUFFIXES and file.is_file():
                    kind = "video" if suffix.lower() in VIDEO_SUFFIXES else "audio"
                    clip_id = f"{voice_id}/{video.name}/{stem}"
                    yield clip_id, voice_id, video.name, f"{folder}/{video.name}/{file.name}", kind, file.stat().st_size


def _photos(root: Path, face_id: str, folders: Folders) -> Iterator[tuple]:
    """Rows of the faces' inventory for one id; its photos may lie in folders of their own (frames by video: `<id>/1.6/<video>/<frame>.jpg`)."""
    for folder in folders.get(face_id, []):
        waiting = [""]
        while waiting:
            inside = waiting.pop()
            for file in _entries(root / folder / inside):
                stem, suffix = os.path.splitext(file.name)
                if file.is_dir(follow_symlinks=False):
                    waiting.append(f"{inside}{file.name}/")
                elif suffix.lower() in PHOTO_SUFFIXES and file.is_file():
                    yield f"{face_id}/{inside}{stem}", face_id, f"{folder}/{inside}{file.name}", "photo", file.stat().st_size


def _video_faces(face_id: str, voices: list[tuple]) -> list[tuple]:
    """The videos among the voices' rows, as rows of the faces' inventory."""
    videos = [row for row in voices if row[4] == "video"]
    return [(f"{face_id}/{clip_id.split('/', 1)[1]}", face_id, path, kind, size) for clip_id, _, _, path, kind, size in videos]


def _summary(table: pd.DataFrame) -> dict[str, int]:
    kinds = table["kind"].value_counts()
    return {"files": len(table), "bytes": int(table["size_bytes"].sum()), **{str(kind): int(kinds[kind]) for kind in sorted(kinds.index)}}
