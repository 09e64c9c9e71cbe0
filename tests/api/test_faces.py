"""Faces on disk: their names, their pixels, and one recording to its faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from deepfacegen.api.faces import face_files, generate_one, one_thread, write_faces
from deepfacegen.api.speech import read_speech
from deepfacegen.api.voice_report import ReadyGenerator
from deepfacegen.errors import UserError
from deepfacegen.release.generator import FromVoices
from tests.shared.sounds import RATE_HZ, SIZE_PX, FakeSystem


class Counting(FakeSystem):
    """Records the number of threads of torch while it generates."""

    def run(self, voices: Sequence[np.ndarray], latents: np.ndarray) -> FromVoices:
        self.threads = torch.get_num_threads()
        return super().run(voices, latents)


def test_one_recording_uses_one_thread(speech: Path, tmp_path: Path) -> None:
    before, system = torch.get_num_threads(), Counting()
    torch.set_num_threads(2)
    try:
        generate_one(speech, tmp_path / "face.png", lambda: ReadyGenerator(system), count=1, seed=0)
        assert (system.threads, torch.get_num_threads()) == (1, 2)
        with pytest.raises(ZeroDivisionError), one_thread():
            _ = 1 // 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_face_files_are_numbered_only_if_there_are_several() -> None:
    assert face_files(Path("out/a.png"), 1) == [Path("out/a.png")]
    assert face_files(Path("out/a.png"), 3) == [Path("out/a-1.png"), Path("out/a-2.png"), Path("out/a-3.png")]


def test_write_faces_keeps_every_pixel_and_leaves_nothing_else(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    files = face_files(tmp_path / "new" / "face.png", 2)
    write_faces(files, faces)
    assert [
        np.array_equal(np.asarray(Image.open(file)), face) for file, face in zip(files, faces, strict=True)
    ] == [True, True]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["face-1.png", "face-2.png"]


def test_write_faces_leaves_the_old_face_if_writing_fails(tmp_path: Path) -> None:
    face = tmp_path / "face.png"
    face.write_bytes(b"old")
    with pytest.raises(TypeError):
        write_faces([face], np.zeros((1, SIZE_PX, SIZE_PX, 7), np.uint8))  # no picture has seven channels
    assert face.read_bytes() == b"old"


def test_generate_one_writes_the_face_of_this_voice(speech: Path, tmp_path: Path, system: FakeSystem) -> None:
    target = tmp_path / "out" / "face.png"
    seconds, files, voice = generate_one(speech, target, lambda: ReadyGenerator(system), count=2, seed=9)
    assert voice is None  # without readouts
    expected = system.run([read_speech(speech)], system.latents(2, 9)).faces[0]
    assert seconds == len(read_speech(speech)) / RATE_HZ
    assert [
        np.array_equal(np.asarray(Image.open(file)), face) for file, face in zip(files, expected, strict=True)
    ] == [True, True]


def test_a_target_that_is_no_png_is_refused(speech: Path, tmp_path: Path, system: FakeSystem) -> None:
    with pytest.raises(UserError, match=r"face\.jpg: .*must end in \.png"):
        generate_one(speech, tmp_path / "face.jpg", lambda: ReadyGenerator(system), count=1, seed=0)
