"""dlib's recognition network in torch: the numbers that dlib itself computes, and a refusal of other
files."""

from __future__ import annotations

from pathlib import Path

import dlib
import numpy as np
import pytest

from deepfacegen import weights
from deepfacegen.encoders import dlib_net


def test_vectors_are_those_of_dlib() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, size=(2, 150, 150, 3), dtype=np.uint8)
    slopes = (
        np.linspace(0, 255, 150)[None, :, None, None]
        * rng.uniform(0.2, 1.0, size=(3, 1, 1, 3))
        * np.ones((3, 150, 150, 3))
    )
    chips = np.concatenate([noise, slopes.astype(np.uint8)])
    theirs = dlib.face_recognition_model_v1(str(weights.locate("dlib"))).compute_face_descriptor(
        list(chips), 0
    )
    ours = dlib_net.read(weights.locate("dlib")).vectors(chips)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, np.array(theirs), atol=1e-5)
    assert np.std(ours, axis=0).max() > 0.03, "the pictures differ, so their vectors should"


@pytest.mark.parametrize("cut", [0, 100, 1_000_000])
def test_a_file_with_fewer_layers_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "short.dat"
    path.write_bytes(weights.locate("dlib").read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"tensors|buffer"):
        dlib_net.read(path)


def test_tensors_in_another_form_are_refused(tmp_path: Path) -> None:
    content = weights.locate("dlib").read_bytes()
    at = content.index(b"con_4") + 5
    assert content[at : at + 2] == b"\x01\x02"
    path = tmp_path / "other.dat"
    path.write_bytes(content[: at + 1] + b"\x01" + content[at + 2 :])
    with pytest.raises(ValueError, match="version 1"):
        dlib_net.read(path)
