"""The voice encoder: pretraining as a speaker classifier, and embeddings of whole recordings."""

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
from deepfacegen.config.schema import PretrainConfig
from deepfacegen.data.batches import SAMPLE_RATE_HZ, Clips, Manifest, VoiceBatches, cut_windows, windows
from deepfacegen.data.shards import AudioShards, batched
from deepfacegen.encoders.classify import train_classifier
from deepfacegen.encoders.ge2e import Ge2eModel
from deepfacegen.encoders.logmel import BANDS, HOP_SAMPLES
from deepfacegen.encoders.pitch import median_pitch
from deepfacegen.encoders.speaker_networks import MarginClassifier, VoiceModel, make_encoder
from deepfacegen.training import store
from deepfacegen.training.loop import Effort
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import check_memory, identity_order, seeded

log = logging.getLogger(__name__)
FEW_SPEAKERS = 50  # with fewer, an encoder of one's own is warned of
WINDOW_SECONDS = 3.0
WINDOW_SAMPLES = int(WINDOW_SECONDS * SAMPLE_RATE_HZ)
WINDOWS = 4


class VoiceEncoder:
    """A trained voice model, with the pitch beside it.

    The embedding of a recording [dim] is the mean over evenly spaced windows: a unit speaker embedding
    [speaker_dim], then the pitch.
    """

    def __init__(self, model: VoiceModel | Ge2eModel, device: torch.device) -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.device = device

    @torch.inference_mode()
    def _embed(self, waveforms: np.ndarray, with_pitch: bool = True) -> Tensor:
        """Without pitch, which takes longer than all else, 0 in its place."""
        parts = []
        for part in batched(waveforms, 64):
            waveform = torch.from_numpy(part).to(self.device)
            speaker = self.model(waveform).float()
            pitch = median_pitch(waveform) if with_pitch else speaker.new_zeros(len(speaker))
            parts.append(torch.cat([speaker, self.model.pitch_per_octave * pitch[:, None]], dim=1).cpu())
        return torch.cat(parts)

    def embed(self, voices: Sequence[np.ndarray], with_pitch: bool = True) -> Tensor:
        """int16 arrays, 16 kHz mono -> embeddings [V, dim] on the CPU; the pitch is 0 unless `with_pitch`."""
        cut = cut_windows(voices, WINDOW_SAMPLES, WINDOWS)
        found = self._embed(cut.reshape(-1, WINDOW_SAMPLES), with_pitch)
        return pool(found.view(len(voices), WINDOWS, -1))

    def speaker_embeddings(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays, 16 kHz mono -> unit speaker embeddings, float32 [V, speaker_dim]."""
        return F.normalize(self.embed(voices, with_pitch=False)[:, : self.speaker_dim], dim=1).numpy()

    def embed_windows(self, clips: pd.DataFrame, shards: AudioShards) -> Tensor:
        """Rows of the clips table -> embeddings of each window [N, WINDOWS, dim] on the CPU."""
        table, out = Clips(clips, shards), []
        starts = windows(table.length, WINDOW_SAMPLES, WINDOWS)
        for rows in batched(np.arange(len(clips)), 256):
            crops = table.crop(rows.repeat(WINDOWS), starts[rows].reshape(-1), WINDOW_SAMPLES)
            out.append(self._embed(crops).view(-1, WINDOWS, self.dim))
        return torch.cat(out)

    @property
    def speaker_dim(self) -> int:
        return self.model.dim

    @property
    def dim(self) -> int:
        return self.model.dim + 1


def pool(windows: Tensor) -> Tensor:
    """Embeddings of windows [..., W, Y] -> of the recording [..., Y]: the mean direction of the speaker
    embeddings, and the mean pitch."""
    mean = windows.mean(dim=-2)
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
    samples = int(config.crop_seconds * SAMPLE_RATE_HZ)
    people = manifest.split("train")
    identities = len(people.identities)
    _check_memory(config, identities, distributed.share(config.batch), samples)
    if identities < FEW_SPEAKERS:
        log.warning(
            "pretrain: %d speakers are too few to learn from what voices differ in "
            "(some %d are enough for a start); pretrain.architecture: ge2e is ready-made",
            *(identities, FEW_SPEAKERS),
        )
    torch.manual_seed(config.seed)
    model = VoiceModel(config.architecture, config.normalisation, config.embedding_dim, config.channels)
    model.to(distributed.device())
    order = identity_order(config, identities)

    def embed(i: int, waveforms: Tensor) -> Tensor:
        mel = model.front(waveforms)
        if config.noise:
            shape = (config.batch, *mel.shape[1:])
            noise = torch.randn(shape, generator=seeded(config.seed, i))[order.mine]
            mel = mel + config.noise * noise.to(mel)
        return F.normalize(model.encoder(mel), dim=1)

    batches = VoiceBatches(people.clips, shards, order, samples)
    statistics, effort = train_classifier("pretrain", config, model, identities, batches, embed, resume, sink)
    return model, statistics, effort


def _check_memory(config: PretrainConfig, identities: int, batch: int, samples: int) -> None:
    with torch.device("meta"):
        encoder = make_encoder(config.architecture, config.embedding_dim, config.channels)
        classifier = MarginClassifier(config.embedding_dim, identities, config.margin, config.scale)
        mel = torch.empty(batch, BANDS, samples // HOP_SAMPLES + 1)
    check_memory("pretrain", (encoder, classifier), [lambda: encoder(mel)])


def save(
    folder: Path, config: PretrainConfig, model: VoiceModel | Ge2eModel, identities: Sequence[str]
) -> None:
    """Weights, how to rebuild the network, and whom it was trained on, by id or by corpus."""
    network = {
        "architecture": config.architecture,
        "normalisation": config.normalisation,
        "dim": config.embedding_dim,
        "channels": config.channels,
    }
    ready = isinstance(model, Ge2eModel)
    corpora = list(weights.REGISTRY["ge2e"].corpora) if ready else []
    store.save_trained(
        folder,
        config,
        [] if ready else identities,
        {"encoder": model.encoder},
        network=network,
        trained_on_corpora=corpora,
    )
