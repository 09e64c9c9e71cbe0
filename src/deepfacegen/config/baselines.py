"""Parameters of the baselines: four related methods from the literature."""

from __future__ import annotations

from dataclasses import dataclass

from deepfacegen.config.fields import ConfigError, param


@dataclass(frozen=True)
class Speech2FaceConfig:
    voice: str = param(
        "encoder",
        "encoder (a small network on the voice encoder's embedding), or spectrogram (Oh et al. 2019)",
        choices=("encoder", "spectrogram"),
    )
    size: str = param(
        "small",
        "with voice: spectrogram: small, or published (148 million weights, features of 4096)",
        choices=("small", "published"),
    )
    clip_seconds: float = param(
        6.0, "input length, shorter clips repeated (spectrogram; paper: 6)", low=2.7, high=30.0
    )
    batch: int = param(32, "people per step, over all ranks (paper: 8)", low=2)
    recogniser_steps: int = param(300, "steps of part 1, the recogniser's last layer (then frozen)", low=1)
    recogniser_lr: float = param(1e-3, "learning rate of part 1 (Adam)", low=1e-7, high=1.0)
    steps: int = param(200, "steps of part 2, the voice network", low=1)
    lr: float = param(1e-3, "learning rate of part 2 (Adam; paper: 1e-3)", low=1e-7, high=1.0)
    beta1: float = param(0.5, "its first momentum (paper: 0.5)", low=0.0, high=0.999)
    eps: float = param(1e-4, "its epsilon (paper: 1e-4)", low=1e-12)
    lr_decay: float = param(0.7, "factor of the rate at each decay (paper: 0.95)", low=0.0, high=1.0)
    lr_decay_every: int = param(50, "steps between two decays (paper: 10000)", low=1)
    weight_decay: float = param(0.0, "weight decay of the voice network (AdamW; paper: 0)", low=0.0)
    direction_weight: float = param(
        0.025, "weight of the squared distance between unit features (paper: 0.025)", low=0.0
    )
    distillation_weight: float = param(
        200.0, "weight of the distillation through the recogniser's last layer (paper: 200)", low=0.0
    )
    temperature: float = param(2.0, "of the distillation (paper: 2)", low=0.01)
    directions: int = param(
        8, "with voice: encoder, most directions of the voice embedding that are used", low=1
    )
    noise: float = param(0.3, "with voice: encoder, noise added to them, in their deviations", low=0.0)
    augment: bool = param(True, "flip faces left to right")
    checkpoint_every: int = param(250, "steps between resume points", low=1)
    seed: int = param(19, "seed", low=0)


@dataclass(frozen=True)
class SvhfConfig:
    size: str = param(
        "small",
        "small (on the voice encoder's embedding), or published (VGG-M streams; the next six are unused)",
        choices=("small", "published"),
    )
    face: str = param(
        "own",
        "small face stream: own (a conv net), or network (linear, on the face network's embedding)",
        choices=("own", "network"),
    )
    image_size_px: int = param(64, "side of the face in an own stream", low=32, high=128)
    channels: int = param(24, "its width at half the image size; doubled at every halving", low=4)
    max_channels: int = param(96, "largest width of a layer of it", low=4)
    dim: int = param(32, "size of the embedding that each stream ends in", low=2)
    hidden: int = param(64, "width of the first layer that joins both; the second has half of it", low=4)
    ways: int = param(
        16, "candidates in a training list (published: 2); no more than there are training people", low=2
    )
    reference_weight: float = param(
        1.0,
        "weight of lists with the mean face and voice as context, used to score pairs (published: 0)",
        low=0.0,
    )
    dynamic: bool = param(False, "a second network for dynamic images of face tracks; logits are averaged")
    frames: int = param(8, "evenly spaced frames of a track in a dynamic image", low=2, high=64)
    steps: int = param(400, "training steps", low=1)
    batch: int = param(32, "people per step, over all ranks, in whole lists of `ways`", low=2)
    lr: float = param(2e-3, "first learning rate (AdamW; published: 0.01, SGD)", low=1e-9, high=1.0)
    last_lr: float = param(2e-5, "last one, reached geometrically (published: 1e-8)", low=1e-12, high=1.0)
    weight_decay: float = param(1e-2, "weight decay (published: 5e-4)", low=0.0)
    noise: float = param(
        0.5, "noise added to embeddings of frozen encoders, in their deviations (small only)", low=0.0
    )
    dropout: float = param(0.2, "dropout on both embeddings", low=0.0, high=0.9)
    augment: bool = param(True, "flip, shift, relight and partly hide faces")
    checkpoint_every: int = param(200, "steps between resume points", low=1)
    seed: int = param(9, "seed", low=0)

    def __post_init__(self) -> None:
        if self.image_size_px & (self.image_size_px - 1):
            raise ConfigError(f"svhf.image_size_px must be a power of two, not {self.image_size_px}")


