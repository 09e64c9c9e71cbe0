"""Speech2Face (Oh et al. 2019): speech -> the feature that a face-recognition network would give -> a face,
by a decoder trained on faces alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config.baselines import Speech2FaceConfig
from deepfacegen.config.schema import to_dict
from deepfacegen.data.batches import SAMPLE_RATE_HZ, FaceBatches, IdentityOrder, Manifest, windows
from deepfacegen.data.shards import AudioShards, FaceShards
from deepfacegen.encoders import face, speaker
from deepfacegen.errors import UserError
from deepfacegen.systems.speech2face import fits
from deepfacegen.systems.speech2face.face_decoder import SIDE_PX, FaceDecoder
from deepfacegen.systems.speech2face.networks import DescriptionNet, VoiceNet, complex_spectrogram
from deepfacegen.training import batch_norm, store
from deepfacegen.training.loop import Effort, Stateful, fit, seeded
from deepfacegen.training.pixels import from_pixels, to_pixels
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics

FACES_AT_ONCE, VOICES_AT_ONCE = 128, 16


@dataclass(frozen=True)
class Trained:
    """What training leaves: the networks, the curves, what it cost, and which judges are behind the face
    network."""

    hearing: VoiceNet | DescriptionNet
    decoder: FaceDecoder
    classifier: nn.Linear
    statistics: Statistics
    effort: Effort
    trained_with: list[str]


class Speech2Face:
    """Predicts the feature of a face from speech, draws it, and compares it with features of photos.

    The paper's system is deterministic, and so is this one: all draws of a voice are the same face, whatever
    the seed.
    """

    def __init__(
        self,
        recogniser: face.FaceEncoder,
        encoder: speaker.VoiceEncoder | None,
        hearing: VoiceNet | DescriptionNet,
        decoder: FaceDecoder,
        params: dict[str, Any],
        device: torch.device,
    ) -> None:
        self.network = recogniser.network.to(device).eval().requires_grad_(False)
        self.encoder, self.device = encoder, device
        self.hearing = hearing.to(device).eval().requires_grad_(False)
        self.decoder = decoder.to(device).eval().requires_grad_(False)
        self.clip_samples = int(params["clip_seconds"] * SAMPLE_RATE_HZ)
        self.exaggeration = params["exaggeration"]

    def generate(self, voices: Sequence[np.ndarray], n: int, seed: int) -> np.ndarray:
        """int16 arrays -> uint8 [V, n, 64, 64, 3]; the n draws are alike, and the seed changes nothing."""
        return np.repeat(self.draw(self.predict(voices))[:, None], n, axis=1)

    @torch.inference_mode()
    def draw(self, features: Tensor) -> np.ndarray:
        """Features of faces [V, D] -> uint8 [V, 64, 64, 3]."""
        wide = self.decoder.exaggerate(features.to(self.device), self.exaggeration)
        return np.concatenate([to_pixels(self.decoder(part)) for part in wide.split(FACES_AT_ONCE)])

    def score(self, voices: Sequence[np.ndarray], faces: np.ndarray) -> np.ndarray:
        """int16 arrays, uint8 [F, S, S, 3] -> cosines of predicted and true features, float32 [V, F] (the
        paper's retrieval)."""
        predicted, true = (
            F.normalize(torch.from_numpy(x), dim=1)
            for x in (self.voice_features(voices), self.face_features(faces))
        )
        return (predicted @ true.T).numpy()

    def voice_features(self, voices: Sequence[np.ndarray]) -> np.ndarray:
        """int16 arrays -> predicted features of the speakers' faces, float32 [V, D]."""
        return self.predict(voices).numpy()

    @torch.inference_mode()
    def face_features(self, faces: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3] -> features, float32 [N, D], of the recogniser that was trained on the seen
        people's faces."""
        pixels = torch.from_numpy(faces)
        parts = [
            self.network(from_pixels(part.to(self.device), SIDE_PX))[1].float().cpu()
            for part in pixels.split(FACES_AT_ONCE)
        ]
        return torch.cat(parts).numpy()

    @torch.inference_mode()
    def predict(self, voices: Sequence[np.ndarray]) -> Tensor:
        """int16 arrays -> features [V, D] on the CPU. Of a recording longer than a clip, the mean over evenly
        spaced clips of it."""
        if self.encoder is not None:
            return self.hearing(self.encoder.embed(voices).to(self.device)).float().cpu()
        samples = self.clip_samples
        starts = windows(np.array([len(v) for v in voices]), samples, speaker.WINDOWS)
        whose = np.repeat(np.arange(len(voices)), [len(np.unique(row)) for row in starts])
        first = np.concatenate([np.unique(row) for row in starts])
        total = torch.zeros(len(voices), len(self.decoder.centre))
        for i in range(0, len(whose), VOICES_AT_ONCE):
            here = slice(i, i + VOICES_AT_ONCE)
            cut = [looped(voices[v], s, samples) for v, s in zip(whose[here], first[here], strict=True)]
            heard = self.hearing(complex_spectrogram(torch.from_numpy(np.stack(cut)).to(self.device)))
            total.index_add_(0, torch.from_numpy(whose[here]), heard.float().cpu())
        return total / torch.from_numpy(np.bincount(whose, minlength=len(voices)))[:, None]


def looped(recording: np.ndarray, start: int, samples: int) -> np.ndarray:
    """int16 [samples] from `start` on; a recording that is shorter is repeated."""
    return np.resize(recording, samples) if len(recording) < samples else recording[start : start + samples]


def load(models_dir: Path, device: torch.device) -> Speech2Face:
    """Raises UserError if this system, its face network or, where it needs one, the voice encoder is
    missing."""
    folder = models_dir / "speech2face"
    config = store.read_config(folder)
    params, dim = config["params"], config["feature_dim"]
    encoder = speaker.load(models_dir / "voice", device) if params["voice"] == "encoder" else None
    hearing = (
        DescriptionNet(encoder.dim, config["directions"], dim)
        if encoder is not None
        else VoiceNet(dim, params["size"])
    )
    decoder = FaceDecoder(dim, params["decoder_width"], params["decoder_channels"])
    store.read_weights(folder, "hearing", hearing)
    store.read_weights(folder, "decoder", decoder)
    return Speech2Face(face.load(models_dir / "face", device), encoder, hearing, decoder, params, device)


def train(
    config: Speech2FaceConfig,
    manifest: Manifest,
    audio: AudioShards,
    photos: FaceShards,
    recogniser: face.FaceEncoder,
    encoder: speaker.VoiceEncoder | None,
    resume: Resume,
    sink: Sink | None = None,
    after: Callable[[int], None] | None = None,
) -> Trained:
    """Train on the training identities: first the decoder and the recogniser's last layer, from photos; then,
    with both frozen, what hears.

    The paper pairs speech with a frame of the same video; here it is paired with any photo of the person.
    `after(step)` follows each step.
    Raises UserError for voice: encoder without a voice encoder.
    """
    if config.voice == "encoder" and encoder is None:
        raise UserError(
            "speech2face.voice is encoder, but there is no voice encoder; run the stage pretrain, or choose spectrogram"
        )
    device = distributed.device()
    distributed.share(config.batch)
    people = manifest.split("train")
    network = recogniser.network.to(device).eval().requires_grad_(False)
    torch.manual_seed(config.seed)
    known = fits.known_faces(people.faces, photos, network, device)
    decoder = FaceDecoder(recogniser.width, config.decoder_width, config.decoder_channels)
    decoder.start_from(known.pixels, known.features, config.feature_noise)
    classifier = nn.Linear(recogniser.width, len(people.identities))
    order = IdentityOrder(
        len(people.identities), config.batch, config.seed, distributed.rank(), distributed.world()
    )
    hearing, listen = fits.hearing(
        config, people, audio, encoder if config.voice == "encoder" else None, known, order
    )
    for part in (decoder, classifier, hearing):
        part.to(device)
        distributed.broadcast(part)
    batch_norm.share_statistics(hearing)
    first = fits.Player(
        torch.optim.Adam([*decoder.parameters(), *classifier.parameters()], config.decoder_lr)
    )
    second = fits.Player(
        torch.optim.AdamW(
            hearing.parameters(), config.lr, (config.beta1, 0.999), config.eps, config.weight_decay
        )
    )
    schedule = torch.optim.lr_scheduler.StepLR(second.optimiser, config.lr_decay_every, config.lr_decay)
    shown = FaceBatches(people.faces, photos)

    def batch(i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        heard, labels = (
            listen(i) if i >= config.decoder_steps else (np.empty(0, dtype=np.float32), order.labels(i))
        )
        return (
            heard,
            shown.draw(order.whole(i), np.random.default_rng([config.seed, 4, i]), order.mine),
            labels,
        )

    def step(i: int, batch: tuple[np.ndarray, np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        heard, faces, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        decoding = i < config.decoder_steps
        flip, noise = (
            whole[order.mine].to(device)
            for whole in _chance(config, i, recogniser.width if decoding else config.directions)
        )
        real = from_pixels(faces, SIDE_PX, flip if config.augment else None)
        with torch.no_grad():
            true = network(real)[1].float()
        for part in (decoder, classifier):
            part.requires_grad_(decoding)
        if decoding:
            loss, told = fits.decoding_loss(config, decoder, classifier, network, real, true, noise, labels)
            first.play(loss)
            return told
        predicted = fits.heard(hearing.train(), heard, config.noise * noise)
        loss, told = fits.hearing_loss(config, decoder, classifier, predicted, true)
        second.play(loss)
        schedule.step()
        return told

    statistics = Statistics(every=25, sink=sink)
    state: dict[str, Stateful] = {
        "decoder": decoder,
        "classifier": classifier,
        "hearing": hearing,
        "schedule": schedule,
    }
    effort = fit(
        "speech2face",
        steps=config.decoder_steps + config.steps,
        batch=batch,
        step=step,
        state={**state, "first": first.optimiser, "second": second.optimiser},
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
        after=after,
    )
    return Trained(hearing, decoder, classifier, statistics, effort, list(recogniser.trained_with))


def _chance(config: Speech2FaceConfig, step: int, dim: int) -> tuple[Tensor, Tensor]:
    """What is random about a step besides its pairs, for the whole batch: whom to flip [B], and noise [B,
    dim]."""
    rng = seeded(config.seed, step)
    return torch.rand(config.batch, generator=rng) < 0.5, torch.randn(config.batch, dim, generator=rng)


def save(folder: Path, config: Speech2FaceConfig, trained: Trained, identities: Sequence[str]) -> None:
    """What hears, the decoder and the recogniser's last layer, how to rebuild them, whom they saw, and which
    judges took part: the face network, if it is one. Whom the face network and the voice encoder met they
    tell in their own folders.
    """
    # Nothing is chosen on held-out people: training ends after a fixed number of steps.
    told: dict[str, Any] = {
        "trained_on": sorted(identities),
        "trained_with": trained.trained_with,
        "chosen_on": [],
    }
    described = {"params": to_dict(config), "feature_dim": len(trained.decoder.centre), **told}
    if isinstance(trained.hearing, DescriptionNet):
        described["directions"] = trained.hearing.condition.dim
    store.save(
        folder, described, hearing=trained.hearing, decoder=trained.decoder, classifier=trained.classifier
    )
