"""The voice encoder: pretraining as a speaker classifier with a margin, and description of whole
recordings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from deepfacegen import distributed, weights
from deepfacegen.config.schema import PretrainConfig, to_dict
from deepfacegen.data.batches import SAMPLE_RATE_HZ, IdentityOrder, Manifest, VoiceBatches, crop, windows
from deepfacegen.data.shards import AudioShards
from deepfacegen.encoders.ge2e import Ge2eModel
from deepfacegen.encoders.pitch import median_pitch
from deepfacegen.encoders.speaker_networks import MarginClassifier, VoiceModel
from deepfacegen.training import batch_norm, store
from deepfacegen.training.loop import Effort, Stateful, fit, seeded
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics

log = logging.getLogger(__name__)
FEW_SPEAKERS = 50  # with fewer, an encoder of one's own is warned of
WINDOW_SECONDS = 3.0
WINDOWS = 4


class VoiceEncoder:
    """A trained voice model, with the pitch beside it.

    A recording is heard as evenly spaced windows. Its description [dim] is their mean: a unit embedding
    [speaker_dim], then pitch.
    """

    def __init__(self, model: VoiceModel | Ge2eModel, device: torch.device) -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.device = device

    @torch.inference_mode()
    def _embed(self, waveforms: np.ndarray, batch: int = 64) -> Tensor:
        parts = []
        for i in range(0, len(waveforms), batch):
            waveform = torch.from_numpy(waveforms[i : i + batch]).to(self.device)
            pitch = self.model.pitch_per_octave * median_pitch(waveform)
            parts.append(torch.cat([self.model(waveform).float(), pitch[:, None]], dim=1).cpu())
        return torch.cat(parts)

    def embed(self, voices: Sequence[np.ndarray]) -> Tensor:
        """int16 arrays, 16 kHz mono -> descriptions [V, dim] on the CPU."""
        samples = int(WINDOW_SECONDS * SAMPLE_RATE_HZ)
        starts = windows(np.array([len(v) for v in voices]), samples, WINDOWS)
        cut = [
            np.resize(v, samples) if len(v) < samples else v[s : s + samples]
            for v, row in zip(voices, starts, strict=True)
            for s in row
        ]
        return pool(self._embed(np.stack(cut)).view(len(voices), WINDOWS, -1))

    def describe(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays, 16 kHz mono -> unit speaker embeddings, float32 [V, speaker_dim]."""
        return F.normalize(self.embed(voices)[:, : self.speaker_dim], dim=1).numpy()

    def embed_windows(self, clips: pd.DataFrame, shards: AudioShards, chunk: int = 256) -> Tensor:
        """Rows of the clips table -> descriptions of each window [N, WINDOWS, dim] on the CPU."""
        samples = int(WINDOW_SECONDS * SAMPLE_RATE_HZ)
        shard, offset, length = (clips[c].to_numpy() for c in ("shard", "offset_samples", "length_samples"))
        starts = windows(length, samples, WINDOWS)
        out = []
        for first in range(0, len(clips), chunk):
            rows = np.arange(first, min(first + chunk, len(clips))).repeat(WINDOWS)
            flat = starts[first : first + chunk].reshape(-1)
            out.append(
                self._embed(crop(shards, shard[rows], offset[rows], length[rows], flat, samples)).view(
                    -1, WINDOWS, self.dim
                )
            )
        return torch.cat(out)

    @property
    def speaker_dim(self) -> int:
        return self.model.dim

    @property
    def dim(self) -> int:
        return self.model.dim + 1


def pool(described: Tensor) -> Tensor:
    """Descriptions of windows [..., W, Y] -> of the recording [..., Y]: the mean direction of the embeddings,
    and the mean pitch."""
    mean = described.mean(dim=-2)
    return torch.cat([F.normalize(mean[..., :-1], dim=-1), mean[..., -1:]], dim=-1)


