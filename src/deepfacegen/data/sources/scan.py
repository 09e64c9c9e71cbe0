"""Folders of people found and listed, whatever published layout they lie in: one os.scandir a folder; no call
a file unless sizes are wanted, or its suffix is not enough."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from deepfacegen.data.files import kinds
from deepfacegen.data.files.tree import PassedOver, Tree, is_file, is_folder
from deepfacegen.data.sources.names import VGGFACE2_ID, VOX_ID, bare, whole
from deepfacegen.errors import UserError

# Folders between a root and its people; beside people, any other folder is a person.
_SETS = "vox1 vox2 voxceleb1 voxceleb2 vggface vggface1 vggface2 vgg_face_dataset vgg_all_frontal lfw utkface"
_PARTS = "dev test train val aac mp4 wav m4a files data images voices faces unzippedfaces"
BETWEEN = frozenset((*_SETS.split(), *_PARTS.split(), "origin_faces", "masked_faces"))
NEVER_PEOPLE = frozenset(("txt", "meta", "bb_landmark"))
# What a file is that is of no use where it lies.
UNWANTED = {"audio": "sound_among_faces", "video": "films_among_faces", "photo": "photos_among_voices"}
MOST_LEVELS, MOST_FOLDERS = 5, 20_000
# VoxCeleb1 as it first was: <name>/<video>_<number>.wav.
_FLAT_CLIP = re.compile(r"(.{11})_(\d{5,7})")

Folders = dict[str, list[str]]  # id or name -> the folders of that person, relative to the root


class Lister(Tree):
    """Lists what is below `root`, and counts what it cannot use."""

    def __init__(self, root: Path, sizes: bool, passed: PassedOver | None = None) -> None:
        super().__init__(root, passed if passed is not None else PassedOver())
        self.sizes = sizes

    def people(self, known: Callable[[str], bool], data_key: str) -> Folders:
        """The folders named by an id or name, at most five levels down. Raises UserError when there is none
        or far too much else."""
        if not os.path.isdir(self.root):
            raise UserError(f"{self.root}: no such folder ({data_key})")
        found: Folders = {}
        waiting, seen = [("", 1)], 0
        followed: list[str] = []
        while waiting:
            inside, level = waiting.pop()
            seen += 1
            if seen > MOST_FOLDERS:
                what = f"more than {MOST_FOLDERS} folders that are nobody's"
                raise UserError(f"{self.root}: {what}; {data_key} must name the data set's own folder")
            names = self._folders(inside, followed)
            anybody = any(known(bare(name)) for name in names)
            # HQ-VoxCeleb has each picture twice, the second without a background.
            if "origin_faces" in names and "masked_faces" in names:
                names.remove("masked_faces")
                self.pass_over(f"{inside}masked_faces/", "masked_faces_folders")
            for name in names:
                if known(bare(name)) or (anybody and name.lower() not in BETWEEN):
                    found.setdefault(bare(name), []).append(f"{inside}{name}")
                elif level < MOST_LEVELS and not (VOX_ID.fullmatch(name) or VGGFACE2_ID.fullmatch(name)):
                    waiting.append((f"{inside}{name}/", level + 1))
        if not found:
            advice = "see docs/own-data.md for the layouts that are understood"
            raise UserError(f"{self.root}: holds nobody's files ({data_key}); {advice}")
        return {name: sorted(folders) for name, folders in sorted(found.items())}

    def _folders(self, inside: str, followed: list[str]) -> list[str]:
        """Names of the folders in a folder that may hold people or be theirs."""
        found: list[str] = []
        for entry in self.entries(inside):
            if not is_folder(entry):
                self.pass_over(f"{inside}{entry.name}", "outside_people")
            elif entry.name.lower() in NEVER_PEOPLE:
                self.pass_over(f"{inside}{entry.name}/", "annotation_folders")
            elif not entry.is_symlink() or self.follow(f"{inside}{entry.name}/", followed):
                found.append(entry.name)
        return found

    def size(self, entry: os.DirEntry[str]) -> int:
        try:
            return entry.stat().st_size if self.sizes else 0
        except OSError:
            return 0

    def voices(self, voice_id: str, folders: list[str]) -> list[tuple]:
        """Rows of the voices' inventory: <folder>/<video>/<clip>.m4a, or <folder>/<video>_<number>.wav;
        deeper is not looked."""
        rows: list[tuple] = []
        followed: list[str] = []
        for folder in folders:
            for entry in self.entries(folder):
                inside = f"{folder}/{entry.name}"
                if not is_folder(entry):
                    stem = os.path.splitext(entry.name)[0]
                    parts = _FLAT_CLIP.fullmatch(stem)
                    video, clip = parts.groups() if parts else (stem, stem)
                    rows += self._clip(voice_id, video, folder, entry, clip)
                elif not entry.is_symlink() or self.follow(f"{inside}/", followed):
                    for file in self.entries(inside):
                        clip = os.path.splitext(file.name)[0]
                        rows += self._clip(voice_id, entry.name, inside, file, clip)
        return rows

    def _clip(self, voice_id: str, video: str, folder: str, file: os.DirEntry[str], clip: str) -> list[tuple]:
        """The row of a sound or film; none for other files, which are passed over."""
        kind, path, video = self.kind(folder, file), f"{folder}/{file.name}", plain(video)
        if kind not in ("audio", "video"):
            self.no_use(path, kind)
            return []
        return [(f"{voice_id}/{video}/{plain(clip)}", voice_id, video, path, kind, self.size(file))]

    def kind(self, folder: str, file: os.DirEntry[str]) -> str:
        """audio, video, photo, or why it is none: deeper_folders, broken_links, special_files (sockets and
        the like), other_files."""
        if not is_file(file):
            other = "broken_links" if file.is_symlink() else "special_files"
            return "deeper_folders" if is_folder(file) else other
        found = kinds.by_suffix(file.name)
        if found is None:
            found = kinds.sniff(kinds.head(f"{self.root}/{folder}/{file.name}"))
        return found or "other_files"

    def no_use(self, path: str, kind: str) -> None:
        """Pass over a file because of its `kind`; a photo among voices, for one, has a reason of its own."""
        self.pass_over(path, UNWANTED.get(kind, kind))

    def photos(self, face_id: str, folders: list[str]) -> list[tuple]:
        """Rows of the faces' inventory, ids from the folder's own name; photos may lie in folders of their
        own (`<name>/1.6/<video>/<frame>.jpg`).

        Where two folders of a person hold files of one name, those of the second bear its path in their ids:
        they need not be the same picture.
        """
        rows: list[tuple] = []
        owner: dict[str, str] = {}
        for folder in folders:
            parent, _, name = folder.rpartition("/")
            for inside, file in self.files(folder):
                kind = self.kind(f"{folder}/{inside}".rstrip("/"), file)
                if kind != "photo":
                    self.no_use(f"{folder}/{inside}{file.name}", kind)
                    continue
                stem = os.path.splitext(file.name)[0]
                photo_id = plain(f"{bare(name)}/{inside}{stem}")
                if owner.setdefault(photo_id, folder) != folder:
                    photo_id = plain(f"{bare(name)}/{parent}/{inside}{stem}")
                rows.append((photo_id, face_id, f"{folder}/{inside}{file.name}", "photo", self.size(file)))
        return rows


def video_faces(face_id: str, voices: list[tuple]) -> list[tuple]:
    """The videos among the voices' rows, as rows of the faces' inventory."""
    films = [row for row in voices if row[4] == "video"]
    return [
        (f"{plain(face_id)}/{clip_id.split('/', 1)[1]}", face_id, path, kind, size)
        for clip_id, _, _, path, kind, size in films
    ]


def plain(part: str) -> str:
    """A part of an id, which tables can name (NFC): `#` stands before the number of a frame in ids of faces,
    so no name may hold one."""
    return whole(part).replace("#", "%23")
