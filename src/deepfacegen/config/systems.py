"""Parameters of the systems beside the conditional GAN: one frozen dataclass per section of params.yaml, as
in `config`."""

from __future__ import annotations

from dataclasses import dataclass

from deepfacegen.config.fields import ConfigError, param


@dataclass(frozen=True)
class Speech2FaceConfig:
    voice: str = param(
        "encoder",
        "what hears: spectrogram (the convolutional network of Oh et al. 2019), or encoder (ours, for a few hundred people: a small network on the "
        "description that the stage pretrain's voice encoder gives)",
        choices=("encoder", "spectrogram"),
    )
    size: str = param(
        "small",
        "of the convolutional network, with voice: spectrogram: published (148 million weights with features of 4096), or small",
        choices=("small", "published"),
    )
    clip_seconds: float = param(
        6.0,
        "speech heard at once, repeated if there is less (voice: spectrogram; paper: 6)",
        low=2.7,
        high=30.0,
    )
    batch: int = param(32, "people per step, over all ranks (paper: 8)", low=2)
    decoder_steps: int = param(
        300,
        "steps of the first part, which trains the face decoder and the recogniser's last layer; both then stay",
        low=1,
    )
    decoder_lr: float = param(1e-3, "learning rate of the first part (Adam)", low=1e-7, high=1.0)
    decoder_width: int = param(256, "of the face decoder's first layer, whose outputs are compared", low=4)
    decoder_channels: int = param(32, "width of the face decoder at half the image size", low=4)
    feature_noise: float = param(
        0.3,
        "deviation of the noise added to features that the decoder learns from, in their own deviation",
        low=0.0,
    )
    bending_weight: float = param(
        0.01, "weight of the curvature of the decoder's warp (pixels squared)", low=0.0
    )
    recognition_weight: float = param(
        0.5, "weight of 1 - cosine between the features of true and decoded face (Cole et al. 2017)", low=0.0
    )
    steps: int = param(200, "steps of the second part, which trains what hears", low=1)
    lr: float = param(1e-3, "learning rate of the second part (Adam; paper: 1e-3)", low=1e-7, high=1.0)
    beta1: float = param(0.5, "its first momentum (paper: 0.5)", low=0.0, high=0.999)
    eps: float = param(1e-4, "its epsilon (paper: 1e-4)", low=1e-12)
    lr_decay: float = param(
        0.7, "the rate is multiplied by this every lr_decay_every steps (paper: 0.95)", low=0.0, high=1.0
    )
    lr_decay_every: int = param(50, "steps between two decays (paper: 10000)", low=1)
    weight_decay: float = param(0.0, "weight decay of what hears (AdamW; paper: 0)", low=0.0)
    direction_weight: float = param(
        0.025, "weight of the squared distance between features of length 1 (paper: 0.025)", low=0.0
    )
    distillation_weight: float = param(
        200.0, "weight of the distillation through the recogniser's last layer (paper: 200)", low=0.0
    )
    temperature: float = param(2.0, "of the distillation (paper: 2)", low=0.01)
    directions: int = param(
        8,
        "with voice: encoder, at most so many directions of the description, those that predict features, are heard",
        low=1,
    )
    noise: float = param(
        0.3,
        "with voice: encoder, deviation of the noise added to the directions, whose deviation is 1",
        low=0.0,
    )
    exaggeration: float = param(
        2.0,
        "a predicted feature is drawn so many times as far from the mean feature: a caricature shows more of what the voice tells (paper: 1)",
        low=0.0,
    )
    augment: bool = param(True, "flip faces left to right")
    checkpoint_every: int = param(250, "steps between resume points", low=1)
    seed: int = param(19, "seed", low=0)


