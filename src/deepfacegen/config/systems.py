"""Parameters of the two encoders, the conditional GAN and the refiner."""

from __future__ import annotations

from dataclasses import dataclass

from deepfacegen.config.fields import ConfigError, param


@dataclass(frozen=True)
class PretrainConfig:
    architecture: str = param(
        "ecapa",
        "voice encoder: ecapa, wen (five conv layers), or ge2e (ready-made, VoxCeleb; the rest is unused)",
        choices=("ecapa", "wen", "ge2e"),
    )
    normalisation: str = param(
        "level",
        "removed per clip from log-mels: level (mean), band (mean and deviation per band; Wen et al.), none",
        choices=("level", "band", "none"),
    )
    channels: int = param(96, "width of the ecapa network", low=8)
    embedding_dim: int = param(64, "size of the voice embedding", low=2)
    steps: int = param(500, "training steps", low=1)
    batch: int = param(32, "clips per step, over all ranks", low=2)
    crop_seconds: float = param(1.5, "length of a training crop", low=0.2)
    lr: float = param(2e-3, "peak learning rate (AdamW, one cycle)", low=1e-7, high=1.0)
    weight_decay: float = param(1e-2, "AdamW weight decay", low=0.0)
    margin: float = param(0.2, "additive angular margin, radians (0: softmax on cosines)", low=0.0, high=1.0)
    scale: float = param(20.0, "scale of the cosine logits", low=1.0)
    noise: float = param(0.3, "deviation of the noise added to training log-mels (nats)", low=0.0)
    checkpoint_every: int = param(200, "steps between resume points", low=1)
    seed: int = param(3, "seed", low=0)


@dataclass(frozen=True)
class FaceConfig:
    architecture: str = param(
        "small",
        "small, or dlib (ready-made, 7,485 people; the rest is unused, and dlib can then be no judge)",
        choices=("small", "dlib"),
    )
    channels: int = param(32, "width at half the image size; then two, three and four times that", low=4)
    embedding_dim: int = param(128, "size of the face embedding", low=2)
    steps: int = param(300, "training steps", low=1)
    batch: int = param(64, "photos per step, over all ranks", low=2)
    lr: float = param(2e-3, "peak learning rate (AdamW, one cycle)", low=1e-7, high=1.0)
    weight_decay: float = param(0.05, "AdamW weight decay", low=0.0)
    margin: float = param(0.15, "additive angular margin, radians (0: softmax on cosines)", low=0.0, high=1.0)
    scale: float = param(20.0, "scale of the cosine logits", low=1.0)
    augment: bool = param(True, "flip, rotate, scale, shift, relight, desaturate and partly hide faces")
    checkpoint_every: int = param(100, "steps between resume points", low=1)
    seed: int = param(31, "seed", low=0)


@dataclass(frozen=True)
class PriorConfig:
    architecture: str = param(
        "portraits",
        "portraits (ready-made, synthetic; the rest is unused), or trained (on photos of training people)",
        choices=("portraits", "trained"),
    )
    image_size_px: int = param(64, "side of a generated face", low=32, high=128)
    code_dim: int = param(80, "numbers behind a face", low=2)
    channels: int = param(64, "width at half the image size; doubled at every halving", low=4)
    max_channels: int = param(128, "largest width of a layer", low=4)
    steps: int = param(10_000, "training steps", low=1)
    batch: int = param(32, "photos per step, over all ranks", low=4)
    lr: float = param(
        1e-3, "peak learning rate (Adam, cosine; twice that for the discriminator)", low=1e-7, high=1.0
    )
    adversary_from: int = param(
        4000, "first step with the discriminator; before it, an autoencoder alone", low=0
    )
    divergence_weight: float = param(
        0.01, "weight of the mean divergence of a number of the noisy code from N(0, 1)", low=0.0
    )
    pixel_weight: float = param(
        5.0, "weight of pixels and their gradients, on three scales (L1), more at eyes and mouth", low=0.0
    )
    feature_weight: float = param(
        3.0, "weight of the distance between features of reconstructed and real face", low=0.0
    )
    r1_weight: float = param(2.0, "weight of the gradient penalty on real faces", low=0.0)
    r1_every: int = param(8, "steps between two gradient penalties", low=1)
    ema_steps: float = param(300.0, "half-life of the moving average, steps (0: off)", low=0.0)
    flow_steps: int = param(3000, "training steps of the flow from latents to codes", low=0)
    checkpoint_every: int = param(250, "steps between resume points", low=1)
    seed: int = param(37, "seed", low=0)

    def __post_init__(self) -> None:
        if self.image_size_px & (self.image_size_px - 1):
            raise ConfigError(f"prior.image_size_px must be a power of two, not {self.image_size_px}")