def load(folder: Path, device: torch.device) -> VoiceEncoder:
    """Raises UserError if there is no voice model in the folder."""
    config = store.read_config(folder)
    model = Ge2eModel() if config["network"]["architecture"] == "ge2e" else VoiceModel(**config["network"])
    store.read_weights(folder, "encoder", model.encoder)
    return VoiceEncoder(model, device)


def ready_made() -> Ge2eModel:
    """The encoder that others trained. Raises UserError when its weights are not on this machine or are
    damaged."""
    path, model = weights.locate("ge2e"), Ge2eModel()
    state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
    # The file also holds scale and bias of the loss it was trained with.
    model.encoder.load_state_dict({name: state[name] for name in model.encoder.state_dict()})
    return model


def pretrain(
    config: PretrainConfig, manifest: Manifest, shards: AudioShards, resume: Resume, sink: Sink | None = None
) -> tuple[VoiceModel | Ge2eModel, Statistics, Effort]:
    """Train on the training identities only; every rank ends with the same weights. A ready-made encoder
    costs no step."""
    if config.architecture == "ge2e":
        return ready_made(), Statistics(every=1), Effort(steps=0, seconds=0.0, waited_share=0.0, resumed_at=0)
    device = distributed.device()
    distributed.share(config.batch)
    people = manifest.split("train")
    if len(people.identities) < FEW_SPEAKERS:
        log.warning(
            "pretrain: %d speakers are too few to learn from what voices differ in (some %d are enough for a start); "
            "pretrain.architecture: ge2e is ready-made",
            *(len(people.identities), FEW_SPEAKERS),
        )
    torch.manual_seed(config.seed)
    model = VoiceModel(config.architecture, config.normalisation, config.embedding_dim, config.channels).to(
        device
    )
    classifier = MarginClassifier(
        config.embedding_dim, len(people.identities), config.margin, config.scale
    ).to(device)
    distributed.broadcast(model)
    distributed.broadcast(classifier)
    batch_norm.share_statistics(model)
    parameters = [*model.parameters(), *classifier.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=config.lr, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.lr, total_steps=config.steps, pct_start=0.2
    )
    order = IdentityOrder(
        len(people.identities), config.batch, config.seed, distributed.rank(), distributed.world()
    )
    batches = VoiceBatches(people.clips, shards, order, int(config.crop_seconds * SAMPLE_RATE_HZ))

    def step(i: int, batch: tuple[np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        waveforms, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        model.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            mel = model.front(waveforms)
            if config.noise:
                mel = mel + config.noise * torch.randn(
                    config.batch, *mel.shape[1:], generator=seeded(config.seed, i)
                )[order.mine].to(mel)
            embedding = F.normalize(model.encoder(mel), dim=1)
        loss, cosine = classifier(embedding, labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        distributed.sync_gradients(parameters)
        optimiser.step()
        schedule.step()
        return {"loss": loss, "accuracy": (cosine.argmax(dim=1) == labels).float().mean()}

    statistics = Statistics(every=10, sink=sink)
    state: dict[str, Stateful] = {
        "model": model,
        "classifier": classifier,
        "optimiser": optimiser,
        "schedule": schedule,
    }
    effort = fit(
        "pretrain",
        steps=config.steps,
        batch=batches,
        step=step,
        state=state,
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
    )
    return model, statistics, effort


def save(
    folder: Path, config: PretrainConfig, model: VoiceModel | Ge2eModel, identities: Sequence[str]
) -> None:
    """Weights, how to rebuild the network, and which people it heard: by id, or by the corpora they are
    in."""
    network = {
        "architecture": config.architecture,
        "normalisation": config.normalisation,
        "dim": config.embedding_dim,
        "channels": config.channels,
    }
    if isinstance(model, Ge2eModel):
        heard = {"trained_on": [], "trained_on_corpora": list(weights.REGISTRY["ge2e"].corpora)}
    else:
        heard = {"trained_on": sorted(identities), "trained_on_corpora": []}
    described = {"network": network, "params": to_dict(config), **heard, "trained_with": [], "chosen_on": []}
    store.save(folder, described, encoder=model.encoder)