@dataclass(frozen=True)
class SvhfConfig:
    size: str = param(
        "small",
        "small (the voice stream reads the voice encoder's description), or published: VGG-M streams for faces of 224 px and spectrograms of 3 s, "
        "for which the next six are not used",
        choices=("small", "published"),
    )
    face: str = param(
        "own",
        "what the small face stream is: own (a convolutional network, trained here), or network (a linear layer on the embedding of the face "
        "network, which stays as it is and has to be trained before; for few photos)",
        choices=("own", "network"),
    )
    image_size_px: int = param(64, "side of the face that an own stream sees", low=32, high=128)
    channels: int = param(
        24, "width of an own face stream at half the image size; doubled at every halving", low=4
    )
    max_channels: int = param(96, "no layer of it is wider than this", low=4)
    dim: int = param(32, "size of the vectors in which both streams end", low=2)
    hidden: int = param(64, "width of the first layer that sees both; the second has half of it", low=4)
    ways: int = param(
        16, "candidates in a training list (published: 2); no more than there are training people", low=2
    )
    reference_weight: float = param(
        1.0,
        "weight of the same lists asked with the mean training face and voice as context, which scores of pairs are made with (published: 0)",
        low=0.0,
    )
    dynamic: bool = param(
        False,
        "a second network for dynamic images of face tracks beside the one for still faces; their logits are averaged",
    )
    frames: int = param(8, "frames of a track, evenly spaced, that make a dynamic image", low=2, high=64)
    steps: int = param(400, "training steps", low=1)
    batch: int = param(32, "people per step, over all ranks; as many whole lists of `ways` as fit", low=2)
    lr: float = param(
        2e-3, "first learning rate (AdamW; published: 0.01, SGD with momentum 0.9)", low=1e-9, high=1.0
    )
    last_lr: float = param(
        2e-5,
        "last learning rate; in between it falls by the same factor at every step (published: 1e-8)",
        low=1e-12,
        high=1.0,
    )
    weight_decay: float = param(1e-2, "weight decay (published: 5e-4)", low=0.0)
    noise: float = param(
        0.5,
        "deviation of the noise added to descriptions by frozen encoders, whose entries have deviation 1 (small only)",
        low=0.0,
    )
    dropout: float = param(
        0.2, "share of the entries of both vectors that training leaves out", low=0.0, high=0.9
    )
    augment: bool = param(True, "faces are mirrored, moved a little, seen in other light, and partly hidden")
    checkpoint_every: int = param(200, "steps between resume points", low=1)
    seed: int = param(9, "seed", low=0)

    def __post_init__(self) -> None:
        if self.image_size_px & (self.image_size_px - 1):
            raise ConfigError(f"svhf.image_size_px must be a power of two, not {self.image_size_px}")


