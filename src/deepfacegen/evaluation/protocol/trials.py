"""Trials: a probe, and candidates of the other modality, one of them of the same person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfacegen.data.batches import ByLabel

LEFT_OUT = -1
CANDIDATES = 10  # of ranked trials


@dataclass(frozen=True)
class Trials:
    """Row numbers of probe and two candidates and the person of each; every array is int64 [T]."""

    probe: np.ndarray
    positive: np.ndarray
    impostor: np.ndarray
    anchor_identity: np.ndarray
    impostor_identity: np.ndarray

    def __len__(self) -> int:
        return len(self.probe)


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


def sample_trials(
    probes: np.ndarray, gallery: np.ndarray, groups: np.ndarray, per_probe: int, rng: np.random.Generator
) -> Trials:
    """`per_probe` trials for every probe; the cost is linear in their number.

    probes [P], gallery [G]: identity number (0..I-1) of each row; every identity has at least one row in the
    gallery. groups [I]: an impostor comes from the anchor's group, uniformly over its other identities (then
    uniformly over that identity's rows); `LEFT_OUT` keeps an identity out of the trials, and so does a group
    of one. See `no_groups`, `by_gender`.
    """
    groups_of = _Groups(groups)
    probe = groups_of.probes(probes, 2, per_probe)
    anchor = probes[probe]
    size = groups_of.size[groups[anchor]]
    impostor = groups_of.others(anchor, (rng.random(len(probe)) * (size - 1)).astype(np.int64))
    rows = ByLabel(gallery)
    return Trials(probe, rows.draw(anchor, rng), rows.draw(impostor, rng), anchor, impostor)


def sample_lists(
    probes: np.ndarray, gallery: np.ndarray, groups: np.ndarray, per_probe: int, rng: np.random.Generator
) -> Lists:
    """`per_probe` lists for every probe of a group of at least CANDIDATES people, as `sample_trials`.

    The impostors are a random sample, without repetition, of the other people of the anchor's group in random
    order, so every prefix is one, too.
    """
    groups_of = _Groups(groups)
    probe = groups_of.probes(probes, CANDIDATES, per_probe)
    anchor = probes[probe]
    numbers = _distinct(groups_of.size[groups[anchor]] - 1, CANDIDATES - 1, rng)
    identity = np.concatenate([anchor[:, None], groups_of.others(anchor[:, None], numbers)], axis=1)
    candidate = ByLabel(gallery).draw(identity.reshape(-1), rng).reshape(identity.shape)
    return Lists(probe, candidate, identity)


def no_groups(identities: int) -> np.ndarray:
    """Ungrouped: any other identity is an impostor. int64 [I]."""
    return np.zeros(identities, dtype=np.int64)


def by_gender(genders: np.ndarray) -> np.ndarray:
    """Genders `f`, `m` or null [I] -> groups int64 [I]; people of unknown gender are left out."""
    groups = np.full(len(genders), LEFT_OUT, dtype=np.int64)
    for number, gender in enumerate(("f", "m")):
        groups[genders == gender] = number
    return groups


class _Groups:
    """Identities sorted by group: `order` [I], each identity's `place` in it [I], and by group number where
    the group starts in it and its size."""

    def __init__(self, groups: np.ndarray) -> None:
        self.groups, self.order = groups, np.argsort(groups, kind="stable")
        numbers = np.arange(max(int(groups.max(initial=0)), 0) + 1)
        self.start = np.searchsorted(groups[self.order], numbers)
        self.size = np.searchsorted(groups[self.order], numbers, side="right") - self.start
        self.place = np.empty(len(groups), dtype=np.int64)
        self.place[self.order] = np.arange(len(groups))

    def probes(self, probes: np.ndarray, fewest: int, per_probe: int) -> np.ndarray:
        """Rows of the probes [P] of people in a group of at least `fewest`, each `per_probe` times."""
        usable = (self.groups != LEFT_OUT) & (self.size[self.groups] >= fewest)
        return np.repeat(np.flatnonzero(usable[probes]), per_probe)

    def others(self, anchor: np.ndarray, number: np.ndarray) -> np.ndarray:
        """The identity with this number (from 0) among the others of the anchor's group."""
        place = self.start[self.groups[anchor]] + number
        return self.order[place + (place >= self.place[anchor])]  # skips the anchor's own place


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
