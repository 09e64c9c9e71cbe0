"""The recordings, photos and the video that the documents speak of."""

from __future__ import annotations

import shutil
from pathlib import Path

from PIL import Image

from tests.serving.sounds import convert


def speech_files(folder: Path) -> None:
    """The recordings, photos and the video that the documents speak of, in a project whose sample people are there."""
    clips = sorted((folder / "data/raw/voices/dev/aac").rglob("*.m4a"), key=lambda path: -path.stat().st_size)
    photos = sorted((folder / "data/raw/faces/train").rglob("*.jpg"), key=lambda path: -path.stat().st_size)
    videos = sorted((folder / "data/raw/voices/dev/mp4").rglob("*.mp4"), key=lambda path: -path.stat().st_size)
    for name in ("speech.wav", "ann.wav", "bob.wav"):
        convert(clips[len(name) % 3], folder / name)
    shutil.copy(clips[0], folder / "speech.m4a")
    shutil.copy(photos[0], folder / "photo.jpg")
    with Image.open(photos[1]) as photo:
        photo.save(folder / "small.png")
    for name, files in (("recordings", clips[:3]), ("photos", photos[:4])):
        (folder / name).mkdir()
        for file in files:
            shutil.copy(file, folder / name / f"{file.parent.name}-{file.name}")
    shutil.copy(videos[0], folder / "meeting.mp4")
