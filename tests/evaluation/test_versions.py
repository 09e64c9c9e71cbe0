"""What a result was made with: versions that are installed, and digests of exactly the weights that took
part."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import numpy as np
import torch

from deepfacegen import weights
from deepfacegen.evaluation import versions


def write(path: Path, content: bytes) -> str:
    """A file, and its sha256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def test_models_are_told_by_the_digests_of_their_weights(tmp_path: Path) -> None:
    expected = {
        "cgan.generator": write(tmp_path / "cgan/generator.safetensors", b"one"),
        "cgan.condition": write(tmp_path / "cgan/condition.safetensors", b"two"),
        "face.network": write(tmp_path / "face/network.safetensors", b"three"),
        "voice.encoder": write(tmp_path / "voice/encoder.safetensors", b"four"),
    }
    write(tmp_path / "cgan/config.json", b"{}")
    write(tmp_path / "cgan/deeper/generator.safetensors", b"of another tool")
    write(tmp_path / "loose.safetensors", b"of no model")
    assert versions.models(tmp_path) == expected
    assert versions.models(tmp_path, ("voice", "cgan")) == {
        name: digest for name, digest in expected.items() if not name.startswith("face")
    }
    assert (
        versions.models(tmp_path, ("pins",))
        == versions.models(tmp_path, ())
        == versions.models(tmp_path / "nowhere")
        == {}
    )


def test_another_weight_has_another_digest(tmp_path: Path) -> None:
    write(tmp_path / "cgan/generator.safetensors", b"one")
    before = versions.models(tmp_path, ("cgan",))
    write(tmp_path / "cgan/generator.safetensors", b"1")
    assert versions.models(tmp_path, ("cgan",)).keys() == before.keys()
    assert versions.models(tmp_path, ("cgan",)) != before


def test_versions_are_those_that_run() -> None:
    found = {
        name: version.split("+")[0] for name, version in versions.versions().items()
    }  # how torch was built is not its version
    assert (found["python"], found["numpy"], found["torch"]) == (
        platform.python_version(),
        np.__version__,
        torch.__version__.split("+")[0],
    )


def test_weights_of_others_are_told_by_their_registered_digests() -> None:
    assert versions.third_party(["sface", "dlib"]) == {
        name: weights.REGISTRY[name].sha256 for name in ("dlib", "sface")
    }
