"""What is exported draws the same faces, from speech of any length, for every architecture, and tells nothing
of where it was made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfacegen.cli.main import main
from deepfacegen.data.batches import windows
from deepfacegen.encoders.logmel import LogMel
from deepfacegen.encoders.pitch import median_pitch
from deepfacegen.errors import UserError
from deepfacegen.release import export, folder
from deepfacegen.release.exportable import Pitch, Spectrogram, Windows
from deepfacegen.systems.cgan import train as cgan
from tests.release import made

# Shorter than a window, around its length, and longer; the seconds of twenty clips.
LENGTHS = [1_600, 8_000, 24_000, 24_001, 31_999, 40_000, 47_999, 48_000, 48_001, 48_002]
LENGTHS += [50_000, 64_000, 77_777, 80_000, 96_001, 112_345, 128_000, 144_000, 159_999, 160_000]
CLOSE = 1e-3


def clips() -> list[np.ndarray]:
    return [export.speechlike(length, 100 + k) for k, length in enumerate(LENGTHS)]


def assert_same(system, run: export.Run, speech: np.ndarray, noise: np.ndarray) -> None:
    faces, pixels, voice, pitch_hz = run(speech[None], noise)
    described, expected = export.reference(system, speech, noise)
    assert np.abs(voice - described).max() < CLOSE
    assert np.abs(pixels - expected).max() < CLOSE
    assert pitch_hz.tolist() == pytest.approx([system.pitch_hz(speech) or 0.0], rel=1e-5)
    own = system.generate_from(described, noise)[0]
    assert faces.dtype == np.uint8
    assert (
        np.abs(faces.astype(int) - own).max() <= 1
    )  # a value at the edge between two levels may fall to either side
    assert own.std() > 5


def test_onnx_draws_the_same_faces_from_twenty_lengths_of_speech(release: Path) -> None:
    system = cgan.load(release, made.CPU)
    session = onnxruntime.InferenceSession(release / folder.ONNX, providers=["CPUExecutionProvider"])
    drawn = set()
    for k, speech in enumerate(clips()):
        noise = system.latents(1 + k % 3, k)
        assert_same(
            system, lambda speech, noise: session.run(None, {"speech": speech, "noise": noise}), speech, noise
        )
        drawn.add(system.embed([speech]).tobytes())
    assert len(LENGTHS) == len(drawn) == 20


@pytest.mark.parametrize("faces", ["standard", "paper"])
@pytest.mark.parametrize(
    ("voices", "normalisation"),
    [*((a, n) for a in ("ecapa", "wen") for n in ("level", "band", "none")), ("ge2e", "")],
)
def test_every_architecture_is_written_once_more_as_it_is(
    voices: str, normalisation: str, faces: str
) -> None:
    """Without exporting, which takes long: what is exported, and the system."""
    system = made.system(voices, normalisation, faces)
    network = export.SpeechToFace(system).eval()
    with torch.inference_mode():
        for speech in clips()[2:16:6]:
            assert_same(
                system,
                lambda s, z: [out.numpy() for out in network(torch.from_numpy(s), torch.from_numpy(z))],
                speech,
                system.latents(2, 3),
            )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("voices", "normalisation", "faces"), [("wen", "band", "paper"), ("ge2e", "", "standard")]
)
def test_the_other_architectures_can_be_exported(
    voices: str, normalisation: str, faces: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = made.system(voices, normalisation, faces)
    monkeypatch.setattr(cgan, "load", lambda *_: system)
    export.onnx_model(tmp_path, tmp_path / "face.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "face.onnx", providers=["CPUExecutionProvider"])
    for speech in clips()[5:14:4]:
        assert_same(
            system,
            lambda speech, noise: session.run(None, {"speech": speech, "noise": noise}),
            speech,
            system.latents(2, 3),
        )


def test_a_torch_export_program_draws_the_same_faces(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["export", str(tmp_path / "face.pt2"), "--models", str(release), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["largest_difference"]["pixels"] < CLOSE
    assert result["bytes"] == (tmp_path / "face.pt2").stat().st_size
    module = torch.export.load(tmp_path / "face.pt2").module()
    system = cgan.load(release, made.CPU)
    for k, speech in enumerate(clips()):
        noise = system.latents(1 + k % 3, k)
        assert_same(
            system,
            lambda s, z: [out.detach().numpy() for out in module(torch.from_numpy(s), torch.from_numpy(z))],
            speech,
            noise,
        )


def test_the_file_says_nothing_of_the_machine_it_was_made_on(release: Path) -> None:
    data = (release / folder.ONNX).read_bytes()
    assert b"/" + b"deepfacegen/" not in data
    assert b".py" not in data
    model = onnx.load(release / folder.ONNX)
    onnx.checker.check_model(model)
    assert {prop.key: prop.value for prop in model.metadata_props}["sample_rate_hz"] == "16000"
    assert [value.name for value in model.graph.input] == ["speech", "noise"]
    assert [value.name for value in model.graph.output] == ["faces", "pixels", "voice", "pitch_hz"]


def test_a_model_that_draws_other_faces_is_not_written(release: Path) -> None:
    system = cgan.load(release, made.CPU)

    def other(speech: np.ndarray, noise: np.ndarray) -> list[np.ndarray]:
        described, pixels = export.reference(system, speech[0], noise)
        return [pixels, pixels + 0.002, described, np.zeros(1, np.float32)]

    with pytest.raises(UserError, match="generates other faces"):
        export.compare(system, other)
    with pytest.raises(UserError, match="generates other faces"):
        export.compare(system, lambda speech, noise: [part * np.nan for part in other(speech, noise)])


@pytest.mark.parametrize(("target", "reason"), [("face.tflite", "must end in"), ("face", "must end in")])
def test_other_kinds_of_file_are_refused(
    target: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["export", str(tmp_path / target)]) == 1
    assert reason in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_missing_model_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["export", str(tmp_path / "face.onnx"), "--models", str(tmp_path / "nowhere")]) == 1
    result = capsys.readouterr().err
    assert "nowhere" in result
    assert result.count("\n") == 1


@given(st.integers(2, 200_000))
@settings(max_examples=25)
def test_windows_are_those_of_training(length: int) -> None:
    speech = np.arange(length, dtype=np.int64).astype(np.int32)
    found = Windows()(torch.from_numpy(speech)[None]).numpy()
    starts = windows(np.array([length]), 48_000, 4)[0]
    expected = [
        np.resize(speech, 48_000) if length < 48_000 else speech[start : start + 48_000] for start in starts
    ]
    np.testing.assert_array_equal(found, np.stack(expected))


def test_spectra_and_pitch_are_those_of_training() -> None:
    sound = torch.from_numpy(np.stack([export.speechlike(48_000, k) for k in range(3)])).float() / 32768
    original = LogMel().spectrogram
    torch.testing.assert_close(Spectrogram(original)(sound), original(sound), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(Pitch()(sound), median_pitch(sound), rtol=0, atol=1e-4)
    longer = torch.from_numpy(export.speechlike(77_777, 3))[None].float() / 32768
    torch.testing.assert_close(Pitch()(longer), median_pitch(longer), rtol=0, atol=1e-4)
    silent = torch.zeros(1, 48_000)
    assert Pitch()(silent).item() == median_pitch(silent).item() == 0.0
