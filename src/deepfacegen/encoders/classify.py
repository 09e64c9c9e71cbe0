"""How both encoders are trained: to classify the training people, with a margin; the classifier goes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from deepfacegen import distributed
from deepfacegen.config.schema import PretrainConfig
from deepfacegen.config.systems import FaceConfig
from deepfacegen.encoders.speaker_networks import MarginClassifier
from deepfacegen.training import batch_norm
from deepfacegen.training.loop import Effort, fit
from deepfacegen.training.resume import Resume
from deepfacegen.training.statistics import Sink, Statistics
from deepfacegen.training.steps import descend, parameters


def train_classifier(
    name: str,
    config: PretrainConfig | FaceConfig,
    network: nn.Module,
    identities: int,
    batches: Callable[[int], tuple[np.ndarray, np.ndarray]],
    embed: Callable[[int, Tensor], Tensor],
    resume: Resume,
    sink: Sink | None,
) -> tuple[Statistics, Effort]:
    """Train `network` in place; every rank ends with the same weights.

    batches: step -> (inputs [B, ...], labels [B]) of this rank. embed: step, inputs -> unit embeddings
    [B, dim].
    """
    device = distributed.device()
    classifier = MarginClassifier(config.embedding_dim, identities, config.margin, config.scale).to(device)
    distributed.broadcast(network)
    distributed.broadcast(classifier)
    batch_norm.share_statistics(network)
    optimiser = torch.optim.AdamW(
        parameters(network, classifier), lr=config.lr, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.lr, total_steps=config.steps, pct_start=0.2
    )

    def step(i: int, batch: tuple[np.ndarray, np.ndarray]) -> dict[str, Tensor]:
        inputs, labels = (torch.from_numpy(a).to(device, non_blocking=True) for a in batch)
        network.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            embedding = embed(i, inputs)
        loss, cosine = classifier(embedding, labels)
        descend(optimiser, loss)
        schedule.step()
        return {"loss": loss, "accuracy": (cosine.argmax(dim=1) == labels).float().mean()}

    statistics = Statistics(every=10, sink=sink)
    effort = fit(
        name,
        steps=config.steps,
        batch=batches,
        step=step,
        state={"network": network, "classifier": classifier, "optimiser": optimiser, "schedule": schedule},
        statistics=statistics,
        resume=resume,
        checkpoint_every=config.checkpoint_every,
    )
    return statistics, effort
