"""Are drawn faces faces, and what do they vary with?"""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.evaluation.embedders.judge import unit
from deepfacegen.evaluation.metrics.quality import detected_share, diversity


def test_faces_are_found_and_noise_is_not(world) -> None:
    faces = world.faces[:8, 0]
    noise = np.random.default_rng(0).integers(0, 256, size=faces.shape).astype(np.uint8)
    assert detected_share(faces) == 1.0
    assert detected_share(noise) == 0.0
    assert detected_share(np.concatenate([faces, noise])) == 0.5


def test_diversity_equals_the_mean_over_pairs() -> None:
    vectors = unit(np.random.default_rng(1).standard_normal((5, 3, 8)))
    between_draws = [
        1 - vectors[v, a] @ vectors[v, b] for v in range(5) for a in range(3) for b in range(3) if a != b
    ]
    between_voices = [
        1 - vectors[v, a] @ vectors[w, a] for a in range(3) for v in range(5) for w in range(5) if v != w
    ]
    found = diversity(vectors)
    assert found["diversity_within_voice"] == pytest.approx(np.mean(between_draws))
    assert found["diversity_between_voices"] == pytest.approx(np.mean(between_voices))


def test_one_draw_has_no_diversity_of_draws() -> None:
    assert set(diversity(unit(np.ones((3, 1, 4))))) == {"diversity_between_voices"}
