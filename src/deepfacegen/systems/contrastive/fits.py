"""What the contrastive matcher's training stands on: its linear start, the batches, the accuracy on people
left out, and the heads that had the best."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from deepfacegen.config.baselines import ContrastiveConfig
from deepfacegen.data.batches import ByLabel, IdentityOrder, mixed_windows
from deepfacegen.encoders import speaker
from deepfacegen.systems.contrastive.losses import covariates
from deepfacegen.systems.contrastive.networks import Matcher
from deepfacegen.training import linear_match
from deepfacegen.training.reduced_rank import by_label

COVARIATES = ("gender", "nationality")  # columns of the identities


class Best(nn.Module):
    """The heads with the best accuracy so far; the first are the linear start."""

    accuracy: Tensor
    step: Tensor

    def __init__(self, matcher: Matcher, accuracy: Tensor) -> None:
        super().__init__()
        self.matcher = copy.deepcopy(matcher).requires_grad_(False)
        self.register_buffer("accuracy", accuracy.clone())
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def offer(self, matcher: Matcher, accuracy: Tensor, step: int) -> None:
        if accuracy > self.accuracy:
            self.matcher.load_state_dict(matcher.state_dict())
            self.accuracy.copy_(accuracy)
            self.step.fill_(step)


class Views:
    """step -> (voices [B, Y], rows of the faces [B], labels [B]): clips, as random mixtures of their windows,
    and photos of a step's identities."""

    def __init__(
        self,
        order: IdentityOrder,
        windows: np.ndarray,
        clip_labels: np.ndarray,
        photo_labels: np.ndarray,
        views: int,
    ) -> None:
        self.order, self.windows, self.views = order, windows, views
        self.clips, self.photos = ByLabel(clip_labels), ByLabel(photo_labels)

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.order.seed, 5, step, 0])
        labels = self.order.whole(step).repeat(self.views)
        mixed = mixed_windows(self.windows, self.clips.draw(labels, rng), rng)
        size = np.linalg.norm(mixed[:, :-1], axis=1, keepdims=True)
        mixed[:, :-1] /= np.maximum(size, 1e-12)  # as speaker.pool
        return mixed, self.photos.draw(labels, rng), labels


class Classifiers(nn.Module):
    """For each covariate that is listed, one linear classifier per head, for voices and faces alike."""

    def __init__(self, people: pd.DataFrame, matcher: Matcher) -> None:
        super().__init__()
        members, dim = matcher.voice.start.shape[0], matcher.voice.start.shape[2]
        self.names = []
        for name in (c for c in COVARIATES if c in people):
            codes = pd.factorize(people[name])[0].astype(np.int64)  # -1 where it is not listed
            classes = int(codes.max()) + 1
            if classes > 1:
                self.names.append(name)
                self.register_buffer(f"{name}_codes", torch.from_numpy(codes))
                self.register_parameter(
                    f"{name}_weight", nn.Parameter(torch.randn(members, dim, classes) * dim**-0.5)
                )

    def forward(self, vectors: Tensor, labels: Tensor, inside: Tensor) -> Tensor:
        """Unit vectors [M, B, K] of the people [B] -> mean cross-entropy over covariates; 0 where none is
        listed."""
        total = vectors.new_zeros(())
        for name in self.names:
            total = total + covariates(
                vectors @ getattr(self, f"{name}_weight"), getattr(self, f"{name}_codes")[labels], inside
            )
        return total / max(len(self.names), 1)


def start(
    config: ContrastiveConfig,
    windows: Tensor,
    faces: Tensor,
    clip_of: np.ndarray,
    photo_of: np.ndarray,
    fold: np.ndarray,
    blocks: list[int],
) -> tuple[Matcher, Tensor, int]:
    """Heads at their linear start, each without the people of its fold; the start of all people [M, Y, K];
    the number of the ridge."""
    voices_of, faces_of = by_label(speaker.pool(windows).numpy(), clip_of), by_label(faces.numpy(), photo_of)
    basis = linear_match.basis(faces_of, blocks, config.components)
    mean = voices_of.mean(axis=0)
    spread = max(float((voices_of - mean).std()), 1e-12)
    x, y = (voices_of - mean) / spread, (faces_of - basis.mean) @ basis.matrix
    chosen = linear_match.best_ridge(x, y, fold)
    members = int(fold.max()) + 1
    matcher = Matcher(members, x.shape[1], len(basis.mean), y.shape[1], config.hidden)
    matcher.voice_mean.copy_(torch.from_numpy(mean))
    matcher.voice_spread.fill_(spread)
    matcher.face_mean.copy_(torch.from_numpy(basis.mean))
    matcher.face_basis.copy_(torch.from_numpy(basis.matrix))
    matcher.face.start.copy_(torch.eye(y.shape[1]))
    strength = linear_match.RIDGES[chosen : chosen + 1]
    for m in range(members):
        left_in = fold != m
        matcher.voice.start[m] = torch.from_numpy(linear_match.ridge(x[left_in], y[left_in], strength)[0])
    whole = torch.from_numpy(linear_match.ridge(x, y, strength)[0]).float()
    return matcher, whole.expand_as(matcher.voice.start), chosen


@torch.no_grad()
def accuracy_left_out(matcher: Matcher, voices: Tensor, faces: Tensor, out: Tensor) -> Tensor:
    """Accuracy of choices of two among the people whom each head leaves out, mean over people: inputs [N, Y],
    [N, K], out [M, N]."""
    u, v = matcher.voice(voices), matcher.face(faces)
    right = [linear_match.accuracy_of_two(u[m, who], v[m, who]) * who.sum() for m, who in enumerate(out)]
    return torch.stack(right).sum() / out.sum()


def person_means(embeddings: Tensor, labels: np.ndarray) -> Tensor:
    return torch.from_numpy(by_label(embeddings.numpy(), labels)).float()