@dataclass(frozen=True)
class PinsConfig:
    size: str = param(
        "small",
        "small (linear layers on the voice embedding and face features), or published (VGG-M, from scratch; "
        "the next two are unused)",
        choices=("small", "published"),
    )
    faces: str = param(
        "gradients",
        "face features (small): gradients (oriented gradients), or network (the face network's)",
        choices=("gradients", "network"),
    )
    directions: int = param(40, "most principal directions of those features between people (small)", low=1)
    dim: int = param(256, "size of the joint embedding (paper: 256)", low=2)
    pairs: str = param(
        "video",
        "a voice's face: video (of the same recording, else video, as published), or identity (any)",
        choices=("video", "identity"),
    )
    margin: float = param(
        0.6, "negatives farther than this have no loss (paper: 0.6; maximum 2)", low=0.01, high=2.0
    )
    tau_first: float = param(
        0.3, "first hardness of negatives, as a quantile of the batch (paper: 0.3)", low=0.01, high=1.0
    )
    tau_last: float = param(0.8, "largest hardness (paper: 0.8)", low=0.01, high=1.0)
    tau_rise: float = param(0.1, "increase of the hardness at a time (paper: 0.1)", low=0.0, high=1.0)
    tau_every: int = param(80, "steps between two increases (paper: those of two epochs)", low=1)
    semi_hard: bool = param(True, "no negative is nearer than the pair itself, unless all are (paper: yes)")
    steps: int = param(500, "training steps", low=1)
    batch: int = param(64, "pairs per step, over all ranks; negatives come from the same batch", low=2)
    lr: float = param(1e-3, "peak learning rate (AdamW, one cycle)", low=1e-7, high=1.0)
    weight_decay: float = param(0.1, "AdamW weight decay", low=0.0)
    voice_noise: float = param(0.3, "noise added to the voice embedding, in its deviations (small)", low=0.0)
    face_noise: float = param(0.3, "noise added to the face directions, in their deviations (small)", low=0.0)
    augment: bool = param(True, "flip, rotate, shift, scale and relight faces (published)")
    checkpoint_every: int = param(200, "steps between resume points", low=1)
    seed: int = param(23, "seed", low=0)

    def __post_init__(self) -> None:
        if self.tau_first > self.tau_last:
            raise ConfigError("pins.tau_first must not exceed pins.tau_last")


@dataclass(frozen=True)
class ContrastiveConfig:
    faces: str = param(
        "both",
        "face features: embedding (face network), gradients (oriented gradients), or both, equally scaled",
        choices=("embedding", "gradients", "both"),
    )
    components: int = param(60, "most principal components of the faces that are matched", low=1)
    members: int = param(
        5, "heads that are averaged; each holds out another fold, which selects ridge and steps", low=2
    )
    hidden: int = param(128, "hidden width of each head's correction to its linear start", low=1)
    steps: int = param(300, "training steps (0: linear start only); the best held-out step is kept", low=0)
    batch: int = param(512, "people per step on every rank (all if fewer); all others are negatives", low=2)
    views: int = param(2, "clips and photos of each person in a step, which all match each other", low=1)
    lr: float = param(1e-3, "learning rate (AdamW)", low=1e-7, high=1.0)
    weight_decay: float = param(0.1, "AdamW weight decay", low=0.0)
    scale: float = param(5.0, "scale of the cosine logits (the inverse temperature)", low=0.1)
    dropout: float = param(0.4, "dropout on the inputs of each head", low=0.0, high=0.95)
    hidden_dropout: float = param(0.5, "dropout on the hidden layer", low=0.0, high=0.95)
    noise: float = param(0.0, "noise added to the inputs in training, in their deviations", low=0.0)
    covariate_weight: float = param(
        0.0,
        "weight of a common classifier of listed gender and nationality (Wen et al. 2018; 0: none)",
        low=0.0,
    )
    checkpoint_every: int = param(100, "steps between resume points", low=1)
    seed: int = param(37, "seed", low=0)
