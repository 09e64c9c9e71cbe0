"""Sheets of what moves a face, of a system whose faces say with what they were generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deepfacegen.evaluation import sheets

PEOPLE, RATE_HZ = 9, 16_000


@dataclass(frozen=True)
class Painter:
    """Paints the seconds of speech red, the temperature times the number of the face green."""

    directions: int = 0
    temperature: float = 0.7

    def at_temperature(self, temperature: float) -> Painter:
        return replace(self, temperature=temperature)

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        faces = np.zeros((len(voices), n, 8, 8, 3), dtype=np.uint8)
        faces[..., 0] = np.array([round(len(voice) / RATE_HZ) for voice in voices])[:, None, None, None]
        faces[..., 1] = (10 * self.temperature * (1 + np.arange(n))).astype(np.uint8)[None, :, None, None]
        faces[..., 2] = np.array([voice[0] for voice in voices])[:, None, None, None]
        return faces

    def generate_along(self, deviations: np.ndarray) -> np.ndarray:
        place = 100 + 10 * deviations @ (1 + np.arange(self.directions))
        return np.broadcast_to(place[:, None, None, None], (len(place), 8, 8, 3)).astype(np.uint8)


@dataclass(frozen=True)
class Plain:
    """Generates, and has nothing else."""

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        return Painter(temperature=1.0).generate(voices, n, seed)


class Audio:
    """Speech of one length, whose samples are the number of the person."""

    def __init__(self, seconds: float) -> None:
        self.length = round(seconds * RATE_HZ)

    def read(self, shard: int, offset: int, length: int) -> np.ndarray:
        return np.full(length, shard, dtype=np.int16)

    def clips(self, table: pd.DataFrame) -> list[np.ndarray]:
        return [self.read(row.shard, 0, self.length) for row in table.itertuples()]


def context(system: Any, seconds: float = 11.0) -> Any:
    """What the sheets need of an evaluation of people with one clip each."""
    audio = Audio(seconds)
    people = np.arange(PEOPLE)
    clips = pd.DataFrame({"person": people, "shard": people, "offset_samples": 0})
    unseen = SimpleNamespace(
        identities=pd.DataFrame({"identity_id": people}), clips=clips.assign(length_samples=audio.length)
    )
    return SimpleNamespace(
        system=system, generator=system, unseen=unseen, audio=audio, settings=SimpleNamespace(seed=3)
    )


def test_seconds_change_from_column_to_column_and_people_from_row_to_row() -> None:
    sheet = sheets.by_seconds(context(Painter()))
    assert sheet is not None
    assert sheet.headings == ["1 s", "3 s", "6 s", "10 s"]
    corner = sheet.columns[:, :, 0, 0]
    np.testing.assert_array_equal(corner[..., 0], np.array([[1], [3], [6], [10]]).repeat(5, axis=1))
    assert not corner[..., 1].any(), "typical faces: temperature 0"
    np.testing.assert_array_equal(corner[0, :, 2], [0, 2, 4, 6, 8])


def test_each_row_keeps_its_latents_at_every_temperature() -> None:
    sheet = sheets.by_temperature(context(Painter()))
    assert sheet is not None
    assert sheet.headings == ["0", "0.5", "0.7", "1"]
    expected = 10 * np.array([[0.0], [0.5], [0.7], [1.0]]) * np.arange(1, 6)
    np.testing.assert_array_equal(sheet.columns[:, :, 0, 0, 1], expected.astype(np.uint8))
    assert not sheet.columns[..., 2].any(), "all of the first unseen voice"


def test_each_row_moves_along_a_direction_of_its_own() -> None:
    sheet = sheets.along_directions(context(Painter(directions=7)))
    assert sheet is not None
    assert sheet.headings == ["-2", "-1", "mean", "+1", "+2"]
    expected = 100 + 10 * np.array([[-2], [-1], [0], [1], [2]]) * np.arange(1, 6)
    np.testing.assert_array_equal(sheet.columns[:, :, 0, 0, 0], expected)


@pytest.mark.parametrize(
    ("system", "seconds", "written"),
    [
        (Painter(directions=2), 11.0, {"seconds.png", "temperature.png", "directions.png"}),
        (Painter(), 0.25, {"temperature.png"}),
        (Plain(), 4.0, {"seconds.png"}),
    ],
)
def test_sheets_that_a_system_cannot_have_are_left_out(
    tmp_path: Path, system: Any, seconds: float, written: set[str]
) -> None:
    sheets.write(tmp_path, context(system, seconds))
    assert {path.name for path in tmp_path.iterdir()} == written


def test_a_picture_has_its_headings_above_the_faces_and_no_ground_of_its_own() -> None:
    faces = np.full((2, 3, 8, 8, 3), 200, dtype=np.uint8)
    picture = np.asarray(sheets.picture(sheets.Sheet(["1 s", "3 s"], faces)))
    step = sheets.FACE_PX + sheets.GAP_PX
    assert picture.shape == (sheets.HEADING_PX + 3 * step - sheets.GAP_PX, 2 * step - sheets.GAP_PX, 4)
    heading, below = picture[: sheets.HEADING_PX], picture[sheets.HEADING_PX :]
    for column in (heading[:, : sheets.FACE_PX], heading[:, step:]):
        assert 0 < (column[..., 3] > 0).mean() < 0.5
    assert (below[: sheets.FACE_PX, : sheets.FACE_PX] == (200, 200, 200, 255)).all()
    assert not below[:, sheets.FACE_PX : step, 3].any()
    assert Image.fromarray(picture).mode == "RGBA"
