"""`generate` with the readouts of a release: what it prints of the voice, the size of faces, and the models
that the readouts belong to."""

from __future__ import annotations

import ast
import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepfacegen.api.folder import model_digest
from deepfacegen.api.speech import read_speech
from deepfacegen.cli import models
from deepfacegen.cli.main import main
from deepfacegen.release import loading
from deepfacegen.release.generator import FromVoices
from deepfacegen.release.traits import AgeReadout, GenderReadout, Traits, Typicality
from tests.shared.sounds import FakeSystem, write_wav

# P(female) 0.8 and 40 years at the embedding [1, 0], with deviations of 10 years.
TRAITS = Traits(
    GenderReadout(np.array([np.log(4.0), 0.0]), 0.0, 1.0),
    AgeReadout(np.array([10.0, 0.0]), 30.0, 10.0),
    Typicality(np.zeros(2), np.eye(2), np.linspace(0, 10, 101)),
)


class Described(FakeSystem):
    """A system with an embedding: [far, 0]."""

    def __init__(self, far: float) -> None:
        super().__init__()
        self.far = far

    def run(self, voices: Sequence[np.ndarray], latents: np.ndarray) -> FromVoices:
        embeddings = np.array([[self.far, 0.0]] * len(voices), np.float32)
        return FromVoices(super().run(voices, latents).faces, embeddings, [123.0] * len(voices))


def run(patch: pytest.MonkeyPatch, far: float, *words: str | Path) -> int:
    patch.setattr(models, "generator", lambda *_: Described(far))
    patch.setattr(models, "readouts", lambda *_: TRAITS)
    return main(["generate", *map(str, words)])


