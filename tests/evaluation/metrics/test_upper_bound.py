"""The perfect listener: audible traits as the person's, everything else fresh, reproducible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from deepfacegen.evaluation.metrics.upper_bound import imagined_faces, shrink


def test_faces_of_the_asked_size_whatever_the_workers(world, monkeypatch) -> None:
    truth = pd.read_parquet(Path("data/raw/meta/truth.parquet")).iloc[:5]
    faces = imagined_faces(truth, samples=2, photo_px=160, aligned_px=128, size_px=64, seed=3)
    assert faces.shape == (5, 2, 64, 64, 3)
    assert faces.dtype == np.uint8
    assert faces.std() > 20
    assert not np.array_equal(faces[0, 0], faces[0, 1])
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")
    np.testing.assert_array_equal(imagined_faces(truth, 2, 160, 128, 64, 3), faces)


def test_shrink_is_the_mean_of_blocks() -> None:
    face = np.random.default_rng(0).integers(0, 256, size=(1, 8, 8, 3)).astype(np.uint8)
    means = face.reshape(1, 4, 2, 4, 2, 3).mean(axis=(2, 4))
    assert np.abs(shrink(face, 4).astype(float) - means).max() <= 0.51
    assert shrink(face, 8) is face
