"""The trained conditional GAN as it draws: a voice and noise in, faces out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen.encoders import speaker
from deepfacegen.encoders.pitch import REFERENCE_HZ, median_pitch
from deepfacegen.systems.condition import Condition, ProjectedCondition
from deepfacegen.training.loop import seeded
from deepfacegen.training.pixels import from_pixels, to_pixels


class Cgan:
    """Draws faces from voices: a frozen voice encoder and the averaged generator. The discriminator is only
    needed as a judge of its own."""

    def __init__(
        self,
        encoder: speaker.VoiceEncoder,
        condition: Condition,
        generator: nn.Module,
        params: dict[str, Any],
        device: torch.device,
        discriminator: nn.Module | None = None,
    ) -> None:
        self.encoder, self.device = encoder, device
        self.discriminator = (
            discriminator.to(device).eval().requires_grad_(False) if discriminator is not None else None
        )
        self.image_size_px = params["image_size_px"]
        self.condition = condition.cpu()
        self.generator = generator.to(device).eval().requires_grad_(False)
        self.truncation, self.condition_noise = params["truncation"], params["condition_noise"]
        self.exaggeration = params["exaggeration"] if isinstance(condition, ProjectedCondition) else 1.0
        self.z_dim = 0 if params["architecture"] == "paper" else params["z_dim"]

    @property
    def noise_dim(self) -> int:
        """Numbers of noise behind one face."""
        return self.z_dim or self.condition.dim

    @property
    def voice_dim(self) -> int:
        """Length of the description of a voice."""
        return self.encoder.dim

    def describe(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays -> descriptions, float32 [V, voice_dim]: unit embedding, then pitch."""
        return self.encoder.embed(voices).numpy()

    def portray(self, described: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Descriptions [V, voice_dim] and noise of unit deviation [n, noise_dim], float32 -> uint8 [V, n, S,
        S, 3]."""
        return self.draw_with(torch.from_numpy(described), torch.from_numpy(noise))

    def pitch_hz(self, voice: np.ndarray) -> float | None:
        """Median pitch of an int16 array; None when nothing in it is voiced."""
        octaves = float(median_pitch(torch.from_numpy(voice)[None])[0])
        return (
            REFERENCE_HZ * 2**octaves if octaves else None
        )  # no lag is the reference's, so 0 means unvoiced

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        """int16 arrays -> uint8 [V, n, S, S, 3]; draw k of seed s uses the same noise for every voice."""
        return self.draw(self.encoder.embed(voices), n, seed)

    def draw(self, voices: Tensor, n: int, seed: int) -> np.ndarray:
        """Descriptions of voices [V, Y] -> uint8 [V, n, S, S, 3]."""
        return self.draw_with(voices, torch.from_numpy(self.noise(n, seed)))

    def noise(self, n: int, seed: int) -> np.ndarray:
        """The noise behind draws 0 to n - 1 of a seed, of unit deviation: float32 [n, noise_dim]."""
        drawn = [
            torch.randn(max(self.z_dim, self.condition.dim), generator=seeded(seed, k)) for k in range(n)
        ]
        return torch.stack(drawn)[:, : self.noise_dim].numpy()

    @torch.inference_mode()
    def draw_with(self, voices: Tensor, noise: Tensor, batch: int = 64) -> np.ndarray:
        """Descriptions of voices [V, Y] and noise of unit deviation [n, noise_dim] -> uint8 [V, n, S, S,
        3]."""
        condition = self.exaggeration * self.condition(voices)
        columns = []
        for one in noise:
            y, z = self.told(condition, one.expand(len(condition), -1))
            parts = []
            for i in range(0, len(y), batch):
                part = self.generator(y[i : i + batch].to(self.device), z[i : i + batch].to(self.device))
                parts.append(to_pixels(part))
            columns.append(np.concatenate(parts))
        return np.stack(columns, axis=1)

    def told(self, condition: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """What the generator is told: condition [B, K] (exaggerated) and noise [B, noise_dim] -> condition
        [B, K] and z [B, z_dim].

        Without z the draws differ by the noise that training added to the condition (Wen et al.).
        """
        if self.z_dim:
            return condition, self.truncation * noise
        return self.condition.perturb(condition, self.condition_noise * noise), noise[:, :0]

    @torch.inference_mode()
    def face_features(self, faces: np.ndarray, batch: int = 128) -> np.ndarray:
        """uint8 [N, S, S, 3] -> what the discriminator's trunk makes of them, float32 [N, D]. It was trained
        on the seen people's faces.

        Raises RuntimeError for a system without its discriminator.
        """
        if self.discriminator is None:
            raise RuntimeError("the system was made without its discriminator, which alone can look at faces")
        trunk: Any = self.discriminator
        parts = [
            from_pixels(torch.from_numpy(faces[i : i + batch]).to(self.device), self.image_size_px)
            for i in range(0, len(faces), batch)
        ]
        return torch.cat([trunk.trunk(part)[0].float().cpu() for part in parts]).numpy()