@dataclass(frozen=True)
class TrainConfig:
    architecture: str = param(
        "standard", "standard, or paper (networks of Wen et al. 2019)", choices=("standard", "paper")
    )
    face_activation: str = param(
        "identity",
        "last layer of the paper's generator: identity (clamped on output), tanh, sigmoid (mapped to -1..1)",
        choices=("identity", "tanh", "sigmoid"),
    )
    logit_activation: str = param(
        "identity",
        "last layer of D, before the sigmoid: identity, tanh (D: 0.27 to 0.73), or sigmoid (0.5 to 0.73)",
        choices=("identity", "tanh", "sigmoid"),
    )
    steps: int = param(400, "training steps", low=1)
    batch: int = param(32, "identities per step, over all ranks", low=2)
    lr: float = param(
        1.5e-4,
        "peak learning rate of generator and discriminator (Adam, cosine; paper: constant)",
        low=1e-7,
        high=1.0,
    )
    beta1: float = param(0.5, "Adam's first momentum", low=0.0, high=0.999)
    beta2: float = param(0.99, "Adam's second momentum", low=0.5, high=0.9999)
    temperature: float = param(
        0.7,
        "scale of the latents in generation: 0, the typical face; 1, as varied as real faces",
        low=0.0,
        high=2.0,
    )
    adversary_from: int = param(50, "first step with the discriminator; before it, pixel loss only", low=0)
    ema_steps: float = param(100.0, "half-life of the generator's moving average, steps (0: off)", low=0.0)
    r1_weight: float = param(2.0, "weight of the gradient penalty on real faces", low=0.0)
    r1_every: int = param(8, "steps between two gradient penalties", low=1)
    mismatch_weight: float = param(
        1.0, "weight of real faces with another person's condition as negatives of D (paper: unused)", low=0.0
    )
    identity_weight: float = param(0.05, "weight of the identity classifier (Wen et al. 2019)", low=0.0)
    feature_weight: float = param(
        1.0, "weight of the distance between features of generated and real face", low=0.0
    )
    pixel_weight: float = param(2.0, "weight of the L1 distance between generated and real face", low=0.0)
    condition_dim: int = param(
        8,
        "most directions of faces, predicted from voices, that condition the generator (0, or paper: the "
        "voice's embedding)",
        low=0,
    )
    condition_scale: float = param(
        1.0,
        "factor in generation on what voices predict (1: as predicted, near the mean face where voices say "
        "little; condition_dim 0, or paper: unused)",
        low=0.0,
        high=10.0,
    )
    condition_noise: float = param(
        0.05, "deviation of the noise added to the unit embedding (condition_dim 0, or paper)", low=0.0
    )
    augment: bool = param(True, "flip faces left to right")
    sample_every: int = param(100, "steps between sample grids", low=1)
    checkpoint_every: int = param(200, "steps between resume points", low=1)
    seed: int = param(5, "seed", low=0)


