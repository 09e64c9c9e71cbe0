"""Films of all kinds give the frames that a viewer shows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from deepfacegen.config.schema import FacesConfig
from deepfacegen.data.audio import decoding
from deepfacegen.data.faces import find
from deepfacegen.data.faces.landmarks import by_detector
from deepfacegen.data.files import films, media

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "10")


def ffmpeg(*arguments: object) -> None:
    subprocess.run([media.ffmpeg_path(), "-v", "error", "-y", *map(str, arguments)], check=True)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory, portrait: np.ndarray, write: dict) -> Path:
    return write["photo"](tmp_path_factory.mktemp("films") / "still.png", portrait)


def film(target: Path, still: Path, *options: object, seconds: float = 2.0, rate: object = 25) -> Path:
    """A picture that stands still for so long."""
    ffmpeg("-loop", 1, "-framerate", rate, "-i", still, "-t", seconds, *(options or X264), target)
    return target


def likeness(frame: np.ndarray, portrait: np.ndarray) -> float:
    """Mean difference of grey levels, where both have one size."""
    assert frame.shape == portrait.shape
    return float(np.abs(frame.astype(float) - portrait).mean())


@pytest.mark.parametrize(
    ("coded", "aspect"), [((112, 224), "2/1"), ((224, 112), "1/2"), ((126, 224), "16/9"), ((224, 168), "3/4")]
)
def test_frames_have_the_shape_that_is_shown(
    tmp_path: Path, still: Path, portrait: np.ndarray, coded: tuple[int, int], aspect: str
) -> None:
    path = film(tmp_path / "a.mkv", still, "-vf", f"scale={coded[0]}:{coded[1]},setsar={aspect}", *X264)
    frames = films.video_frames(path, 1.0)
    assert frames.shape == (2, 224, 224, 3)
    assert likeness(frames[0], portrait) < 6
    small = films.video_frames(path, 1.0, max_side_px=100)
    assert small.shape == (2, 100, 100, 3)


def test_a_pixel_shape_that_cannot_be_is_ignored(tmp_path: Path, still: Path) -> None:
    path = film(tmp_path / "a.mkv", still, "-vf", "setsar=100/1", *X264)
    assert films.video_frames(path, 1.0).shape == (2, 224, 224, 3)


@pytest.mark.parametrize(
    ("degrees", "turn"), [(90, "transpose=1"), (180, "hflip,vflip"), (270, "transpose=2")]
)
@pytest.mark.parametrize("aspect", ["1", "2/1"])
def test_turned_films_are_upright(
    tmp_path: Path, still: Path, portrait: np.ndarray, degrees: int, turn: str, aspect: str
) -> None:
    squeezed = f"{turn},scale=iw/({aspect}):ih,setsar={aspect}"
    ffmpeg(
        "-display_rotation",
        degrees,
        "-i",
        film(tmp_path / "coded.mp4", still, "-vf", squeezed, *X264),
        "-c",
        "copy",
        tmp_path / "a.mp4",
    )
    frame = films.video_frames(tmp_path / "a.mp4", 1.0)[0]
    assert likeness(frame, portrait) < 6


@pytest.mark.parametrize(
    ("seconds", "rate", "fps", "count"),
    [(0.3, 25, 1.0, 1), (0.04, 25, 1.0, 1), (0.5, 240, 1.0, 1), (12, "1/4", 0.5, 6), (90, 1, 1.0, 64)],
)
def test_films_of_any_length_and_rate(
    tmp_path: Path, still: Path, seconds: float, rate: object, fps: float, count: int
) -> None:
    path = film(tmp_path / "a.mp4", still, seconds=seconds, rate=rate)
    assert films.video_frames(path, fps).shape == (count, 224, 224, 3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten_bits.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le")),
        ("ten_bits.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
        ("transparent.mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
        ("transparent.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p")),
        ("deep.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrp16le")),
    ],
)
def test_films_of_any_depth(
    tmp_path: Path, still: Path, portrait: np.ndarray, name: str, options: tuple[str, ...]
) -> None:
    frames = films.video_frames(film(tmp_path / name, still, *options, seconds=1.0), 1.0)
    assert frames.dtype == np.uint8
    assert frames.shape == (1, 224, 224, 3)
    assert likeness(frames[0], portrait) < 8


def test_pictures_of_another_shape_later_on_are_not_squeezed(
    tmp_path: Path, still: Path, portrait: np.ndarray
) -> None:
    first = film(tmp_path / "first.ts", still)
    wide = film(tmp_path / "wide.ts", still, "-vf", "pad=448:224:112:0", *X264)
    (tmp_path / "turned.ts").write_bytes(first.read_bytes() + wide.read_bytes())
    frames = films.video_frames(tmp_path / "turned.ts", 1.0)
    assert frames.shape == (4, 224, 224, 3)
    assert likeness(frames[0], portrait) < 6
    small = cv2.resize(portrait, (112, 112), interpolation=cv2.INTER_AREA)
    assert likeness(frames[3][56:168, 56:168], small) < 8
    assert frames[3][:50].max() < 10


def test_films_that_begin_late_or_end_before_their_sound(
    tmp_path: Path, still: Path, speech: np.ndarray, write: dict
) -> None:
    short, sound = (
        film(tmp_path / "short.mp4", still, seconds=2.0),
        write["sound"](tmp_path / "sound.wav", speech),
    )
    ffmpeg("-i", short, "-c", "copy", "-output_ts_offset", 100, tmp_path / "late.ts")
    assert len(films.video_frames(tmp_path / "late.ts", 1.0)) == 2
    ffmpeg("-i", short, "-i", sound, "-map", "0:v", "-map", "1:a", "-c:v", "copy", tmp_path / "longer.mp4")
    assert len(films.video_frames(tmp_path / "longer.mp4", 1.0)) == 2


def test_the_cover_of_a_sound_file_is_no_film(
    tmp_path: Path, still: Path, speech: np.ndarray, write: dict
) -> None:
    sound = write["sound"](tmp_path / "sound.wav", speech)
    for name in ("song.mp3", "song.m4a"):
        path = tmp_path / name
        ffmpeg(
            "-i",
            sound,
            "-i",
            still,
            "-map",
            0,
            "-map",
            1,
            "-c:v",
            "mjpeg",
            "-disposition:v",
            "attached_pic",
            path,
        )
        with pytest.raises(media.MediaError) as caught:
            films.video_frames(path, 1.0)
        assert str(caught.value) == f"{path}: no_video"
        assert len(decoding.decode_audio(path)) > 2 * media.SAMPLE_RATE_HZ


def test_the_cover_of_a_film_is_not_taken_for_it(tmp_path: Path, still: Path, write: dict) -> None:
    red = write["film"](tmp_path / "red.mp4", np.broadcast_to(np.uint8([200, 0, 0]), (10, 64, 64, 3)).copy())
    options = ("-map", 1, "-map", 0, "-c:v:0", "mjpeg", "-c:v:1", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", red, "-i", still, *options, tmp_path / "film.mp4")
    frames = films.video_frames(tmp_path / "film.mp4", 1.0)
    assert frames.shape == (2, 64, 64, 3)
    assert frames[..., 0].mean() > 150
    assert frames[..., 1:].mean() < 50


def test_a_damaged_beginning_does_not_hide_the_rest(tmp_path: Path, still: Path) -> None:
    whole = film(tmp_path / "whole.ts", still, *X264, "-g", 25, seconds=4.0).read_bytes()
    (tmp_path / "cut.ts").write_bytes(whole[len(whole) // 3 :])
    assert len(films.video_frames(tmp_path / "cut.ts", 1.0)) >= 2


def test_the_face_in_a_squeezed_film_is_that_of_the_photo(
    tmp_path: Path, still: Path, portrait: np.ndarray
) -> None:
    config = FacesConfig()
    path = film(tmp_path / "a.mp4", still, "-vf", "scale=158:224,setsar=224/158", *X264)
    found, _, pictures = by_detector(find.faces_of(config, path, "video", None))
    assert len(found) == pictures == 2
    expected = find.find_face(config, find._detector(config.detect_side_px), portrait).pixels.astype(float)
    assert np.corrcoef(found["#0000"].pixels.astype(float).ravel(), expected.ravel())[0, 1] > 0.97
