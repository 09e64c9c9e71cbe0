"""Near-duplicates among aligned faces: one photo twice, stored anew, resized, cut, brightened or mirrored.

In two steps. A face is described by the low frequencies of its brightness (a discrete cosine transform, as
perceptual hashes use), each weighted by itself, for pictures have less of the high ones; mirroring changes
the sign of every odd horizontal frequency. Where two descriptors, or one and the other mirrored, are alike,
one face is registered onto the other (enhanced correlation; Evangelidis and Psarakis 2008): the detector's
points jump by pixels when a photo is resized, and only registered do copies agree almost wholly, which
different photos of one person do not.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import cv2
import numpy as np

SIDE_PX, FREQUENCIES = 32, 8
DIM = FREQUENCIES * FREQUENCIES - 1  # all but the mean
ALIKE = 0.6  # cosine from which on two faces of one person are registered
ALIKE_ACROSS = 0.8  # of two people, of whom there are far more pairs
SAME_PHOTO = 0.99  # correlation of registered copies (measured on LFW, docs/faces.md)
CARD_PX, BORDER_PX, STEPS = 64, 8, 30
# Across people, all pairs up to so many faces; beyond, those that share all bits of one of GROUPS groups of
# BITS signs (of many, the neighbours).
MOST_COMPARED, GROUPS, BITS, NEIGHBOURS = 20_000, 24, 20, 64
BLOCK = 2048


@functools.cache
def _basis() -> np.ndarray:
    place = (2 * np.arange(SIDE_PX) + 1) * np.pi / (2 * SIDE_PX)
    return np.cos(np.arange(FREQUENCIES)[:, None] * place).astype(np.float32)


@functools.cache
def mirror_signs() -> np.ndarray:
    """float32 [DIM]: what turns a descriptor into that of the mirrored face."""
    return np.tile(np.where(np.arange(FREQUENCIES) % 2, -1.0, 1.0).astype(np.float32), FREQUENCIES)[1:]


def describe(faces: np.ndarray) -> np.ndarray:
    """uint8 [N, S, S, 3] -> int8 [N, DIM], the largest entry 127 or -127; zeros for a face of one colour."""
    k = np.arange(FREQUENCIES)
    small = np.empty((len(faces), SIDE_PX, SIDE_PX), dtype=np.float32)
    for place, face in enumerate(faces):
        small[place] = _grey(face, SIDE_PX)
    waves = (_basis() @ small @ _basis().T * np.hypot(k[:, None], k)).reshape(len(faces), -1)[:, 1:]
    largest = np.abs(waves).max(axis=1, initial=0.0)[:, None]
    return np.round(np.where(largest > 1.0, 127.0 * waves / np.maximum(largest, 1.0), 0.0)).astype(np.int8)


def cards(faces: np.ndarray) -> np.ndarray:
    """uint8 [N, S, S, 3] -> grey uint8 [N, 64, 64], what `correlation` compares."""
    out = np.empty((len(faces), CARD_PX, CARD_PX), dtype=np.uint8)
    for place, face in enumerate(faces):
        out[place] = cv2.GaussianBlur(_grey(face, CARD_PX), (0, 0), 0.8)
    return out


def _grey(face: np.ndarray, side_px: int) -> np.ndarray:
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (side_px, side_px), interpolation=cv2.INTER_AREA))


def correlation(card: np.ndarray, other: np.ndarray) -> float:
    """Of two cards [64, 64], the second registered onto the first by an affine map; -1 where none can be
    found."""
    inside = np.zeros((CARD_PX, CARD_PX), dtype=np.uint8)
    inside[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = 255
    end = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, STEPS, 1e-4)
    try:
        start = np.eye(2, 3, dtype=np.float32)
        found, _ = cv2.findTransformECC(card, other, start, cv2.MOTION_AFFINE, end, inside, 3)
    except cv2.error:  # a face of one colour, or no overlap
        return -1.0
    return float(found)


def same_photo(card: np.ndarray, other: np.ndarray, mirrored: bool) -> bool:
    return correlation(card, np.ascontiguousarray(other[:, ::-1]) if mirrored else other) >= SAME_PHOTO


def within(descriptors: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Descriptors [N, DIM] and cards [N, 64, 64] of one person's faces -> of each the earliest original that
    it is a copy of, or -1: int64 [N]."""
    unit, copy_of = _unit(descriptors), np.full(len(descriptors), -1)
    for earlier, later, mirrored in sorted(_alike(unit, ALIKE), key=lambda pair: (pair[1], pair[0])):
        originals = copy_of[earlier] < 0 and copy_of[later] < 0
        if originals and same_photo(pictures[earlier], pictures[later], mirrored):
            copy_of[later] = earlier
    return copy_of


def across(descriptors: np.ndarray, owner: np.ndarray) -> list[tuple[int, int, bool]]:
    """Pairs of faces of different people that are alike enough to be registered: (earlier, later, whether one
    is mirrored), sorted.

    Descriptors int8 [N, DIM], owners int [N].
    """
    few = len(descriptors) <= MOST_COMPARED
    pairs = _alike(_unit(descriptors), ALIKE_ACROSS) if few else _hashed(descriptors)
    return sorted({pair for pair in pairs if owner[pair[0]] != owner[pair[1]]})


def _unit(descriptors: np.ndarray) -> np.ndarray:
    values = descriptors.astype(np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6)


def _alike(unit: np.ndarray, least: float) -> Iterator[tuple[int, int, bool]]:
    """All pairs at least so alike, block by block."""
    for start in range(0, len(unit), BLOCK):
        block = unit[start : start + BLOCK]
        plain, mirrored = block @ unit[start:].T, (block * mirror_signs()) @ unit[start:].T
        pair = np.nonzero(np.triu(np.maximum(plain, mirrored) >= least, 1))
        rows, columns = (pair[0] + start).tolist(), (pair[1] + start).tolist()
        yield from zip(rows, columns, (mirrored[pair] > plain[pair]).tolist(), strict=True)


def _hashed(descriptors: np.ndarray) -> Iterator[tuple[int, int, bool]]:
    """Pairs at least ALIKE_ACROSS alike, found by equal bits: signs of what a descriptor differs in from the
    mean one."""
    count, signs = len(descriptors), mirror_signs()
    mean = descriptors.mean(axis=0, dtype=np.float64).astype(np.float32)
    mean = (mean + mean * signs) / 2
    bits = np.concatenate([descriptors > mean, descriptors * signs > mean])
    rng = np.random.default_rng(0)
    for _ in range(GROUPS):
        chosen = rng.choice(DIM, BITS, replace=False)
        key = bits[:, chosen] @ (1 << np.arange(BITS, dtype=np.int64))
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        for step in range(1, NEIGHBOURS + 1):
            equal = np.flatnonzero(ordered[step:] == ordered[:-step])
            if not len(equal):
                break
            for start in range(0, len(equal), 1 << 20):
                here = equal[start : start + (1 << 20)]
                one, other = order[here], order[here + step]
                mirrored = (one >= count) != (other >= count)
                one, other = one % count, other % count
                a, b = descriptors[one].astype(np.float32), descriptors[other].astype(np.float32)
                b = np.where(mirrored[:, None], b * signs, b)
                norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
                cosine = (a * b).sum(axis=1) / np.maximum(norms, 1e-6)
                good = (cosine >= ALIKE_ACROSS) & (one != other)
                first, last = np.minimum(one, other)[good], np.maximum(one, other)[good]
                yield from zip(first.tolist(), last.tolist(), mirrored[good].tolist(), strict=True)
