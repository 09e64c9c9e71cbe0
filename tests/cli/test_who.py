"""Naming faces by voices: tracks, cuts, names and unknowns, and one line for whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from deepfacegen.api import identification, photos
from deepfacegen.cli import main, models, who
from deepfacegen.data.faces.detect import Detections
from tests.shared.pictures import Brightness, light, portrait, write_film, write_photo
from tests.shared.sounds import write_wav


def run(*words: str | Path, system: Brightness | None = None) -> int:
    arguments = main.parser().parse_args([str(word) for word in ("who", *words)])
    with mock.patch.object(models, "matcher", return_value=system or Brightness()):
        return who.run(arguments)


@pytest.fixture(scope="module")
def pair() -> np.ndarray:
    """A dark face on the left and a bright one on the right, uint8 [224, 448, 3]."""
    face = portrait(0)
    return np.hstack([light(face, 0.6), light(face, 1.7)])


@pytest.fixture
def voices(tmp_path: Path, said: np.ndarray) -> tuple[str, str]:
    """Ann is loud, Bob is not."""
    words = []
    for name, peak in (("Ann", 0.55), ("Bob", 0.2)):
        write_wav(tmp_path / f"{name}.wav", (said * (peak * 32768 / np.abs(said).max())).astype(np.int16))
        words.append(f"{name}={tmp_path / name}.wav")
    return words[0], words[1]


def test_the_faces_of_a_photo_get_the_names_of_the_nearest_voices(
    pair: np.ndarray, voices: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write_photo(tmp_path / "pair.png", pair)
    assert run("--name", voices[0], "--name", voices[1], photo, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert [track["name"] for track in result["tracks"]] == ["Bob", "Ann"]
    assert [len(track["faces"]) for track in result["tracks"]] == [1, 1]
    assert result["tracks"][0]["faces"][0]["time_seconds"] is None
    assert result["tracks"][0]["faces"][0]["box_px"][0] < 224 < result["tracks"][1]["faces"][0]["box_px"][0]
    assert result["threshold"] is None
    assert result["picture_px"] == [448, 224]


def test_who_fits_no_voice_is_unknown(
    pair: np.ndarray, voices: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = write_photo(tmp_path / "pair.png", pair)
    assert run("--name", voices[0], photo, system=Brightness(threshold=-0.2)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["unknown", "Ann"]
    assert run("--name", voices[0], photo, "--threshold", "0", system=Brightness(threshold=-0.2)) == 0
    assert capsys.readouterr().out.count("unknown") == 2
    assert run("--name", voices[0], photo, "--threshold", "-2", system=Brightness(threshold=-0.2)) == 0
    assert "unknown" not in capsys.readouterr().out


def test_a_film_is_named_by_track_and_a_cut_ends_tracks(
    pair: np.ndarray, voices: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three seconds of both people, then three of the first alone in another picture: three tracks."""
    alone = np.full_like(pair, 30)
    alone[:, 112:336] = pair[:, :224]
    alone[:, :112] = 255
    film = write_film(tmp_path / "film.mp4", np.stack([pair] * 15 + [alone] * 15))
    assert run("--name", voices[0], "--name", voices[1], film, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert [track["name"] for track in result["tracks"]] == ["Bob", "Ann", "Bob"]
    assert [[face["time_seconds"] for face in track["faces"]] for track in result["tracks"]] == [
        [0.5, 1.5, 2.5],
        [0.5, 1.5, 2.5],
        [3.5, 4.5, 5.5],
    ]
    assert run("--name", voices[0], "--name", voices[1], film) == 0
    assert "Bob: 0.5 to 2.5 s" in capsys.readouterr().out


class Moving:
    """A detector that returns the given boxes of each picture, whose number is its first pixel."""

    def __init__(self, boxes: list[list[list[float]]]) -> None:
        self.boxes = boxes

    def detect(self, image: np.ndarray) -> Detections:
        boxes = np.array(self.boxes[int(image[0, 0, 0])], dtype=np.float32).reshape(-1, 4)
        shape = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], dtype=np.float32)
        return Detections(
            boxes, boxes[:, None, :2] + shape * boxes[:, None, 2:], np.ones(len(boxes), dtype=np.float32)
        )


