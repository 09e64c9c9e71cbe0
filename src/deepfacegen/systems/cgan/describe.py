"""What a training would take, told before it starts: parameters of each network and a rough estimate of
memory.
 Networks are made on torch's meta device, which knows shapes and computes nothing, so neither data nor memory
 is needed.
 The estimate is for one process and one step, all numbers float32: weights and buffers; a gradient and Adam's
 two moments for each trained parameter; the moving average; and activations by this rule: a pass of a network
 keeps what autograd saves of it for the way back (each storage once, weights aside), and the generator keeps
 one pass while the discriminator keeps two (true and drawn faces), and a third for the gradient penalty,
 whose gradient is differentiated again. Against the largest sum of live tensors in a real step on a CPU
 (batch of 32) it was 4 % low to 12 % high, or 7 % low without the penalty. A GPU computes in bfloat16 and
 keeps about half of the activations; work space of the libraries, the process itself and the data come on
 top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from deepfacegen import distributed, room
from deepfacegen.config.schema import Config, PretrainConfig, TrainConfig
from deepfacegen.data.batches import SAMPLE_RATE_HZ
from deepfacegen.encoders.ge2e import Ge2eEncoder
from deepfacegen.encoders.logmel import BANDS, HOP_SAMPLES
from deepfacegen.encoders.speaker_networks import EcapaEncoder, MarginClassifier, WenEncoder
from deepfacegen.systems.cgan.networks import Discriminator, Generator
from deepfacegen.systems.cgan.paper_networks import WenDiscriminator, WenGenerator

MANIFEST = Path("data/manifest")
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Memory:
    """Bytes of one training step."""

    weights: int
    gradients: int
    optimiser: int
    average: int
    activations: int

    @property
    def all(self) -> int:
        return self.weights + self.gradients + self.optimiser + self.average + self.activations


def train(config: Config, manifest: Path = MANIFEST) -> list[str]:
    """Lines about `stages/train.py`. Raises UserError if the processes cannot share the batch."""
    chosen, people = config.train, training_people(manifest)
    encoder = _encoder(config.pretrain)
    generator, discriminator = gan(chosen, _condition_dim(config), max(people or 1, 1))
    batch = distributed.share(chosen.batch)
    return [
        *_people_line(people, manifest),
        "parameters:",
        f"  generator: {parameters(generator):,}",
        _headed("discriminator", discriminator, discriminator.identity, people),
        f"  voice encoder: {parameters(encoder):,} (frozen)",
        *_memory_lines(gan_memory(chosen, generator, discriminator, encoder, batch), batch),
    ]


def pretrain(config: Config, manifest: Path = MANIFEST) -> list[str]:
    """Lines about `stages/pretrain.py`. Raises UserError if the processes cannot share the batch."""
    chosen, people = config.pretrain, training_people(manifest)
    encoder = _encoder(chosen)
    if chosen.architecture == "ge2e":
        return ["parameters:", f"  voice encoder: {parameters(encoder):,} (ready-made: nothing is trained)"]
    classifier = _classifier(chosen, people)
    batch = distributed.share(chosen.batch)
    memory = _pretrain_memory(chosen, encoder, classifier, batch)
    return [
        *_people_line(people, manifest),
        "parameters:",
        f"  voice encoder: {parameters(encoder):,}",
        _headed("classifier", classifier, classifier, people),
        *_memory_lines(memory, batch),
    ]


def check_train(config: Config, manifest: Path = MANIFEST) -> None:
    """Raises UserError when a step of `stages/train.py` cannot fit into memory, warns when it may not."""
    generator, discriminator = gan(
        config.train, _condition_dim(config), max(training_people(manifest) or 1, 1)
    )
    batch = distributed.share(config.train.batch)
    _check(gan_memory(config.train, generator, discriminator, _encoder(config.pretrain), batch), "train")


def check_pretrain(config: Config, manifest: Path = MANIFEST) -> None:
    """Raises UserError when a step of `stages/pretrain.py` cannot fit into memory, warns when it may not."""
    if config.pretrain.architecture != "ge2e":
        encoder, classifier = (
            _encoder(config.pretrain),
            _classifier(config.pretrain, training_people(manifest)),
        )
        _check(
            _pretrain_memory(config.pretrain, encoder, classifier, distributed.share(config.pretrain.batch)),
            "pretrain",
        )


def _check(memory: Memory, stage: str) -> None:
    known = None
    needed = memory.all
    if distributed.device().type == "cuda":
        free, total = torch.cuda.mem_get_info(distributed.device())
        known, needed = (total, free), memory.all - memory.activations // 2
    room.check_memory(needed, f"a step of {stage}", f"lower {stage}.batch", known)


def training_people(manifest: Path) -> int | None:
    """How many identities are trained on; None before the manifest is there."""
    table = manifest / "identities.parquet"
    return (
        int((pd.read_parquet(table, columns=["split"])["split"] == "train").sum())
        if table.is_file()
        else None
    )


def gan(config: TrainConfig, condition_dim: int, identities: int) -> tuple[Any, Any]:
    """Generator and discriminator, without memory behind them."""
    face, logit = config.face_activation, config.logit_activation
    with torch.device("meta"):
        if config.architecture == "paper":
            return WenGenerator(condition_dim, activation=face), WenDiscriminator(
                identities, activation=logit
            )
        size, widths = config.image_size_px, (config.channels, config.max_channels)
        generator = Generator(condition_dim, config.z_dim, size, *widths, activation=face)
        return generator, Discriminator(condition_dim, identities, size, *widths, activation=logit)


def gan_memory(
    config: TrainConfig, generator: Any, discriminator: Any, encoder: nn.Module, batch: int
) -> Memory:
    """By the rule above; the networks from `gan`, `batch` faces in a step of this process."""
    size = config.image_size_px
    condition_dim = (
        discriminator.voice[0].in_features
        if config.architecture == "standard"
        else generator.layers[0].in_channels
    )
    condition, z = (
        torch.empty(batch, condition_dim, device="meta"),
        torch.empty(batch, config.z_dim, device="meta"),
    )
    face = torch.empty(batch, 3, size, size, device="meta", requires_grad=True)
    drawing = kept_bytes(generator, lambda: generator(condition, z))
    judging = kept_bytes(discriminator, lambda: discriminator.judge(discriminator.trunk(face)[0], condition))
    trained = parameters(generator) + parameters(discriminator)
    weights = held_bytes(generator) + held_bytes(discriminator) + held_bytes(encoder)
    passes = 0 if config.adversary_from >= config.steps else 3 if config.r1_weight else 2
    return Memory(
        weights,
        FLOAT_BYTES * trained,
        2 * FLOAT_BYTES * trained,
        held_bytes(generator),
        drawing + passes * judging,
    )


def kept_bytes(network: nn.Module, forward: Callable[[], Tensor]) -> int:
    """Bytes that autograd keeps for the way back through `forward`, the network's own weights and buffers
    aside."""
    own = {id_of(t) for t in (*network.parameters(), *network.buffers())}
    kept: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        if id_of(tensor) not in own:
            kept[id_of(tensor)] = (
                tensor  # held, so that no other storage takes its place in memory while we count
            )
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = forward()
    total = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    del out
    return total


def id_of(tensor: Tensor) -> int:
    """Tells storages apart, also those without memory; views share theirs."""
    return tensor.untyped_storage()._cdata


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def held_bytes(network: nn.Module) -> int:
    """Parameters and buffers."""
    return sum(t.numel() * t.element_size() for t in (*network.parameters(), *network.buffers()))


def _encoder(config: PretrainConfig) -> nn.Module:
    """The network behind the front end, which has no parameters (and cannot be made without computing)."""
    with torch.device("meta"):
        if config.architecture == "ge2e":
            return Ge2eEncoder()
        return (
            WenEncoder(config.embedding_dim)
            if config.architecture == "wen"
            else EcapaEncoder(config.embedding_dim, config.channels)
        )


def _classifier(config: PretrainConfig, people: int | None) -> nn.Module:
    with torch.device("meta"):
        return MarginClassifier(config.embedding_dim, max(people or 1, 1), config.margin, config.scale)


def _pretrain_memory(config: PretrainConfig, encoder: nn.Module, classifier: nn.Module, batch: int) -> Memory:
    mel = torch.empty(
        batch, BANDS, int(config.crop_seconds * SAMPLE_RATE_HZ) // HOP_SAMPLES + 1, device="meta"
    )
    saved = kept_bytes(encoder, lambda: encoder(mel))
    trained = parameters(encoder) + parameters(classifier)
    weights = held_bytes(encoder) + held_bytes(classifier)
    return Memory(weights, FLOAT_BYTES * trained, 2 * FLOAT_BYTES * trained, 0, saved)


def _condition_dim(config: Config) -> int:
    """At most; how many directions predict faces is found on the data."""
    voice_dim = 256 if config.pretrain.architecture == "ge2e" else config.pretrain.embedding_dim
    whole = config.train.architecture == "paper" or config.train.condition_dim == 0
    return voice_dim if whole else min(config.train.condition_dim, voice_dim + 1)


def _people_line(people: int | None, manifest: Path) -> Sequence[str]:
    return [
        f"training identities: {people:,}"
        if people is not None
        else f"training identities: not known before {manifest} is made"
    ]


def _headed(name: str, network: nn.Module, head: nn.Module, people: int | None) -> str:
    """The count of a network with one row per training identity: a whole where their number is known, else a
    sum."""
    if people is not None:
        return f"  {name}: {parameters(network):,}"
    rest = parameters(network) - parameters(head)
    return f"  {name}: {f'{rest:,} + ' if rest else ''}{parameters(head):,} for each training identity"


def _memory_lines(memory: Memory, batch: int) -> list[str]:
    told = {
        "weights and buffers": memory.weights,
        "gradients": memory.gradients,
        "state of the optimiser": memory.optimiser,
        "moving average": memory.average,
        "activations": memory.activations,
        "together": memory.all,
    }
    lines = [f"  {name}: {size / 1e6:,.1f} MB" for name, size in told.items() if size]
    return [
        f"memory of a step, roughly (float32, a batch of {batch} in each process; see systems/cgan/describe.py):",
        *lines,
    ]
