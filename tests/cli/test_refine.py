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

from deepfacegen.api import photos
from deepfacegen.cli import models, refine
from deepfacegen.config.schema import FacesConfig, SampleConfig
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

    def guess(self, faces: np.ndarray) -> np.ndarray:
        return np.array([[1, -1]] * len(faces), np.float32)

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
        "from_px": 16,
        "kept_px": 16,
        "model": "cyclegan",
        "attributes": {"given": {"over_50": "yes"}, "estimated": {"male": "yes"}},
    }


def test_faces_of_photos_are_found_and_aligned(tmp_path: Path, portrait: np.ndarray) -> None:
    fake, source, target = Fake(), _picture(tmp_path / "a.png", portrait), str(tmp_path / "face.png")
    assert _run(["swap", source, source, target], fake) == 0
    assert _run(["frontal", source, target], fake) == 0
    (_, (low, identity, attributes)), (_, (turned, _)) = fake.calls  # type: ignore[misc]
    assert low.shape == turned.shape == (1, 16, 16, 3)
    assert identity.shape == (1, 128, 128, 3)
    assert attributes is None


class Plain(Fake):
    """Enlarges by repeating pixels, and makes the whole face lighter by 40 for `male`."""

    def upscale(
        self, faces_low: np.ndarray, attributes: np.ndarray | None = None, identity: np.ndarray | None = None
    ) -> np.ndarray:
        self._called("upscale", faces_low, attributes, identity)
        male = attributes is not None and attributes[0, 0] == 1
        return (faces_low.repeat(8, axis=1).repeat(8, axis=2) + np.uint8(40 * male)).astype(np.uint8)


def aligned(portrait: np.ndarray, size_px: int) -> np.ndarray:
    """The face of a portrait as generated faces are aligned."""
    return photos.face_in(portrait, "portrait", FacesConfig(size_px=size_px))


def psnr_db(found: np.ndarray, real: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(found.astype(float) - real).mean()))


def test_a_larger_face_keeps_its_detail(
    tmp_path: Path, portrait: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    real = aligned(portrait, 128)
    half = real.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    source, fake, faces = _picture(tmp_path / "half.png", half), Plain(), {}
    for name, more in (("same", []), ("male", ["--attributes", "male=yes"])):
        target = str(tmp_path / f"{name}.png")
        assert _run(["upscale", source, target, *more], fake) == 0
        faces[name] = np.asarray(Image.open(target))
        first, second = capsys.readouterr().out.splitlines()
        assert first == f"{target} (128 px, from 64 px, by cyclegan)"
        given = "male=yes (given); over_50=no (estimated)"
        assert second == f"attributes: {given if more else 'male=yes, over_50=no (estimated)'}"
    assert all(call[1][0].shape == (1, 16, 16, 3) for call in fake.calls)  # type: ignore[index]
    from_16 = real.reshape(16, 8, 16, 8, 3).mean(axis=(1, 3)).repeat(8, axis=0).repeat(8, axis=1)
    assert psnr_db(faces["same"], real) > psnr_db(from_16, real) + 6
    back = faces["same"].reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.abs(back - half).mean() < 2, "reduced again, it is the face that was given"
    lighter = faces["male"].astype(int) - faces["same"]
    assert np.median(lighter) == 40, "what the attribute changes is added to that"


def test_a_face_of_the_full_size_is_not_enlarged_but_can_be_changed(
    tmp_path: Path, portrait: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    for pixels, words in (
        (aligned(portrait, 128), "from 128 px"),
        (np.kron(portrait, np.ones((2, 2, 1), np.uint8)), "px reduced to 128 px"),
    ):
        source, target = _picture(tmp_path / "a.png", pixels), str(tmp_path / "face.png")
        with pytest.raises(UserError, match=r"a\.png: its face has \d+ px already, .* --attributes"):
            _run(["upscale", source, target], Plain())
        assert _run(["upscale", source, target, "--attributes", "male=yes"], Plain()) == 0
        assert words in capsys.readouterr().out


def test_a_face_in_a_photo_counts_with_its_size_there(
    tmp_path: Path, portrait: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same portrait at half the size, in a larger picture: half the pixels of the face."""
    sizes = []
    for step in (1, 2):
        canvas = np.full((300, 400, 3), 200, np.uint8)
        small = portrait[::step, ::step]
        canvas[20 : 20 + len(small), 30 : 30 + len(small)] = small
        words = ["upscale", _picture(tmp_path / "a.png", canvas), str(tmp_path / "f.png"), "--json"]
        assert _run([*words, "--attributes", "male=no"], Plain()) == 0
        sizes.append(json.loads(capsys.readouterr().out)["from_px"])
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.15)  # as exact as the detector


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
        (["upscale", "low.png", "face.png", "--attributes", "mal=yes"], r"did you mean male\?"),
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
