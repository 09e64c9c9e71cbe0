"""Speech to face as one file, ONNX or torch.export, compared with the system before it is written."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepfacegen import __version__
from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.data.files import file_names
from deepfacegen.encoders.pitch import FRAME_SAMPLES, HOP_SAMPLES
from deepfacegen.errors import UserError
from deepfacegen.release.exportable import SpeechToFace
from deepfacegen.systems.cgan import train as cgan
from deepfacegen.systems.cgan.generate import Cgan

INPUTS, OUTPUTS = ("speech", "noise"), ("faces", "pixels", "voice", "pitch_hz")
OPSET = 18
LARGEST_DIFFERENCE = 1e-3  # of pixels in [-1, 1]; a grey level is 8e-3
CHECKED_SECONDS = (0.5, 1.5, 2.9999375, 3.0, 3.0000625, 4.4, 10.0)
LEAST_SAMPLES = FRAME_SAMPLES + HOP_SAMPLES  # two frames of pitch: torch.export treats one apart
MOST_SECONDS, MOST_FACES = 600, 1000

# speech int16 [1, T], noise float32 [N, Z] -> faces uint8 [N, S, S, 3], pixels float32 [N, 3, S, S], voice
# float32 [1, Y], pitch_hz float32 [1]
Run = Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]


def onnx_model(models: Path, target: Path) -> dict[str, Any]:
    """Write an ONNX model of the system in a folder of models (or a release); returns its differences from
    the system (`compare`).

    Raises UserError when a model is missing, the target is not .onnx, or the ONNX model generates other
    faces; then nothing is written.
    """
    import onnx
    import onnxruntime

    system = _load(models, target, ".onnx")
    with _quiet():
        made = torch.onnx.export(
            traced(system),
            dynamo=True,
            input_names=INPUTS,
            output_names=OUTPUTS,
            opset_version=OPSET,
            verbose=False,
        )
    if made is None:
        raise UserError(f"{target}: torch gives no ONNX model")
    proto = made.model_proto
    _anonymous(proto)
    onnx.helper.set_model_props(proto, {"sample_rate_hz": str(SAMPLE_RATE_HZ), "deepfacegen": __version__})
    data = proto.SerializeToString(deterministic=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # shapes that are merged are of no interest; `compare` checks the result
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])

    def run(*inputs: np.ndarray) -> Sequence[np.ndarray]:
        return session.run(list(OUTPUTS), dict(zip(INPUTS, inputs, strict=True)))

    differences = compare(system, run)
    partial = file_names.partial(target)
    partial.write_bytes(data)
    os.replace(partial, target)
    return {"opset": OPSET, **differences}


def exported_program(models: Path, target: Path) -> dict[str, Any]:
    """Write a torch.export program (.pt2); otherwise as `onnx_model`."""
    system = _load(models, target, ".pt2")
    program = traced(system)
    module = program.module()

    def run(*inputs: np.ndarray) -> Sequence[np.ndarray]:
        return [out.numpy() for out in module(*map(torch.from_numpy, inputs))]

    differences = compare(system, run)
    partial = file_names.partial(target, target.suffix)  # torch insists on the suffix
    torch.export.save(program, partial)
    os.replace(partial, target)
    return differences


def traced(system: Cgan) -> Any:
    """The system as a torch.export program, for any length of speech and any number of faces."""
    network = SpeechToFace(system).eval()
    example = torch.zeros(1, 5 * SAMPLE_RATE_HZ, dtype=torch.int16), torch.zeros(2, system.latent_dim)
    samples = torch.export.Dim("samples", min=LEAST_SAMPLES, max=MOST_SECONDS * SAMPLE_RATE_HZ)
    faces = torch.export.Dim("faces", min=1, max=MOST_FACES)
    with torch.no_grad(), _quiet():
        return torch.export.export(
            network,
            example,
            dynamic_shapes={"speech": {1: samples}, "noise": {0: faces}},
            strict=False,
            # That there are two frames of pitch follows from LEAST_SAMPLES, but torch does not see it.
            prefer_deferred_runtime_asserts_over_guards=True,
        )


def compare(system: Cgan, run: Run, seed: int = 0) -> dict[str, Any]:
    """Run both on speech of several lengths; returns the largest differences of a pixel, of the embedding and
    of the pitch, and the number of lengths.

    Raises UserError when pixels differ by more than 1e-3.
    """
    worst = {"pixels": 0.0, "voice": 0.0, "pitch_hz": 0.0}
    for k, seconds in enumerate(CHECKED_SECONDS):
        speech = speechlike(int(seconds * SAMPLE_RATE_HZ), seed + k)
        noise = system.latents(1 + k % 3, seed + k)
        _, pixels, voice, pitch_hz = run(speech[None], noise)
        embedding, expected = reference(system, speech, noise)
        pairs = ((pixels, expected), (voice, embedding), (pitch_hz, system.pitch_hz(speech) or 0.0))
        for name, (found, own) in zip(worst, pairs, strict=True):
            worst[name] = float(np.maximum(worst[name], np.abs(found - own).max()))  # keeps NaN, unlike max
    if not worst["pixels"] <= LARGEST_DIFFERENCE:
        difference = f"pixels differ by up to {worst['pixels']:.2g}"
        raise UserError(f"the exported model generates other faces ({difference}); it is not written")
    return {"largest_difference": worst, "compared_lengths": len(CHECKED_SECONDS)}


@torch.inference_mode()
def reference(system: Cgan, speech: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The system's own outputs for int16 [T] and float32 [N, Z]: embedding [1, Y] and pixels in [-1, 1],
    float32 [N, 3, S, S]."""
    voice = system.encoder.embed([speech])
    condition = system.condition(voice).expand(len(noise), -1)
    inputs: tuple[Tensor, Tensor] = system.generator_inputs(condition, torch.from_numpy(noise))
    return voice.numpy(), system.generator(*inputs).float().clamp(-1, 1).numpy()


def speechlike(samples: int, seed: int) -> np.ndarray:
    """A buzz with varying pitch and loudness, and some noise: int16 [samples], 16 kHz."""
    rng = np.random.default_rng([seed, 31])
    time = np.arange(samples) / SAMPLE_RATE_HZ
    pitch_hz = rng.uniform(90, 260) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(0.5, 2) * time))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    strength = rng.uniform(0.2, 1.0, 20) / np.arange(1, 21)
    voice = (strength[:, None] * np.sin(np.arange(1, 21)[:, None] * phase)).sum(axis=0) * (
        0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)
    )
    return (4000 * (voice + rng.normal(0, 0.05, samples))).clip(-32768, 32767).astype(np.int16)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's internal warnings, and those about packages that are not installed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _load(models: Path, target: Path, suffix: str) -> Cgan:
    if target.suffix.lower() != suffix:
        raise UserError(f"{target}: the name must end in {suffix}")
    if target.is_dir():
        raise UserError(f"{target}: is a folder; name the file to write")
    target.parent.mkdir(parents=True, exist_ok=True)
    return cgan.load(models, torch.device("cpu"))


def _anonymous(proto: Any) -> None:
    """Remove the lines of source files and stack traces that the exporter writes."""
    parts = [proto.graph, *proto.functions]
    items = [item for part in parts for item in (part, *part.node, *part.value_info)]
    for item in (*items, *proto.graph.input, *proto.graph.output, *proto.graph.initializer):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
