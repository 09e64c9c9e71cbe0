"""Folders of people found and listed, whatever published layout they lie in: one os.scandir a folder, no call a file unless sizes are wanted."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from deepfacegen.data.sources.names import VGGFACE2_ID, VOX_ID, bare, whole
from deepfacegen.errors import UserError

AUDIO_SUFFIXES = frozenset((".m4a", ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aac", ".wma", ".amr", ".aif", ".aiff", ".au", ".caf"))
VIDEO_SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".3gp", ".flv", ".wmv"))
PHOTO_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"))
# Folders between a root and its people; beside people, any other folder is a person.
_SETS = ("vox1", "vox2", "voxceleb1", "voxceleb2", "vggface", "vggface1", "vggface2", "vgg_face_dataset", "vgg_all_frontal")
_PARTS = ("dev", "test", "train", "val", "aac", "mp4", "wav", "m4a", "files", "data", "images", "voices", "faces", "unzippedfaces")
BETWEEN = frozenset((*_SETS, *_PARTS, "origin_faces", "masked_faces"))
NEVER_PEOPLE = frozenset(("txt", "meta", "bb_landmark"))
MOST_LEVELS, MOST_FOLDERS = 5, 20_000
# VoxCeleb1 as it first was: <name>/<video>_<number>.wav.
_FLAT_CLIP = re.compile(r"(.{11})_(\d{5,7})")

Folders = dict[str, list[str]]  # id or name -> the folders of that person, relative to the root


class Lister:
    """Lists what is below `root`, and counts what it cannot use."""

    def __init__(self, root: Path, sizes: bool) -> None:
        self.root, self.sizes = str(root), sizes
        self.ignored: Counter[str] = Counter()

    def people(self, known: Callable[[str], bool], data_key: str) -> Folders:
        """The folders named by an id or name, at most five levels down. Raises UserError when there is none or far too much else."""
        if not os.path.isdir(self.root):
            raise UserError(f"{self.root}: no such folder ({data_key})")
        found: Folders = {}
        waiting, seen = [("", 1)], 0
        while waiting:
            inside, level = waiting.pop()
            seen += 1
            if seen > MOST_FOLDERS:
                raise UserError(f"{self.root}: more than {MOST_FOLDERS} folders that are nobody's; {data_key} must name the data set's own folder")
            names = [entry.name for entry in self.entries(inside) if entry.is_dir() and entry.name.lower() not in NEVER_PEOPLE]
            anybody = any(known(bare(name)) for name in names)
            if "origin_faces" in names and "masked_faces" in names:  # HQ-VoxCeleb has each picture twice, the second without a background
                names.remove("masked_faces")
                self.ignored["masked_faces_folders"] += 1
            for name in names:
                if known(bare(name)) or (anybody and name.lower() not in BETWEEN):
                    found.setdefault(bare(name), []).append(f"{inside}{name}")
                elif level < MOST_LEVELS and not (VOX_ID.fullmatch(name) or VGGFACE2_ID.fullmatch(name)):  # somebody of another kind
                    waiting.append((f"{inside}{name}/", level + 1))
        if not found:
            raise UserError(f"{self.root}: holds nobody's files ({data_key}); see docs/own-data.md for the layouts that are understood")
        return {name: sorted(folders) for name, folders in sorted(found.items())}

    def entries(self, inside: str) -> list[os.DirEntry[str]]:
        """What is in a folder, by name, without hidden files (such as those that macOS leaves beside each real one)."""
        try:
            with os.scandir(f"{self.root}/{inside}") as entries:
                every = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError:
            self.ignored["unreadable_folders"] += 1
            return []
        good = [entry for entry in every if entry.name.isascii() or _is_text(entry.name)]
        self.ignored["names_not_utf8"] += len(every) - len(good)
        return sorted(good, key=lambda entry: entry.name)

    def size(self, entry: os.DirEntry[str]) -> int:
        try:
            return entry.stat().st_size if self.sizes else 0
        except OSError:
            return 0

    def files(self, folder: str) -> Iterator[tuple[str, str, str, os.DirEntry[str]]]:
        """(folders below `folder` with a slash behind each, stem, suffix in lower case, entry) of every file, however deep.

        Links to folders are not followed."""
        waiting = [""]
        while waiting:
            inside = waiting.pop()
            for entry in self.entries(f"{folder}/{inside}"):
                stem, suffix = os.path.splitext(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{inside}{entry.name}/")
                elif entry.is_file():
                    yield inside, stem, suffix.lower(), entry
                else:
                    self.ignored["other_files"] += 1

    def voices(self, voice_id: str, folders: list[str]) -> list[tuple]:
        """Rows of the voices' inventory: <folder>/<video>/<clip>.m4a, or <folder>/<video>_<number>.wav; deeper is not looked."""
        rows = []
        for folder in folders:
            for entry in self.entries(folder):
                if entry.is_dir():
                    inside = f"{folder}/{entry.name}"
                    rows += [row for file in self.entries(inside) if (row := self._clip(voice_id, entry.name, inside, file)) is not None]
                else:
                    stem = os.path.splitext(entry.name)[0]
                    parts = _FLAT_CLIP.fullmatch(stem)
                    row = self._clip(voice_id, parts[1] if parts else stem, folder, entry, parts[2] if parts else stem)
                    rows += [row] if row is not None else []
        return rows

    def _clip(self, voice_id: str, video: str, folder: str, file: os.DirEntry[str], clip: str = "") -> tuple | None:
        stem, suffix = os.path.splitext(file.name)
        kind = sound_kind(suffix.lower())
        if not kind or not file.is_file():
            self.ignored["other_files"] += 1
            return None
        video = plain(video)
        return f"{voice_id}/{video}/{plain(clip or stem)}", voice_id, video, f"{folder}/{file.name}", kind, self.size(file)

    def photos(self, face_id: str, folders: list[str]) -> list[tuple]:
        """Rows of the faces' inventory, ids from the folder's own name; photos may lie in folders of their own (`<name>/1.6/<video>/<frame>.jpg`).

        Where two folders of a person hold files of one name, those of the second bear its path in their ids: they need not be the same picture.
        """
        rows: list[tuple] = []
        owner: dict[str, str] = {}
        for folder in folders:
            parent, _, name = folder.rpartition("/")
            for inside, stem, suffix, file in self.files(folder):
                if suffix not in PHOTO_SUFFIXES:
                    self.ignored["other_files"] += 1
                    continue
                photo_id = plain(f"{bare(name)}/{inside}{stem}")
                if owner.setdefault(photo_id, folder) != folder:
                    photo_id = plain(f"{bare(name)}/{parent}/{inside}{stem}")
                rows.append((photo_id, face_id, f"{folder}/{inside}{file.name}", "photo", self.size(file)))
        return rows


def sound_kind(suffix: str) -> str:
    """audio, video, or nothing for what is neither."""
    return "audio" if suffix in AUDIO_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else ""


def video_faces(face_id: str, voices: list[tuple]) -> list[tuple]:
    """The videos among the voices' rows, as rows of the faces' inventory."""
    films = [row for row in voices if row[4] == "video"]
    return [(f"{plain(face_id)}/{clip_id.split('/', 1)[1]}", face_id, path, kind, size) for clip_id, _, _, path, kind, size in films]


def plain(part: str) -> str:
    """A part of an id, which tables can name (NFC): `#` stands before the number of a frame in ids of faces, so no name may hold one."""
    return whole(part).replace("#", "%23")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
