"""Batches: every identity once an epoch, disjoint ranks, crops that stay inside their clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.data.batches import ByLabel, IdentityOrder, VoiceBatches, crop, windows
from deepfacegen.data.shards import AudioShards


@given(st.integers(1, 40), st.integers(1, 25), st.integers(0, 5))
def test_each_epoch_holds_every_identity_once(identities: int, batch: int, seed: int) -> None:
    order = IdentityOrder(identities, batch, seed)
    steps = -(-2 * identities // batch)
    stream = np.concatenate([order.labels(step) for step in range(steps)])
    for epoch in range(2):
        assert sorted(stream[epoch * identities : (epoch + 1) * identities]) == list(range(identities))


@given(st.integers(2, 30), st.sampled_from([2, 4]), st.integers(0, 20))
def test_ranks_share_one_batch_without_overlap(identities: int, world: int, step: int) -> None:
    whole = IdentityOrder(identities, 4, 0).labels(step)
    parts = [IdentityOrder(identities, 4, 0, rank, world).labels(step) for rank in range(world)]
    assert all(len(p) == 4 // world for p in parts)
    assert sorted(np.concatenate(parts)) == sorted(whole)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(0, 9))
def test_a_drawn_row_has_the_label_asked_for(raw: list[int], seed: int) -> None:
    labels = np.unique(raw, return_inverse=True)[1]
    wanted = np.random.default_rng(seed).integers(0, labels.max() + 1, 50)
    rows = ByLabel(labels).draw(wanted, np.random.default_rng(seed))
    assert (labels[rows] == wanted).all()


def test_every_row_of_a_label_is_drawn_sometimes() -> None:
    rows = ByLabel(np.array([1, 0, 1, 1])).draw(np.ones(300, dtype=int), np.random.default_rng(0))
    assert set(rows) == {0, 2, 3}


def test_crops_stay_inside_their_clip_and_short_clips_repeat(tmp_path: Path) -> None:
    np.save(
        tmp_path / "shard-00000.npy",
        np.concatenate([np.arange(0, 100), np.arange(1000, 1010)]).astype(np.int16),
    )
    clips = pd.DataFrame(
        {"label": [0, 1], "shard": [0, 0], "offset_samples": [0, 100], "length_samples": [100, 10]}
    )
    batches = VoiceBatches(clips, AudioShards(tmp_path), IdentityOrder(2, 2, 0), crop_samples=30)
    starts = set()
    for step in range(200):
        waves, labels = batches(step)
        assert waves.shape == (2, 30)
        long, short = waves[labels == 0][0], waves[labels == 1][0]
        assert (np.diff(long) == 1).all()
        starts.add(int(long[0]))
        assert (short == np.tile(np.arange(1000, 1010), 3)).all()
    assert min(starts) < 5
    assert max(starts) == 70
    again, _ = batches(7)
    assert (again == batches(7)[0]).all()


def test_windows_spread_evenly_over_a_clip(tmp_path: Path) -> None:
    assert windows(np.array([100, 10]), 40, 4).tolist() == [[0, 20, 40, 60], [0, 0, 0, 0]]
    np.save(tmp_path / "shard-00000.npy", np.arange(50, dtype=np.int16))
    zero = np.zeros(2, dtype=int)
    cut = crop(AudioShards(tmp_path), zero, np.array([0, 10]), np.array([50, 30]), np.array([5, 20]), 10)
    assert cut.tolist() == [list(range(5, 15)), list(range(30, 40))]
