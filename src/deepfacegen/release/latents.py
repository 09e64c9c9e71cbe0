"""The latents of a seed without PyTorch, which takes seconds to import: the numbers that `torch.randn` gives.

Both draw from the Mersenne Twister of Matsumoto and Nishimura (1998) and transform by Box and Muller (1958).
"""

from __future__ import annotations

import numpy as np

# torch.randn transforms so many numbers at once, and fewer one after the other in double precision.
BLOCK = 16


def standard_normal(count: int, dim: int, seed: int) -> np.ndarray:
    """The latents of faces 0 to count - 1 of a seed, as `systems.cgan.generate.Cgan.latents` has them but for
    rounding: float32 [count, dim]."""
    seeds = ((seed * 1_000_003 + k) * 4096 for k in range(count))  # `training.steps.seeded`
    # The Twister of a number, which NumPy keeps for old streams; torch takes 32 bits of a seed as well.
    twisters = (np.random.RandomState(one % 2**32) for one in seeds)
    row = _in_blocks if dim >= BLOCK else _one_by_one
    return np.stack([row(dim, twister) for twister in twisters]).astype(np.float32)


def _in_blocks(dim: int, twister: np.random.RandomState) -> np.ndarray:
    """Blocks of 8 radii and 8 angles; the last block ends where the row ends and is drawn anew."""
    values = _box_muller(_bits(dim // BLOCK * BLOCK, twister).reshape(-1, 2, BLOCK // 2)).reshape(-1)
    if dim % BLOCK == 0:
        return values
    _bits(dim % BLOCK, twister)  # torch draws numbers for the whole row first
    last = _box_muller(_bits(BLOCK, twister).reshape(1, 2, BLOCK // 2)).reshape(-1)
    return np.concatenate([values[: dim - BLOCK], last])


def _bits(count: int, twister: np.random.RandomState) -> np.ndarray:
    """Uniform numbers in [0, 1) of 24 bits: float64 [count]."""
    return (twister.randint(0, 2**32, count, dtype=np.uint32) & 0xFFFFFF) / 2.0**24


def _box_muller(uniform: np.ndarray) -> np.ndarray:
    """Uniform [B, 2, N] -> normal [B, 2, N]."""
    radius, angle = np.sqrt(-2 * np.log(1 - uniform[:, 0])), 2 * np.pi * uniform[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _one_by_one(dim: int, twister: np.random.RandomState) -> np.ndarray:
    """Pairs of an angle and a radius, each of 53 bits of two numbers."""
    pairs = -(-dim // 2)
    words = twister.randint(0, 2**32, 4 * pairs, dtype=np.uint32).astype(np.uint64).reshape(pairs, 2, 2)
    uniform = ((words[..., 0] << np.uint64(32) | words[..., 1]) & np.uint64(2**53 - 1)) / 2.0**53
    radius, angle = np.sqrt(-2 * np.log1p(-uniform[:, 1])), 2 * np.pi * uniform[:, 0]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:dim]
