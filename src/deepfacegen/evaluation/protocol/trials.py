"""Forced-choice trials 1:2: one probe, two candidates of the other modality, one of them the same person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfacegen.data.batches import ByLabel

LEFT_OUT = -1


@dataclass(frozen=True)
class Trials:
    """Row numbers of probe and candidates and the person of each; every array is int64 [T]."""

    probe: np.ndarray
    positive: np.ndarray
    impostor: np.ndarray
    anchor_identity: np.ndarray
    impostor_identity: np.ndarray

    def __len__(self) -> int:
        return len(self.probe)


def sample_trials(
    probes: np.ndarray, gallery: np.ndarray, groups: np.ndarray, per_probe: int, rng: np.random.Generator
) -> Trials:
    """`per_probe` trials for every probe; the cost is linear in their number.

    probes [P], gallery [G]: identity number (0..I-1) of each row; every identity has at least one row in the
    gallery. groups [I]: an impostor comes from the anchor's group, uniformly over its other identities (then
    uniformly over that identity's rows); `LEFT_OUT` keeps an identity out of the trials, and so does a group
    of one. See `no_groups`, `by_gender`.
    """
    order, start, size = group_members(groups)
    place = np.empty(len(groups), dtype=np.int64)
    place[order] = np.arange(len(order))
    usable = (groups != LEFT_OUT) & (size[groups] > 1)
    probe = np.repeat(np.flatnonzero(usable[probes]), per_probe)
    anchor = probes[probe]
    group = groups[anchor]
    # Uniform over the others: skip the anchor's own place in its group.
    chosen = start[group] + (rng.random(len(probe)) * (size[group] - 1)).astype(np.int64)
    impostor_identity = order[chosen + (chosen >= place[anchor])]
    rows = ByLabel(gallery)
    return Trials(probe, rows.draw(anchor, rng), rows.draw(impostor_identity, rng), anchor, impostor_identity)


def no_groups(identities: int) -> np.ndarray:
    """Ungrouped: any other identity is an impostor. int64 [I]."""
    return np.zeros(identities, dtype=np.int64)


def by_gender(genders: np.ndarray) -> np.ndarray:
    """Genders `f`, `m` or null [I] -> groups int64 [I]; people of unknown gender are left out."""
    groups = np.full(len(genders), LEFT_OUT, dtype=np.int64)
    for number, gender in enumerate(("f", "m")):
        groups[genders == gender] = number
    return groups


def group_members(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Identities sorted by group [I]; where each group starts in that order and how many it has (indexed by
    group number)."""
    order = np.argsort(groups, kind="stable")
    numbers = np.arange(max(int(groups.max(initial=0)), 0) + 1)
    start = np.searchsorted(groups[order], numbers)
    size = np.searchsorted(groups[order], numbers, side="right") - start
    return order, start, size
