"""The Python API: `VoiceToFace.load(release).generate(recording)` (docs/api.md)."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from deepfacegen.api import recordings, sizes, values
from deepfacegen.api.recordings import Speech
from deepfacegen.api.voice_report import Age, VoiceReport, report
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.errors import UserError
from deepfacegen.release import folder as release_folder
from deepfacegen.release import loading
from deepfacegen.release import traits as release_traits
from deepfacegen.release.folder import Examples
from deepfacegen.release.generator import VoiceGenerator
from deepfacegen.release.traits import Traits

__all__ = ["Age", "GeneratedFaces", "Neighbour", "VoiceReport", "VoiceToFace"]

MAX_COUNT = 1000
MLFLOW = ("models:/", "runs:/")


@dataclass(frozen=True)
class GeneratedFaces:
    """Faces (RGB, aligned) generated from one recording, and estimates from its voice."""

    faces: list[Image.Image]
    voice: VoiceReport
    speech_seconds: float


@dataclass(frozen=True)
class Neighbour:
    """A training person: cosine of the voice embeddings (-1 to 1), and one of the person's real faces."""

    identity_id: str
    similarity: float
    face: Image.Image


class VoiceToFace:
    """A loaded release. It does not change, and several threads may use it at once: the same arguments give
    the same bytes."""

    def __init__(
        self,
        system: VoiceGenerator,
        config: dict[str, Any],
        card: str,
        traits: Traits,
        examples: Examples | None,
    ) -> None:
        self._system, self._traits, self._examples = system, traits, examples
        self.config = config
        self.card = card

    @classmethod
    def load(cls, source: str | Path = "models/release", device: str | None = None) -> VoiceToFace:
        """Load a release: a folder, or an MLflow model (`models:/name@alias`, `models:/name/1`,
        `runs:/<id>/<path>`).

        device: `cpu`, `cuda`, `cuda:N`; None: the CPU, or what DEEPFACEGEN_DEVICE names. Raises UserError
        naming what is missing or damaged.
        """
        if not isinstance(source, (str, os.PathLike)):
            given = values.abbreviated(source)
            raise UserError(f"source: must be a folder or the URI of an MLflow model, not {given}")
        if str(source).startswith(MLFLOW):
            from deepfacegen.tracking import run

            with tempfile.TemporaryDirectory(prefix="deepfacegen-") as scratch:
                return cls._read(_inside(run.download(str(source), Path(scratch)), str(source)), device)
        return cls._read(Path(source), device)

    @classmethod
    def _read(cls, folder: Path, device: str | None) -> VoiceToFace:
        config = release_folder.read_config(folder)
        release_folder.verify(folder, config)
        name, onnx = None if device is None else str(device), release_folder.onnx_model(folder)
        try:
            system = loading.load(folder, onnx, name)
        except RuntimeError as error:  # torch: the device is unknown or missing
            raise UserError(f"device {device}: {str(error).splitlines()[0]}") from None
        traits = release_traits.load(folder, system.voice_dim)
        return cls(
            system, config, release_folder.read_card(folder), traits, release_folder.read_examples(folder)
        )

    @property
    def figures(self) -> dict[str, Any]:
        """Metrics of the release on seen and unseen people (docs/api.md)."""
        return self.config["figures"]

    @property
    def size_px(self) -> int:
        """Side of a face as the model generates it, before `generate` enlarges it."""
        return self._system.image_size_px

    @property
    def latent_dim(self) -> int:
        """Length of the latent vector of one face."""
        return self._system.latent_dim

    @property
    def examples(self) -> bool:
        """Whether the release holds training people, which `nearest` needs."""
        return self._examples is not None

    def decode(self, speech: Speech, *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> np.ndarray:
        """The speech in a recording: int16 [T], 16 kHz mono, silence removed, at most 10 s.

        speech: path of a sound or video file; its bytes; or samples [T], [T, channels] or [channels, T]
        (arrays and tensors of any library, lists): integers, or floats in [-1, 1], at `sample_rate_hz`, which
        applies to samples alone. Raises UserError when it is none of these, cannot be decoded or holds less
        than 1.5 s of speech.
        """
        return recordings.decode(speech, sample_rate_hz)

    def latents(self, count: int, seed: int) -> np.ndarray:
        """Standard normal latents of `count` faces: float32 [count, latent_dim]. Raises UserError unless 1 <=
        count <= 1000 and seed >= 0."""
        return self._system.latents(
            values.whole("count", count, 1, MAX_COUNT), values.whole("seed", seed, 0, 2**31 - 1)
        )

    def generate(
        self,
        speech: Speech,
        *,
        count: int = 1,
        seed: int = 0,
        latents: np.ndarray | None = None,
        seconds: float | None = None,
        size_px: int = sizes.DEFAULT_PX,
    ) -> GeneratedFaces:
        """Generate faces from a recording (as for `decode`), or from what `decode` returned (an int16 array
        [T], which is not searched for speech again).

        count, seed: how many faces, and the seed of their latents; the same recording, seed and release give
        the same faces. latents: float32 [n, latent_dim] instead of both. seconds: use only so much of the
        speech. size_px: side of the faces, 64, 128, 256 or the model's own; sizes above that are interpolated
        and show no more detail. Raises UserError for a recording or a value that cannot be used.
        """
        size_px = sizes.checked(size_px, self.size_px)
        voice = self._decoded(speech, seconds)
        given = self.latents(count, seed) if latents is None else self._checked(latents)
        made = self._system.run([voice], given)
        faces = [Image.fromarray(face) for face in sizes.resized(made.faces[0], size_px)]
        estimates = report(self._traits, made.embeddings[0], made.pitches_hz[0])
        return GeneratedFaces(faces, estimates, len(voice) / SAMPLE_RATE_HZ)

    def nearest(self, speech: Speech, count: int = 3) -> list[Neighbour]:
        """The training people of the release whose voices are most similar, the nearest first.

        Raises UserError as `generate` does, and for a release without training people.
        """
        people = self._examples
        if people is None:
            raise UserError(
                "this release has no training people (release.examples) to compare the voice with"
            )
        count = values.whole("count", count, 1, MAX_COUNT)
        made = self._system.run([self._decoded(speech, None)], self.latents(1, 0))
        voice = made.embeddings[0, : people.voices.shape[1]]
        similarity = people.voices @ (voice / np.linalg.norm(voice))
        order = np.argsort(-similarity, kind="stable")[:count].tolist()
        return [
            Neighbour(people.identity_ids[i], float(similarity[i]), Image.fromarray(people.faces[i]))
            for i in order
        ]

    def _decoded(self, speech: Speech, seconds: float | None) -> np.ndarray:
        given = recordings.parse(speech)
        ready = isinstance(given, np.ndarray) and given.dtype == np.int16 and given.ndim == 1
        limit = None if seconds is None else values.number("seconds", seconds)
        if limit is not None and not limit >= recordings.MIN_SECONDS:
            least = recordings.MIN_SECONDS
            raise UserError(f"seconds: at least {least} s of speech are needed, not {limit:g}")
        voice = recordings.within_limits(given) if ready else self.decode(given)  # type: ignore[arg-type]
        if limit is None:
            return voice
        return voice[: int(min(limit, len(voice) / SAMPLE_RATE_HZ) * SAMPLE_RATE_HZ)]

    def _checked(self, latents: np.ndarray) -> np.ndarray:
        wanted = f"[n, {self.latent_dim}] with 1 <= n <= {MAX_COUNT}"
        given = values.array("latents", latents, wanted)
        if given.ndim != 2 or given.shape[1] != self.latent_dim or not 1 <= len(given) <= MAX_COUNT:
            raise UserError(f"latents: must be numbers, {wanted}, not {list(given.shape)}")
        if np.abs(given).max() > np.finfo(np.float32).max:
            raise UserError("latents: holds numbers that float32 cannot")
        return given.astype(np.float32)


def _inside(downloaded: Path, source: str) -> Path:
    """The release among downloaded artifacts: the folder itself, or an artifact of a pyfunc model."""
    for folder in (downloaded, downloaded / "release", downloaded / "artifacts" / "release"):
        if (folder / "config.json").is_file():
            return folder
    places = "in it, in release/ and in artifacts/release/"
    raise UserError(f"{source}: holds no release (looked for config.json {places})")
