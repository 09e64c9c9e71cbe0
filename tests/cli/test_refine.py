"""The commands upscale, swap and frontal: what they hand to the refiner, what they write, and what they
refuse."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from deepfacegen.cli import models, refine
from deepfacegen.config.schema import SampleConfig
from deepfacegen.errors import UserError
from deepfacegen.synthetic.people import from_row, sample_people
from deepfacegen.synthetic.portrait import render_portrait


class Fake:
    """Records its arguments, and returns grey faces."""

    low_px, size_px = 16, 128

    def __init__(self) -> None:
        self.names = ["male", "over_50"]
        self.calls: list[tuple[str, object]] = []

    def _called(self, way: str, *given: object) -> np.ndarray:
        self.calls.append((way, given))
        return np.full((1, 128, 128, 3), 77, np.uint8)

    def upscale(
        self, faces_low: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        return self._called("upscale", faces_low, attributes, identity)

    def swap(
        self, faces_low: np.ndarray, identity: np.ndarray, attributes: np.ndarray | None = None
    ) -> np.ndarray:
        return self._called("swap", faces_low, identity, attributes)

    def frontal(
        self, faces: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        return self._called("frontal", faces, attributes)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    person = from_row(sample_people(SampleConfig(identities=12)).iloc[0])
    return render_portrait(person, np.random.default_rng(0), 224)


def _run(words: list[str], fake: Fake) -> int:
    parser = argparse.ArgumentParser()
    refine.add_parsers(parser.add_subparsers(dest="command", required=True))
    arguments = parser.parse_args(words)
    with mock.patch.object(models, "refiner", return_value=fake):
        return int(arguments.run(arguments))


def _picture(path: Path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


def test_a_small_square_picture_is_taken_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels, fake = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8), Fake()
    source, target = _picture(tmp_path / "low.png", pixels), tmp_path / "out/face.png"
    assert _run(["upscale", source, str(target), "--attributes", "over_50=yes", "--json"], fake) == 0
    way, (given, attributes, identity) = fake.calls[0]  # type: ignore[misc]
    assert way == "upscale"
    np.testing.assert_array_equal(given[0], pixels)
    np.testing.assert_array_equal(attributes, [[np.nan, 1]])
    assert identity is None
    assert (np.asarray(Image.open(target)) == 77).all()
    assert json.loads(capsys.readouterr().out) == {
        "face": str(target),
        "source": source,
        "size_px": 128,
        "seen_px": 16,
    }


def test_faces_of_photos_are_found_and_aligned(tmp_path: Path, portrait: np.ndarray) -> None:
    fake, source, target = Fake(), _picture(tmp_path / "a.png", portrait), str(tmp_path / "face.png")
    assert _run(["swap", source, source, target], fake) == 0
    assert _run(["frontal", source, target], fake) == 0
    (_, (low, identity, attributes)), (_, (turned, _)) = fake.calls  # type: ignore[misc]
    assert low.shape == identity.shape == turned.shape == (1, 128, 128, 3)
    assert attributes is None


def test_a_picture_without_one_face_is_refused(tmp_path: Path, portrait: np.ndarray) -> None:
    target = str(tmp_path / "face.png")
    for pixels, message in (
        (np.full((200, 200, 3), 128, np.uint8), "no face is found in it"),
        (np.concatenate([portrait, portrait], axis=1), "more than one face"),
    ):
        with pytest.raises(UserError, match=rf"a\.png: .*{message}"):
            _run(["upscale", _picture(tmp_path / "a.png", pixels), target], Fake())
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="cannot be read as a picture"):
        _run(["frontal", str(tmp_path / "b.png"), target], Fake())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["upscale", "none.png", "face.png"], "none.png: no such file"),
        (["upscale", "low.png", "face.jpg"], "must end in .png"),
        (["swap", "low.png", "none.png", "face.png"], "none.png: no such file"),
        (["upscale", "low.png", "face.png", "--attributes", "tall=yes"], "'tall' is not known"),
        (["upscale", "low.png", "face.png", "--attributes", "male=maybe"], "male must be yes or no"),
        (["upscale", "low.png", "face.png", "--attributes", "male"], "male must be yes or no"),
    ],
)
def test_wrong_words_are_reported(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _picture(tmp_path / "low.png", np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(UserError, match=message):
        _run(words, Fake())


def test_a_missing_model_is_reported(tmp_path: Path) -> None:
    source = _picture(tmp_path / "low.png", np.zeros((16, 16, 3), np.uint8))
    parser = argparse.ArgumentParser()
    refine.add_parsers(parser.add_subparsers(dest="command"))
    arguments = parser.parse_args(["upscale", source, str(tmp_path / "f.png"), "--models", str(tmp_path)])
    with pytest.raises(UserError, match="cyclegan"):
        arguments.run(arguments)
