"""Deep Face Gen itself: a conditional GAN that draws a face from a voice embedding, and what it takes to train it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config import TrainConfig, to_dict
from deepfacegen.data.batches import ByLabel, FaceBatches, IdentityOrder, Manifest
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.models.standard import Discriminator, Generator
from deepfacegen.models.wen import WenDiscriminator, WenGenerator
from deepfacegen.systems import store, voice
from deepfacegen.training.adversary import Adversary, Weights
from deepfacegen.training.ema import MovingAverage
from deepfacegen.training.loop import Effort, fit, seeded
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics


class Cgan:
    """Draws faces from voices: a frozen voice encoder and the averaged generator."""

    def __init__(self, encoder: voice.VoiceEncoder, generator: nn.Module, params: dict[str, Any], device: torch.device) -> None:
        self.encoder, self.device = encoder, device
        self.generator = generator.to(device).eval().requires_grad_(False)
        self.z_dim, self.condition_noise = params["z_dim"], params["condition_noise"]

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        """int16 arrays -> uint8 [V, n, S, S, 3]; draw k of seed s uses the same noise for every voice."""
        return self.draw(self.encoder.embed(voices), n, seed)

    @torch.inference_mode()
    def draw(self, condition: Tensor, n: int, seed: int, batch: int = 64) -> np.ndarray:
        """Unit voice embeddings [V, Y] -> uint8 [V, n, S, S, 3]."""
        noise = [torch.randn(max(self.z_dim, condition.shape[1]), generator=seeded(seed, k)) for k in range(n)]
        columns = []
        for k in range(n):
            z = noise[k][: self.z_dim].expand(len(condition), -1) if self.z_dim else None
            # Without z the draws differ by the noise that training added to the condition (Wen et al.).
            y = condition if self.z_dim else F.normalize(condition + self.condition_noise * noise[k][: condition.shape[1]], dim=1)
            parts = []
            for i in range(0, len(y), batch):
                part = self.generator(y[i : i + batch].to(self.device), None if z is None else z[i : i + batch].to(self.device))
                parts.append(to_pixels(part))
            columns.append(np.concatenate(parts))
        return np.stack(columns, axis=1)


def load(models_dir: Path, device: torch.device) -> Cgan:
    """Raises UserError if the voice encoder or the generator is missing."""
    config = store.read_config(models_dir / "cgan")
    generator = _generator(config["params"], config["condition_dim"])
    store.read_weights(models_dir / "cgan", "generator", generator)
    return Cgan(voice.load(models_dir / "voice", device), generator, config["params"], device)


def to_pixels(faces: Tensor) -> np.ndarray:
    """[B, 3, S, S] in [-1, 1] -> uint8 [B, S, S, 3]."""
    scaled = (faces.float().clamp(-1, 1) + 1) * 127.5
    return scaled.round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def from_pixels(faces: Tensor, size_px: int, flip: Tensor | None = None) -> Tensor:
    """uint8 [B, S, S, 3] -> float [B, 3, size, size] in [-1, 1], shrunk by area; items with `flip` [B] are mirrored."""
    x = faces.permute(0, 3, 1, 2).float()
    if x.shape[-1] != size_px:
        x = F.avg_pool2d(x, x.shape[-1] // size_px)
    if flip is not None:
        x = torch.where(flip[:, None, None, None], x.flip(3), x)
    return x / 127.5 - 1


def train(
    config: TrainConfig,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    encoder: voice.VoiceEncoder,
    resume: Resume,
    sink: Sink | None = None,
    after: Callable[[int, nn.Module], None] | None = None,
) -> tuple[nn.Module, nn.Module, Statistics, Effort]:
    """Train on the training identities; returns the averaged generator and the discriminator.

    The frozen voice encoder runs once over all clips before the first step. `after(step, averaged generator)` follows each step.
    """
    device, rank, world = distributed.device(), distributed.rank(), distributed.world()
    distributed.share(config.batch)
    people = manifest.split("train")
    embedded = encoder.embed_windows(people.clips, audio)
    params, condition_dim = to_dict(config), embedded.shape[-1]
    torch.manual_seed(config.seed)
    generator = _generator(params, condition_dim).to(device, memory_format=torch.channels_last)
    discriminator = _discriminator(params, condition_dim, len(people.identities)).to(device, memory_format=torch.channels_last)
    distributed.broadcast(generator)
    distributed.broadcast(discriminator)
    betas = (config.beta1, config.beta2)
    optimiser = torch.optim.Adam(generator.parameters(), config.lr, betas, fused=True)
    weights = Weights(config.mismatch_weight, config.identity_weight, config.feature_weight, config.r1_weight, config.r1_every)
    adversary = Adversary(discriminator, torch.optim.Adam(discriminator.parameters(), config.lr, betas, fused=True), weights)
    average = MovingAverage(generator, config.ema_steps)
    order = IdentityOrder(len(people.identities), config.batch, config.seed, rank, world)
    pairs = Pairs(order, embedded.numpy(), people.clips["label"].to_numpy(), FaceBatches(people.faces, photos))

    def step(i: int, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        condition, faces, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        rng = seeded(config.seed, i, rank)
        noise = torch.randn(condition.shape, generator=rng).to(device)
        z = torch.randn(len(labels), config.z_dim, generator=rng).to(device)
        flip = (torch.rand(len(labels), generator=rng) < 0.5).to(device) if config.augment else None
        condition = F.normalize(condition + config.condition_noise * noise, dim=1)
        real = from_pixels(faces, config.image_size_px, flip).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            drawn = generator(condition, z)
            told: dict[str, Tensor] = {"g/pixel": F.l1_loss(drawn.float(), real)}
            loss = config.pixel_weight * told["g/pixel"]
            if i >= config.adversary_from:
                told |= adversary.learn(i, real, drawn, condition, labels)
                lesson, lessons = adversary.teach(drawn, condition, labels)
                loss, told = loss + lesson, told | lessons
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        distributed.sync_gradients(generator.parameters())
        optimiser.step()
        average.update(generator, i)
        return told

    statistics = Statistics(every=25, sink=sink)
    effort = fit(
        "train",
        steps=config.steps,
        batch=pairs,
        step=step,
        state={"generator": generator, "optimiser": optimiser, "adversary": adversary, "average": average},
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
        after=(lambda i: after(i, average.average)) if after is not None else None,
    )
    return average.average, discriminator, statistics, effort


class Pairs:
    """step -> (voice embeddings [B, Y], faces uint8 [B, S, S, 3], labels [B]): one voice and one face of each identity.

    A voice is a random mixture of the windows of one clip, which varies the condition without running the encoder again.
    """

    def __init__(self, order: IdentityOrder, embedded: np.ndarray, clip_labels: np.ndarray, faces: FaceBatches) -> None:
        self.order, self.embedded, self.faces = order, embedded, faces
        self.clips = ByLabel(clip_labels)

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 3, step, self.order.rank])
        labels = self.order.labels(step)
        windows = self.embedded[self.clips.draw(labels, rng)]
        weights = rng.dirichlet(np.ones(windows.shape[1]), len(labels)).astype(np.float32)
        return np.einsum("bw,bwy->by", weights, windows), self.faces.draw(labels, rng), labels


def save(folder: Path, config: TrainConfig, condition_dim: int, generator: nn.Module, discriminator: nn.Module, identities: Sequence[str]) -> None:
    """The averaged generator, the discriminator, how to rebuild them, whom they saw, and which judges took part (none)."""
    described = {"params": to_dict(config), "condition_dim": condition_dim, "trained_on": sorted(identities), "trained_with": []}
    store.save(folder, described, generator=generator, discriminator=discriminator)


def _generator(params: dict[str, Any], condition_dim: int) -> nn.Module:
    if params["architecture"] == "paper":
        return WenGenerator(condition_dim)
    return Generator(condition_dim, params["z_dim"], params["image_size_px"], params["channels"], params["max_channels"])


def _discriminator(params: dict[str, Any], condition_dim: int, identities: int) -> Any:
    if params["architecture"] == "paper":
        return WenDiscriminator(identities)
    return Discriminator(condition_dim, identities, params["image_size_px"], params["channels"], params["max_channels"])
