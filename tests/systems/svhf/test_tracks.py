"""Dynamic images: rank pooling against its definition, frames of tracks in order, and which video a face is
from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.data.shards import FaceShards
from deepfacegen.systems.svhf.tracks import Tracks, dynamic_images, rank_weights, spread, video_of


@given(st.integers(2, 30), st.integers(0, 100))
def test_weights_pool_as_every_later_running_mean_against_every_earlier_one(frames: int, seed: int) -> None:
    """Bilen et al., eq. 3: the sum over q > t of V_q - V_t, where V_t is the mean of the first t frames."""
    values = np.random.default_rng(seed).normal(size=frames)
    means = np.cumsum(values) / np.arange(1, frames + 1)
    expected = sum(means[q] - means[t] for q in range(frames) for t in range(q))
    assert rank_weights(frames) @ values == pytest.approx(expected, abs=1e-9)
    assert rank_weights(frames).sum() == pytest.approx(0.0, abs=1e-9)


def test_one_frame_is_no_dynamic_image() -> None:
    with pytest.raises(ValueError, match="at least two frames"):
        rank_weights(1)


def test_what_comes_is_bright_what_goes_is_dark_and_what_stays_is_neither() -> None:
    frames = np.full((2, 8, 8, 3), 100, dtype=np.uint8)
    frames[0, 1, 1], frames[1, 6, 6] = 200, 200
    image = dynamic_images(frames)
    assert image.dtype == np.uint8
    assert (image[6, 6] == 255).all()
    assert (image[1, 1] == 0).all()
    assert np.abs(image[3].astype(int) - 128).max() <= 1


def test_a_still_track_is_grey() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8).repeat(5, axis=0)
    assert (dynamic_images(frames) == 128).all()


def test_dynamic_images_of_several_tracks_are_those_of_each() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 4, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(
        dynamic_images(frames), np.stack([dynamic_images(track) for track in frames])
    )


def test_frames_are_spread_evenly_from_first_to_last() -> None:
    assert spread(np.array([9, 2, 3]), 3).tolist() == [[0, 4, 8], [0, 0, 1], [0, 1, 2]]


def test_the_video_of_a_face_is_in_its_id_and_a_photograph_has_none() -> None:
    ids = pd.Series(["n01/0001_01", "n01/abc-_DEF/00003#0001", "n02/x/1#0000"])
    assert video_of(ids).tolist() == ["", "abc-_DEF", "x"]


def test_tracks_gather_their_own_frames_in_order_of_time(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    np.save(tmp_path / "shard-00000.npy", pictures)
    ids = [
        "n1/v/1#0002",
        "n0/0001_01",
        "n1/v/1#0000",
        "n1/v/1#0001",
        "n2/w/1#0000",
        "n1/u/1#0001",
        "n1/u/1#0000",
    ]
    faces = pd.DataFrame({"photo_id": ids, "label": [1, 0, 1, 1, 2, 1, 1], "shard": 0, "row": np.arange(7)})
    tracks = Tracks(faces, FaceShards(tmp_path), 3)
    assert tracks.labels.tolist() == [1, 1]  # a single frame, and a photograph, are no tracks
    assert tracks.video.tolist() == ["u", "v"]
    np.testing.assert_array_equal(tracks.gather(np.array([1]))[0], dynamic_images(pictures[[2, 3, 0]]))
    np.testing.assert_array_equal(tracks.gather(np.array([1, 0]))[1], dynamic_images(pictures[[6, 6, 5]]))
