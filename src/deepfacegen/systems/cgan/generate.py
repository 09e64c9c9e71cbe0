"""The trained conditional GAN: a voice and a latent in, faces out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.data.shards import batched
from deepfacegen.encoders import speaker
from deepfacegen.encoders.pitch import REFERENCE_HZ, median_pitch
from deepfacegen.systems.cgan.linear_latent import Generator
from deepfacegen.systems.condition import Condition, PredictedCondition
from deepfacegen.training.pixels import from_pixels, to_pixels
from deepfacegen.training.steps import seeded


class Cgan:
    """Generates faces from voices: a frozen voice encoder and the averaged generator. The discriminator is
    only needed as a judge of its own."""

    def __init__(
        self,
        encoder: speaker.VoiceEncoder,
        condition: Condition,
        generator: nn.Module,
        params: dict[str, Any],
        image_size_px: int,
        device: torch.device,
        discriminator: nn.Module | None = None,
    ) -> None:
        self.encoder, self.device = encoder, device
        self.discriminator = (
            discriminator.to(device).eval().requires_grad_(False) if discriminator is not None else None
        )
        self.image_size_px = image_size_px
        self.condition = copy.deepcopy(condition).cpu()  # training goes on with its own, on its device
        self.generator = generator.to(device).eval().requires_grad_(False)
        # A condition that only voices have does not say how far it is off: training's noise stands for that.
        predicted = isinstance(condition, PredictedCondition)
        self.condition_noise = 1.0 if predicted else params["condition_noise"]
        self.condition_scale: float = params.get("condition_scale", 1.0) if predicted else 1.0
        self.z_dim = generator.z if isinstance(generator, Generator) else 0
        self.temperature: float = params["temperature"] if self.z_dim else 1.0

    def at_temperature(self, temperature: float) -> Cgan:
        """The same system with latents scaled by `temperature`. Without z (Wen et al.) it is always 1."""
        other = copy.copy(self)
        other.temperature = temperature if self.z_dim else 1.0
        return other

    @property
    def latent_dim(self) -> int:
        """Numbers behind one face, besides the voice."""
        return self.condition.dim + self.z_dim

    @property
    def voice_dim(self) -> int:
        """Length of the embedding of a voice."""
        return self.encoder.dim

    def embed(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays -> embeddings, float32 [V, voice_dim]: unit speaker embedding, then pitch."""
        return self.encoder.embed(voices).numpy()

    def pitch_hz(self, voice: np.ndarray) -> float | None:
        """Median pitch of an int16 array; None when nothing in it is voiced."""
        octaves = float(median_pitch(torch.from_numpy(voice)[None])[0])
        # No lag is the reference's, so 0 means unvoiced.
        return REFERENCE_HZ * 2**octaves if octaves else None

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        """int16 arrays -> uint8 [V, n, S, S, 3]; face k of seed s has the same latent for every voice."""
        return self.generate_from(self.embed(voices), self.latents(n, seed))

    def latents(self, n: int, seed: int) -> np.ndarray:
        """The latents of faces 0 to n - 1 of a seed, of unit deviation: float32 [n, latent_dim]."""
        rows = [torch.randn(self.latent_dim, generator=seeded(seed, k)) for k in range(n)]
        return torch.stack(rows).numpy()

    @property
    def directions(self) -> int:
        """Directions of faces that voices predict; 0 if the condition is the whole embedding."""
        return self.condition.dim if isinstance(self.condition, PredictedCondition) else 0

    @torch.inference_mode()
    def generate_along(self, deviations: np.ndarray) -> np.ndarray:
        """Conditions, in standard deviations over faces, float32 [N, directions] -> the face of each with z =
        0, uint8 [N, S, S, 3]."""
        c = torch.from_numpy(deviations).to(self.device)
        return to_pixels(self.generator(c, c.new_zeros(len(c), self.z_dim)))

    @torch.inference_mode()
    def generate_from(self, embeddings: np.ndarray, latents: np.ndarray) -> np.ndarray:
        """Embeddings of voices [V, voice_dim] and latents of unit deviation, for all voices [n, latent_dim]
        or for each its own [V, n, latent_dim], float32 -> uint8 [V, n, S, S, 3]."""
        condition, given = self.condition(torch.from_numpy(embeddings)), torch.from_numpy(latents)
        columns = []
        for latent in given.expand(len(condition), *given.shape[-2:]).unbind(1):
            y, z = self.generator_inputs(condition, latent)
            parts = zip(batched(y, 64), batched(z, 64), strict=True)
            faces = [to_pixels(self.generator(a.to(self.device), b.to(self.device))) for a, b in parts]
            columns.append(np.concatenate(faces))
        return np.stack(columns, axis=1)

    def generator_inputs(self, condition: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """Condition predicted from voices [B, K] and latents [B, latent_dim] -> what the generator takes: a
        condition that such a voice may have [B, K], and z [B, z_dim].

        Without z the faces of a voice differ by the noise of the condition alone (Wen et al.).
        """
        scaled = self.temperature * latents
        noise = self.condition_noise * scaled[:, : self.condition.dim]
        y = self.condition.perturb(self.condition_scale * condition, noise)
        return y, scaled[:, self.condition.dim :]

    @torch.inference_mode()
    def face_features(self, faces: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> the embedding by the discriminator's trunk, float32 [N, D]. It was trained on
        the seen people's faces.

        Raises RuntimeError for a system without its discriminator.
        """
        if self.discriminator is None:
            raise RuntimeError("the system was made without its discriminator, which alone can look at faces")
        trunk: Any = self.discriminator
        found = []
        for part in batched(faces, 128):
            pixels = from_pixels(torch.from_numpy(part).to(self.device), self.image_size_px)
            found.append(trunk.trunk(pixels)[0].float().cpu())
        return torch.cat(found).numpy()
