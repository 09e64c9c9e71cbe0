"""SFace by torch against ONNX Runtime on its own file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.utils import Extractor

from deepfacegen import weights
from deepfacegen.evaluation.embedders import sface_net

INPUT, LAYERS = "data", ["conv_2_relu", "conv_14_relu"]


@pytest.fixture(scope="module")
def net() -> sface_net.SfaceNet:
    return sface_net.read(weights.locate("sface"))


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)


def by_onnx_runtime(pictures: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    """One picture after the other, as the file is made for."""
    model = Extractor(onnx.load(weights.locate("sface"))).extract_model([INPUT], outputs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    ready = pictures.transpose(0, 3, 1, 2).astype(np.float32)
    rows = [session.run(outputs, {INPUT: one[None]}) for one in ready]
    return [np.concatenate(parts) for parts in zip(*rows, strict=True)]


def test_vectors_agree_to_rounding(net: sface_net.SfaceNet, pictures: np.ndarray) -> None:
    (expected,) = by_onnx_runtime(pictures, ["fc1"])
    found = net.vectors(pictures)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_inner_layers_agree_to_rounding(net: sface_net.SfaceNet, pictures: np.ndarray) -> None:
    for found, expected in zip(net.layers(pictures, LAYERS), by_onnx_runtime(pictures, LAYERS), strict=True):
        assert found.flags.c_contiguous
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_another_network_is_refused(tmp_path: Path) -> None:
    model = onnx.load(weights.locate("sface"))
    del model.graph.node[-1]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ValueError, match=r"other\.onnx: other layers than SFace's"):
        sface_net.read(tmp_path / "other.onnx")