def follow(boxes: list[list[list[float]]]) -> list[list[tuple[int, float]]]:
    """Tracks as (picture, left edge) of their faces; the scene is always the same but for one pixel."""
    pictures = (
        np.random.default_rng(0)
        .integers(0, 255, (1, 200, 400, 3))
        .repeat(len(boxes), axis=0)
        .astype(np.uint8)
    )
    pictures[:, 0, 0, 0] = np.arange(len(boxes))
    detector: object = Moving(boxes)
    return [
        [(face.picture, float(face.box_px[0])) for face in track.faces]
        for track in identification.track_faces(pictures, detector)
    ]  # type: ignore[arg-type]


def test_a_face_goes_on_the_track_that_shares_most_of_its_place() -> None:
    """Two faces that drift towards each other keep their tracks; a third comes, is away for a picture, and is
    new when it is back."""
    boxes = [
        [[100, 50, 80, 80], [200, 50, 80, 80]],
        [[120, 50, 80, 80], [180, 50, 80, 80], [10, 50, 60, 60]],
        [[130, 50, 80, 80], [170, 50, 80, 80]],
        [[170, 50, 80, 80], [10, 50, 60, 60]],
    ]
    assert follow(boxes) == [
        [(0, 100.0), (1, 120.0), (2, 130.0)],
        [(0, 200.0), (1, 180.0), (2, 170.0), (3, 170.0)],
        [(1, 10.0)],
        [(3, 10.0)],
    ]


def test_small_faces_are_left_out() -> None:
    assert follow([[[100, 50, 20, 20], [200, 50, 80, 80]]]) == [[(0, 200.0)]]


def test_a_track_is_named_by_the_mean_of_its_faces() -> None:
    class Fixed:
        def score(self, voices: list[np.ndarray], faces: np.ndarray) -> np.ndarray:
            return np.array([[0.9, 0.1, 0.2, 0.4], [0.6, 0.6, 0.6, 0.4]], dtype=np.float32)

    seen = [identification.DetectedFace(k, np.zeros(4), np.zeros((2, 2, 3), np.uint8)) for k in range(4)]
    tracks = [identification.Track(seen[:3]), identification.Track(seen[3:])]
    named = identification.name_tracks(
        Fixed(), tracks, {"Ann": np.zeros(1), "Bob": np.zeros(1)}, threshold=0.41
    )
    assert [one.name for one in named] == ["Bob", None]
    assert named[0].scores == pytest.approx({"Ann": 0.4, "Bob": 0.6})
    assert (
        identification.name_tracks(Fixed(), tracks, {"Ann": np.zeros(1), "Bob": np.zeros(1)}, None)[1].name
        == "Ann"
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("none.mp4", "none.mp4: no such file"),
        ("empty.mp4", "the file is empty"),
        ("text.mp4", "cannot be read as a video"),
        ("text.png", "cannot be read as a picture"),
        ("speech.wav", "holds no pictures"),
        ("grey.png", "no face is found in it"),
        ("grey.mp4", "no face is found in 2 pictures of it"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_exit_code_1(
    said: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, message: str
) -> None:
    (tmp_path / "empty.mp4").touch()
    for name in ("text.mp4", "text.png"):
        (tmp_path / name).write_text("neither pictures nor sound\n" * 40)
    voice = write_wav(tmp_path / "speech.wav", said)
    write_photo(tmp_path / "grey.png", np.full((200, 200, 3), 99, dtype=np.uint8))
    write_film(tmp_path / "grey.mp4", np.full((10, 128, 128, 3), 99, dtype=np.uint8))
    assert main.main(["who", "--name", f"Ann={voice}", str(tmp_path / source)]) == 1
    result = capsys.readouterr()
    assert message in result.err
    assert result.err.count("\n") == 1


def test_a_voice_that_cannot_be_used_is_reported(pair: np.ndarray, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "pair.png", pair)
    with pytest.raises(who.UserError, match=r"ann\.wav: no such file"):
        run("--name", f"Ann={tmp_path / 'ann.wav'}", photo)


@pytest.mark.parametrize(
    "words",
    [
        ["film.mp4"],
        ["--name", "Ann", "film.mp4"],
        ["--name", "=a.wav", "film.mp4"],
        ["--name", "Ann=a.wav", "--name", "Ann=b.wav", "film.mp4"],
        ["--name", "unknown=a.wav", "film.mp4"],
        ["--name", "Ann=a.wav"],
    ],
)
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["who", *words])
    assert caught.value.code == 2
    assert "usage: deepfacegen who" in capsys.readouterr().err


def test_one_detector_serves_all_photos() -> None:
    assert photos.detector() is photos.detector()