@dataclass(frozen=True)
class CycleganConfig:
    size_px: int = param(
        128,
        "side of the face that is drawn: 64, 128 or 256, of which photos must be stored (faces.size_px) at a multiple",
        low=64,
        high=256,
    )
    scale: int = param(
        8,
        "the face that is given is so many times smaller: 2, 4 or 8 (paper: 8, 16 px to 128)",
        low=2,
        high=8,
    )
    attributes: str = param(
        "male,over_50,broad,dark_skin,light_eyes,dark_hair",
        "what can be asked of a face, with commas between (paper: 18 of CelebA's); auto leaves out what the estimator does not know",
    )
    attributes_from: str = param(
        "auto",
        "who says what a photo shows: auto (truth for sample people, else estimator), truth (sample people), listed (metadata: gender, age), "
        "folder (UTKFace's names), celeba (attributes_file), "
        "or estimator (apparent gender and age; what it judges later is then no longer independent)",
        choices=("auto", "truth", "listed", "folder", "celeba", "estimator"),
    )
    attributes_file: str | None = param(None, "list_attr_celeba.txt, for attributes_from: celeba")
    identity: bool = param(
        True,
        "the generator is also told a face that it should look like, by the face network's embedding; swap needs it",
    )
    backward: str = param(
        "area",
        "how a drawn face becomes low-res again: area (the known reduction: exact, and nothing to learn), or learned (a network with an adversary, "
        "as published, for low-res faces whose reduction nobody knows)",
        choices=("area", "learned"),
    )
    channels: int = param(48, "width of the networks at 32 px", low=4)
    ridge: float = param(1.0, "penalty of the linear map that the generator starts from", low=1e-6)
    edit: float = param(
        2.0,
        "a low-res face that shows the opposite of what is asked is moved first, until it shows that so plainly: 1 as such people do on average; "
        "more shows the attribute more surely, and costs pixels where the face was misread",
        low=0.0,
    )
    kept: float = param(
        0.3,
        "of a low-res face that is drawn with another's identity, the share of what its own identity does not explain that is kept (pose, light, "
        "background); more keeps more of its own looks, too",
        low=0.0,
        high=1.0,
    )
    steps: int = param(300, "training steps", low=1)
    batch: int = param(
        32,
        "photos per step, over all ranks: half are reduced and drawn again, half are drawn from the low-res face of another",
        low=4,
    )
    lr: float = param(1e-3, "learning rate of all networks (Adam; paper: 2e-4)", low=1e-7, high=1.0)
    beta1: float = param(0.5, "Adam's first momentum (paper: 0.5)", low=0.0, high=0.999)
    beta2: float = param(0.99, "Adam's second momentum", low=0.5, high=0.9999)
    ema_steps: float = param(50.0, "half-life of the generator's moving average, in steps (0: off)", low=0.0)
    cycle_weight: float = param(
        10.0,
        "weight of the cycle high-low-high: a face reduced and drawn again is that face (L1; paper: 10)",
        low=0.0,
    )
    consistency_weight: float = param(
        10.0,
        "weight of the cycle low-high-low: a drawn face reduced again is the low-res face (L1; paper: 10)",
        low=0.0,
    )
    changed_share: float = param(
        0.5, "share of the drawn faces that are asked for with another person's attributes", low=0.0, high=1.0
    )
    changed_consistency: float = param(
        0.2,
        "of consistency_weight, for those, whose low-res face was moved to what is asked (paper: 1)",
        low=0.0,
    )
    adversarial_weight: float = param(
        0.1,
        "weight of the adversarial loss (paper: 1); more of it draws more detail and misses more pixels",
        low=0.0,
    )
    attribute_weight: float = param(
        1.0, "weight of the attributes that the adversary sees in a drawn face", low=0.0
    )
    mismatch_weight: float = param(
        1.0, "weight of real faces with wrong attributes as negatives of the adversary", low=0.0
    )
    verification_weight: float = param(
        0.5,
        "weight of 1 - cosine between the embeddings of the drawn face and of the identity asked for",
        low=0.0,
    )
    identity_unknown: float = param(
        0.3,
        "share of faces that are drawn without an identity in training, so that none need be given later",
        low=0.0,
        high=1.0,
    )
    r1_weight: float = param(1.0, "gradient penalty on real faces", low=0.0)
    r1_every: int = param(8, "steps between two gradient penalties", low=1)
    augment: bool = param(True, "flip faces left to right")
    checkpoint_every: int = param(100, "steps between resume points", low=1)
    seed: int = param(29, "seed", low=0)

    def __post_init__(self) -> None:
        if self.size_px not in (64, 128, 256):
            raise ConfigError(f"cyclegan.size_px must be 64, 128 or 256, not {self.size_px}")
        if self.scale not in (2, 4, 8) or self.size_px // self.scale < 16:
            raise ConfigError(
                f"cyclegan.scale must be 2, 4 or 8 and leave at least 16 px, not {self.scale} with cyclegan.size_px {self.size_px}"
            )
        if self.batch % 4:
            raise ConfigError(f"cyclegan.batch must be a multiple of 4, not {self.batch}")
        if (self.attributes_from == "celeba") != (self.attributes_file is not None):
            raise ConfigError(
                "cyclegan.attributes_file must name a file with cyclegan.attributes_from: celeba, and be null with any other"
            )


@dataclass(frozen=True)
class PinsConfig:
    size: str = param(
        "small",
        "small (ours: a linear layer each on the voice encoder's description and on features of faces), or published (VGG-M streams for faces of "
        "224 px and spectrograms of 3 s, from scratch; faces and directions below are not used)",
        choices=("small", "published"),
    )
    faces: str = param(
        "gradients",
        "which features of faces (small): gradients (oriented gradients), or network (the network of the stage that trains `face`)",
        choices=("gradients", "network"),
    )
    directions: int = param(
        40, "at most so many principal directions of those features, between people, are used (small)", low=1
    )
    dim: int = param(256, "size of the joint embedding (paper: 256)", low=2)
    pairs: str = param(
        "video",
        "a voice is paired with a face of video (the same recording, as published; where it has none, the same video, else any of the person), "
        "or of identity (any of the person)",
        choices=("video", "identity"),
    )
    margin: float = param(
        0.6,
        "negatives farther apart than this are left alone (paper: 0.6; unit vectors are at most 2 apart)",
        low=0.01,
        high=2.0,
    )
    tau_first: float = param(
        0.3,
        "hardness of negatives at first: a quantile of the batch's, from easy to hard (paper: 0.3)",
        low=0.01,
        high=1.0,
    )
    tau_last: float = param(0.8, "the most it rises to (paper: 0.8)", low=0.01, high=1.0)
    tau_rise: float = param(0.1, "by how much it rises at once (paper: 0.1)", low=0.0, high=1.0)
    tau_every: int = param(80, "steps between two rises (paper: those of two epochs)", low=1)
    semi_hard: bool = param(True, "no negative is nearer than the pair itself, unless all are (paper: yes)")
    steps: int = param(500, "training steps", low=1)
    batch: int = param(64, "pairs per step, over all ranks; the negatives of each come from it", low=2)
    lr: float = param(1e-3, "peak learning rate (AdamW, one cycle)", low=1e-7, high=1.0)
    weight_decay: float = param(0.1, "AdamW weight decay", low=0.0)
    voice_noise: float = param(
        0.3,
        "deviation of the noise added to the description of a voice, whose entries have deviation 1 (small)",
        low=0.0,
    )
    face_noise: float = param(
        0.3,
        "deviation of the noise added to the directions of a face, whose mean deviation is 1 (small)",
        low=0.0,
    )
    augment: bool = param(
        True, "faces are mirrored, turned, shifted, scaled, and seen in other light (published)"
    )
    checkpoint_every: int = param(200, "steps between resume points", low=1)
    seed: int = param(23, "seed", low=0)

    def __post_init__(self) -> None:
        if self.tau_first > self.tau_last:
            raise ConfigError("pins.tau_first must not exceed pins.tau_last")


