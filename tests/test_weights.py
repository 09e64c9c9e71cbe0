"""Third-party weights: found, checked, and refused with a line that says where to put the right ones."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import dlib
import onnxruntime
import pytest
import torch

from deepfacegen import weights
from deepfacegen.errors import UserError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty local cache; nothing located by another test is remembered."""
    monkeypatch.setenv("DEEPFACEGEN_CACHE", str(tmp_path))
    weights.locate.cache_clear()
    yield tmp_path
    weights.locate.cache_clear()


def register(
    monkeypatch: pytest.MonkeyPatch, content: bytes, package: str = "no_such_package"
) -> weights.Weights:
    """A made-up entry whose right content is `content`."""
    entry = weights.Weights(
        "net.onnx", package, "models/net.onnx", hashlib.sha256(content).hexdigest(), "MIT", "nothing"
    )
    monkeypatch.setitem(weights.REGISTRY, "made_up", entry)
    return entry


@pytest.mark.parametrize("name", sorted(weights.REGISTRY))
def test_registered_weights_are_installed_and_load(name: str) -> None:
    path = weights.locate(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == weights.REGISTRY[name].sha256
    if path.suffix == ".onnx":
        assert onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).get_inputs()
    elif path.suffix == ".dat":
        assert {"dlib": dlib.face_recognition_model_v1, "dlib_68": dlib.shape_predictor}[name](str(path))
    else:
        assert torch.load(path, map_location="cpu", weights_only=True)


@pytest.mark.parametrize("name", sorted(weights.REGISTRY))
def test_every_entry_states_licence_and_training_data(name: str) -> None:
    assert weights.REGISTRY[name].licence
    assert weights.REGISTRY[name].trained_on


def test_cache_serves_what_no_package_carries(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, b"right")
    (cache / "net.onnx").write_bytes(b"right")
    assert weights.locate("made_up") == cache / "net.onnx"


def test_damaged_package_file_gives_way_to_the_cache(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "site" / "carrier"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "models" / "net.onnx").write_bytes(b"cut off")
    monkeypatch.syspath_prepend(str(package.parent))
    register(monkeypatch, b"right", package="carrier")
    with pytest.raises(UserError, match="sha256 differs"):
        weights.locate("made_up")
    (cache / "net.onnx").write_bytes(b"right")
    assert weights.locate("made_up") == cache / "net.onnx"


def test_missing_weights_say_where_to_put_them(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, b"right")
    with pytest.raises(UserError, match="not found") as caught:
        weights.locate("made_up")
    assert str(cache) in str(caught.value)
    assert "net.onnx" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_changed_byte_is_noticed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = weights.REGISTRY["yunet"]
    original = weights.locate("yunet")
    monkeypatch.setitem(
        weights.REGISTRY,
        "yunet",
        weights.Weights(entry.file, "no_such_package", "", entry.sha256, entry.licence, entry.trained_on),
    )
    shutil.copy(original, cache / entry.file)
    weights.locate.cache_clear()
    assert weights.locate("yunet") == cache / entry.file
    content = bytearray(original.read_bytes())
    content[len(content) // 2] ^= 1
    (cache / entry.file).write_bytes(bytes(content))
    weights.locate.cache_clear()
    with pytest.raises(UserError, match="sha256 differs"):
        weights.locate("yunet")