def test_a_familiar_voice(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    face = tmp_path / "face.png"
    assert run(monkeypatch, 1.0, speech, face) == 0
    out, errors = capsys.readouterr()
    first, second = out.splitlines()
    assert first.startswith(f"{face} (128 px, from ")
    assert second == (
        "apparent gender: female (80 %), apparent age: 40 years (80 % interval 27 to 53), typicality: 0.90"
    )
    assert errors == ""
    assert run(monkeypatch, 1.0, speech, face, "--json", "--size", "64") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["size_px"] == 64
    assert result["voice"]["apparent_gender"] == pytest.approx({"f": 0.8, "m": 0.2})
    assert result["voice"]["apparent_age"] == pytest.approx(
        {"mean_years": 40, "low_years": 27.18, "high_years": 52.82}, abs=0.01
    )
    assert (result["voice"]["typicality"], result["voice"]["familiar"]) == (pytest.approx(0.9), True)
    assert Image.open(face).size == (64, 64)


def test_an_unfamiliar_voice_gets_a_warning_and_neither_gender_nor_age(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, 20.0, speech, tmp_path / "face.png") == 0
    out, errors = capsys.readouterr()
    assert out.splitlines()[1] == "apparent gender and age: withheld, typicality: 0.00"
    assert errors.startswith(f"deepfacegen: warning: {speech}: training had hardly any such voice")
    assert errors.count("\n") == 1
    assert run(monkeypatch, 20.0, speech, tmp_path / "face.png", "--json") == 0
    voice = json.loads(capsys.readouterr().out)["voice"]
    assert (voice["apparent_gender"], voice["apparent_age"], voice["familiar"]) == (None, None, False)


def test_a_folder_has_the_estimates_in_its_table(
    speech: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def row(far: float) -> dict[str, str]:
        target = tmp_path / f"faces{far}"
        assert run(monkeypatch, far, speech.parent, target, "--json") == 0
        with (target / "results.csv").open(newline="") as stream:
            (found,) = csv.DictReader(stream)
        return found

    names = ("typicality", "gender_f", "age_years", "age_low_years", "age_high_years")
    near, far = row(1.0), row(20.0)
    assert [near[name] for name in names] == ["0.9000", "0.800", "40.0", "27.2", "52.8"]
    assert [far[name] for name in names] == ["0.0000", "", "", "", ""]
    first, second = (json.loads(line)["unfamiliar"] for line in capsys.readouterr().out.splitlines())
    assert (first, second) == (0, 1)


@pytest.mark.parametrize("name", ["face.png", "face.JPG", "face.tiff"])
def test_a_folder_of_recordings_into_the_name_of_a_picture(
    speech: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    assert run(monkeypatch, 1.0, speech.parent, tmp_path / name) == 1
    errors = capsys.readouterr().err
    assert f"{name}: {speech.parent} is a folder; give a folder for its faces" in errors
    assert errors.count("\n") == 1
    assert not (tmp_path / name).exists()


def test_faces_of_every_size_are_those_of_the_model(release: Path, speech: Path, tmp_path: Path) -> None:
    system = loading.load(release, release / "voice_to_face.onnx", "cpu")
    own = Image.fromarray(system.run([read_speech(speech)], system.latents(1, 3)).faces[0, 0])
    for size in (64, 128, 256):
        file = tmp_path / f"{size}.png"
        words = ["--models", str(release.parent), "--device", "cpu", "--seed", "3", "--size", str(size)]
        assert main(["generate", str(speech), str(file), *words]) == 0
        expected = own.resize((size, size), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(np.asarray(Image.open(file)), np.asarray(expected))


def test_another_size_or_other_readouts_do_a_folder_again(
    release: Path, said: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "in/a.wav", said)
    copy = tmp_path / "models"
    for name in ("voice", "cgan", "release"):
        shutil.copytree(release.parent / name, copy / name)

    def done(*more: str) -> int:
        words = ["generate", str(tmp_path / "in"), str(tmp_path / "out"), "--models", str(copy), "--json"]
        assert main([*words, "--device", "cpu", *more]) == 0
        return int(json.loads(capsys.readouterr().out)["already_done"])

    assert [done(), done(), done("--size", "64"), done("--size", "64")] == [0, 1, 0, 1]
    shutil.rmtree(copy / "release")
    assert done("--size", "64") == 0


def test_readouts_belong_to_one_voice_encoder(release: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(release, tmp_path / "models/release"))
    assert models.readouts_file(copy) == copy / "traits.safetensors"
    assert models.readouts_file(tmp_path / "models") is None, "there is no voice encoder beside it"
    shutil.copytree(copy / "voice", tmp_path / "models/voice")
    assert models.readouts_file(tmp_path / "models") == copy / "traits.safetensors"
    before = model_digest(tmp_path / "models", copy / "traits.safetensors")
    assert before != model_digest(tmp_path / "models")
    weights = tmp_path / "models/voice/encoder.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert models.readouts_file(tmp_path / "models") is None


@pytest.mark.parametrize(
    ("damage", "used"),
    [
        (lambda copy: None, True),
        (lambda copy: (copy / "release/card.md").write_text("other"), False),
        (lambda copy: (copy / "release/voice_to_face.onnx").unlink(), False),
        (lambda copy: (copy / "cgan/generator.safetensors").write_bytes(b"other weights"), False),
        (lambda copy: setting(copy / "cgan/config.json", temperature=0.5), False),
        (lambda copy: setting(copy / "voice/config.json", seed=9), False),
        (lambda copy: (copy / "voice/config.json").write_text("{"), False),
        (lambda copy: changed(copy / "release/config.json", format_version=1), False),
        (lambda copy: changed(copy / "cgan/config.json", trained_on=["somebody"]), True),
    ],
)
def test_a_release_generates_for_the_models_that_it_was_made_of(
    release: Path, tmp_path: Path, damage: Callable[[Path], object], used: bool
) -> None:
    for name in ("voice", "cgan", "release"):
        shutil.copytree(release.parent / name, tmp_path / name)
    damage(tmp_path)
    onnx = tmp_path / "release/voice_to_face.onnx"
    assert models.onnx_model(tmp_path) == (onnx if used else None)


def changed(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def setting(path: Path, **values: Any) -> None:
    changed(path, params={**json.loads(path.read_text())["params"], **values})


@pytest.mark.parametrize("way", ["command", "folder", "api"])
def test_generating_from_a_release_loads_no_torch(
    release: Path, speech: Path, tmp_path: Path, way: str
) -> None:
    """It takes seconds to import, and other packages tenths of one."""
    target = tmp_path / "face.png" if way == "command" else tmp_path / "faces"
    words = ["generate", speech if way == "command" else speech.parent, target, "--models", release.parent]
    work = f"import deepfacegen.cli.main as cli; assert cli.main({[str(word) for word in words]}) == 0"
    if way == "api":
        work = f"from deepfacegen import VoiceToFace; VoiceToFace.load({str(release)!r})"
        work += f".generate({str(speech)!r}, count=2)"
    heavy = (
        "torch",
        "torchaudio",
        "scipy",
        "pandas",
        "sklearn",
        "matplotlib",
        "onnx",
        "cv2",
        "mlflow",
        "rich",
    )
    allowed = {"folder": ("rich",)}.get(way, ())
    code = f"import sys; {work}; sys.stderr.write(repr(sorted(set({heavy}) & set(sys.modules))))"
    environment = {key: value for key, value in os.environ.items() if key != "DEEPFACEGEN_DEVICE"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert ast.literal_eval(done.stderr.splitlines()[-1]) == list(allowed)