@dataclass(frozen=True)
class FaceConfig:
    architecture: str = param(
        "small",
        "small (trained on the training people's photos), or dlib: ready-made, trained on 7,485 people by others (nothing below is used). dlib's "
        "network is also a judge: what is drawn with its help cannot be judged by it (evaluate.judge, evaluate.second_judge)",
        choices=("small", "dlib"),
    )
    channels: int = param(
        32, "width of the network at half the image size; twice, three and four times that further on", low=4
    )
    embedding_dim: int = param(128, "size of the face embedding", low=2)
    steps: int = param(300, "training steps", low=1)
    batch: int = param(64, "photos per step, over all ranks", low=2)
    lr: float = param(2e-3, "peak learning rate (AdamW, one cycle)", low=1e-7, high=1.0)
    weight_decay: float = param(0.05, "AdamW weight decay", low=0.0)
    margin: float = param(
        0.15, "additive angular margin in radians (0: plain softmax on cosines)", low=0.0, high=1.0
    )
    scale: float = param(20.0, "scale of the cosine logits", low=1.0)
    augment: bool = param(
        True, "flip, turn, scale, shift, light up or darken, turn grey and hide a part of training faces"
    )
    checkpoint_every: int = param(100, "steps between resume points", low=1)
    seed: int = param(31, "seed", low=0)


@dataclass(frozen=True)
class ContrastiveConfig:
    faces: str = param(
        "both",
        "what is known of a face: embedding (of the face network), gradients (histograms of oriented gradients), or both, of equal total variance",
        choices=("embedding", "gradients", "both"),
    )
    components: int = param(60, "at most so many principal components of the faces are matched", low=1)
    members: int = param(
        5,
        "heads whose similarities are averaged; each leaves another part of the training people out, on whom ridge and length of training are chosen",
        low=2,
    )
    hidden: int = param(128, "width of the hidden layer of each head's correction to its linear start", low=1)
    steps: int = param(
        300,
        "training steps (0: the linear start alone); the step that serves the people left out best is kept",
        low=0,
    )
    batch: int = param(
        512,
        "people per step (all if fewer), on every rank: heads are small, and every other person is a negative",
        low=2,
    )
    views: int = param(2, "clips and photos of each person in a step, all of which match each other", low=1)
    lr: float = param(1e-3, "learning rate (AdamW)", low=1e-7, high=1.0)
    weight_decay: float = param(0.1, "AdamW weight decay", low=0.0)
    scale: float = param(5.0, "scale of the cosine logits (the inverse temperature)", low=0.1)
    dropout: float = param(
        0.4, "share of the inputs of each head that is left out in training", low=0.0, high=0.95
    )
    hidden_dropout: float = param(
        0.5, "share of the hidden layer that is left out in training", low=0.0, high=0.95
    )
    noise: float = param(
        0.0, "deviation of the noise added to the inputs in training, in their own deviation", low=0.0
    )
    covariate_weight: float = param(
        0.0,
        "weight of telling gender and nationality, where listed, from voice and from face by one common classifier (Wen et al. 2018; 0: none)",
        low=0.0,
    )
    checkpoint_every: int = param(100, "steps between resume points", low=1)
    seed: int = param(37, "seed", low=0)