@dataclass(frozen=True)
class CycleganConfig:
    size_px: int = param(
        128,
        "side of a refined face: 64, 128 or 256; faces.size_px must be a multiple of it",
        low=64,
        high=256,
    )
    scale: int = param(8, "reduction of the low-res face: 2, 4 or 8 (paper: 8)", low=2, high=8)
    attributes: str = param(
        "male,over_50,broad,dark_skin,light_eyes,dark_hair",
        "attributes that can be changed (paper: 18 of CelebA's); auto drops those it has no label for",
    )
    attributes_from: str = param(
        "auto",
        "labels: auto (truth, else estimator), truth (sample people), listed (metadata), folder (UTKFace), "
        "celeba (attributes_file), estimator (apparent gender and age, then no independent check)",
        choices=("auto", "truth", "listed", "folder", "celeba", "estimator"),
    )
    attributes_file: str | None = param(None, "list_attr_celeba.txt, for attributes_from: celeba")
    identity: bool = param(True, "condition on a face network's embedding, too; identity swaps need it")
    backward: str = param(
        "area",
        "how a face is reduced again: area (exact), or learned (adversarial; for unknown reductions)",
        choices=("area", "learned"),
    )
    channels: int = param(48, "width of the networks at 32 px", low=4)
    ridge: float = param(1.0, "penalty of the linear map that the generator starts from", low=1e-6)
    edit: float = param(
        2.0,
        "how far a low-res face of the opposite attribute is moved first (1: class mean; more costs PSNR)",
        low=0.0,
    )
    kept: float = param(
        0.3,
        "in an identity swap, the share kept of what the source's identity does not explain (pose, light)",
        low=0.0,
        high=1.0,
    )
    steps: int = param(300, "training steps", low=1)
    batch: int = param(
        32,
        "photos per step, over all ranks: half reconstructed, half from another person's low-res face",
        low=4,
    )
    lr: float = param(1e-3, "learning rate of all networks (Adam; paper: 2e-4)", low=1e-7, high=1.0)
    beta1: float = param(0.5, "Adam's first momentum (paper: 0.5)", low=0.0, high=0.999)
    beta2: float = param(0.99, "Adam's second momentum", low=0.5, high=0.9999)
    ema_steps: float = param(50.0, "half-life of the generator's moving average, steps (0: off)", low=0.0)
    cycle_weight: float = param(10.0, "weight of the cycle high-low-high (L1; paper: 10)", low=0.0)
    consistency_weight: float = param(10.0, "weight of the cycle low-high-low (L1; paper: 10)", low=0.0)
    changed_share: float = param(
        0.5, "share of refined faces with another person's attributes as target", low=0.0, high=1.0
    )
    changed_consistency: float = param(
        0.2, "for those, share of consistency_weight, to the moved low-res face (paper: 1)", low=0.0
    )
    adversarial_weight: float = param(
        0.1, "weight of the adversarial loss (paper: 1); more adds detail and pixel errors", low=0.0
    )
    attribute_weight: float = param(1.0, "weight of the discriminator's attribute loss", low=0.0)
    mismatch_weight: float = param(
        1.0, "weight of real faces with wrong attributes as negatives of D", low=0.0
    )
    verification_weight: float = param(
        0.5, "weight of 1 - cosine between embeddings of the refined face and the target identity", low=0.0
    )
    identity_unknown: float = param(
        0.3, "share of training faces without an identity, so that none is needed later", low=0.0, high=1.0
    )
    r1_weight: float = param(1.0, "weight of the gradient penalty on real faces", low=0.0)
    r1_every: int = param(8, "steps between two gradient penalties", low=1)
    augment: bool = param(True, "flip faces left to right")
    checkpoint_every: int = param(100, "steps between resume points", low=1)
    seed: int = param(29, "seed", low=0)

    def __post_init__(self) -> None:
        if self.size_px not in (64, 128, 256):
            raise ConfigError(f"cyclegan.size_px must be 64, 128 or 256, not {self.size_px}")
        if self.scale not in (2, 4, 8) or self.size_px // self.scale < 16:
            size = f"{self.scale} with cyclegan.size_px {self.size_px}"
            raise ConfigError(f"cyclegan.scale must be 2, 4 or 8 and leave at least 16 px, not {size}")
        if self.batch % 4:
            raise ConfigError(f"cyclegan.batch must be a multiple of 4, not {self.batch}")
        if (self.attributes_from == "celeba") != (self.attributes_file is not None):
            raise ConfigError(
                "cyclegan.attributes_file must name a file with cyclegan.attributes_from: celeba, "
                "and be null with any other"
            )
