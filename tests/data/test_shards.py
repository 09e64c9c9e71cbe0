"""Shards: what was written comes back, from any process, and a damaged file is named."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.data.shards import ArrayWriter, AudioShards, FaceShards, shard_path, write_array
from deepfacegen.errors import UserError


@pytest.fixture
def sounds(tmp_path: Path) -> list[np.ndarray]:
    waves = [np.random.default_rng(i).integers(-999, 999, 5000 + i).astype(np.int16) for i in range(3)]
    for i, wave in enumerate(waves):
        write_array(shard_path(tmp_path, i), wave)
    return waves


def test_crops_of_equal_length_from_many_shards(tmp_path: Path, sounds: list[np.ndarray]) -> None:
    shards, offsets = np.array([2, 0, 2, 1, 0]), np.array([0, 4000, 4002, 17, 0])
    got = AudioShards(tmp_path).gather(shards, offsets, 1000)
    assert got.dtype == np.int16
    assert np.array_equal(
        got, np.stack([sounds[s][o : o + 1000] for s, o in zip(shards, offsets, strict=True)])
    )


def test_read_gives_a_copy_of_its_own(tmp_path: Path, sounds: list[np.ndarray]) -> None:
    got = AudioShards(tmp_path).read(1, 10, 20)
    got += 1
    assert np.array_equal(AudioShards(tmp_path).read(1, 10, 20), sounds[1][10:30])


def test_faces_from_many_shards(tmp_path: Path) -> None:
    faces = np.random.default_rng(0).integers(0, 255, (2, 4, 8, 8, 3)).astype(np.uint8)
    for i in range(2):
        write_array(shard_path(tmp_path, i), faces[i])
    shards, rows = np.array([1, 0, 1, 1]), np.array([3, 0, 0, 3])
    assert np.array_equal(FaceShards(tmp_path).gather(shards, rows), faces[shards, rows])


def test_opened_shards_travel_to_a_worker_as_a_folder(tmp_path: Path, sounds: list[np.ndarray]) -> None:
    shards = AudioShards(tmp_path)
    shards.read(0, 0, 10)
    data = pickle.dumps(shards)
    assert len(data) < 1000
    assert np.array_equal(pickle.loads(data).read(0, 0, 10), sounds[0][:10])


def test_an_empty_shard_can_be_written_and_opened(tmp_path: Path) -> None:
    write_array(shard_path(tmp_path, 0), np.empty(0, dtype=np.int16))
    assert len(AudioShards(tmp_path).read(0, 0, 0)) == 0


@given(rows=st.lists(st.integers(0, 120), max_size=12), faces=st.booleans())
def test_a_shard_that_grows_has_the_bytes_of_one_written_at_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], faces: bool
) -> None:
    folder = tmp_path_factory.mktemp("growing")
    kind, shape = (np.uint8, (2, 2, 3)) if faces else (np.int16, ())
    parts = [
        np.random.default_rng(number).integers(0, 99, (count, *shape)).astype(kind)
        for number, count in enumerate(rows)
    ]
    with ArrayWriter(folder / "grown.npy", kind, shape) as writer:
        for part in parts:
            writer.append(part)
        assert writer.rows == sum(rows)
    np.save(folder / "whole.npy", np.concatenate([np.empty((0, *shape), dtype=kind), *parts]))
    assert (folder / "grown.npy").read_bytes() == (folder / "whole.npy").read_bytes()


def test_what_does_not_belong_into_a_shard_is_refused(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "a.npy", np.int16) as writer:
        for part in (np.zeros(3), np.zeros((3, 2), dtype=np.int16)):
            with pytest.raises(ValueError, match="holds int16"):
                writer.append(part)


def damage(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how == "junk":
        path.write_bytes(b"not an array")
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
    elif how == "other dtype":
        write_array(path, np.zeros(5000, dtype=np.float32))
    elif how == "short":
        write_array(path, np.zeros(10, dtype=np.int16))


@pytest.mark.parametrize("how", ["missing", "junk", "empty", "truncated", "other dtype", "short"])
def test_a_damaged_shard_is_named(tmp_path: Path, sounds: list[np.ndarray], how: str) -> None:
    damage(shard_path(tmp_path, 1), how)
    shards = AudioShards(tmp_path)
    assert len(shards.read(0, 0, 10)) == 10
    with pytest.raises(UserError, match=r"shard-00001\.npy"):
        shards.gather(np.array([0, 1]), np.array([0, 100]), 50)
    with pytest.raises(UserError, match=r"shard-00001\.npy"):
        shards.read(1, 100, 50)


def test_a_row_beyond_a_shard_of_faces_is_refused(tmp_path: Path) -> None:
    write_array(shard_path(tmp_path, 0), np.zeros((4, 8, 8, 3), dtype=np.uint8))
    with pytest.raises(UserError, match="shorter than its table"):
        FaceShards(tmp_path).gather(np.array([0]), np.array([4]))


def test_nothing_half_written_is_left(tmp_path: Path, sounds: list[np.ndarray]) -> None:
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"shard-0000{i}.npy" for i in range(3)]
