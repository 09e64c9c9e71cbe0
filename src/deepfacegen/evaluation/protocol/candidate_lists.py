"""Candidate lists of ranked trials: one probe, N candidates of the other modality, one of them the same
person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfacegen.data.batches import ByLabel
from deepfacegen.evaluation.protocol.trials import LEFT_OUT, group_members

CANDIDATES = 10


@dataclass(frozen=True)
class Lists:
    """Candidate lists [T, CANDIDATES], the own one first; a choice among N takes the first N. int64
    everywhere.

    probe [T]: row number of the probe. candidate [T, C]: row numbers. identity [T, C]: the person of each
    candidate; all of a list differ.
    """

    probe: np.ndarray
    candidate: np.ndarray
    identity: np.ndarray

    def __len__(self) -> int:
        return len(self.probe)


def sample_lists(
    probes: np.ndarray, gallery: np.ndarray, groups: np.ndarray, per_probe: int, rng: np.random.Generator
) -> Lists:
    """`per_probe` lists for every probe of a group of at least CANDIDATES people; the cost is linear in their
    number.

    probes [P], gallery [G], groups [I]: as for `trials.sample_trials`. The impostors are a random sample,
    without repetition, of the other people of the anchor's group in random order, so every prefix is one,
    too.
    """
    order, start, size = group_members(groups)
    place = np.empty(len(groups), dtype=np.int64)
    place[order] = np.arange(len(order))
    usable = (groups != LEFT_OUT) & (size[groups] >= CANDIDATES)
    probe = np.repeat(np.flatnonzero(usable[probes]), per_probe)
    anchor = probes[probe]
    group = groups[anchor]
    others = start[group, None] + _distinct(size[group] - 1, CANDIDATES - 1, rng)
    impostors = order[others + (others >= place[anchor, None])]  # skips the anchor's own place
    identity = np.concatenate([anchor[:, None], impostors], axis=1)
    candidate = ByLabel(gallery).draw(identity.reshape(-1), rng).reshape(identity.shape)
    return Lists(probe, candidate, identity)


def _distinct(available: np.ndarray, wanted: int, rng: np.random.Generator) -> np.ndarray:
    """Row t: `wanted` different whole numbers below available[t] (>= wanted), in random order. int64 [T,
    wanted].

    Floyd's algorithm, for all rows at once: no row of `available` numbers is ever made.
    """
    chosen = np.empty((len(available), wanted), dtype=np.int64)
    for k in range(wanted):
        last = available - wanted + k
        candidate = np.minimum((rng.random(len(available)) * (last + 1)).astype(np.int64), last)
        taken = (chosen[:, :k] == candidate[:, None]).any(axis=1)
        chosen[:, k] = np.where(taken, last, candidate)
    return rng.permuted(chosen, axis=1)
