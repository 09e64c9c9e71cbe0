"""The null-attribute audit: it must find colour where there is some, and chance where there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deepfacegen.evaluation.metrics.null_attributes import Faces, audit
from deepfacegen.synthetic.people import EYE_COLOURS, HAIR_COLOURS, SKIN_TONES

PEOPLE, TRAINING = 60, 40
TRUE_COLOURS = np.random.default_rng(0).integers(40, 215, size=(6, 3))


def truth_table(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = {"skin_tone": SKIN_TONES, "eye_colour": EYE_COLOURS, "hair_colour": HAIR_COLOURS}
    columns = {name: rng.choice(np.array(choices), PEOPLE) for name, choices in values.items()}
    return pd.DataFrame({**columns, "age_years": rng.uniform(20, 70, PEOPLE)})


def painted(
    truth: pd.DataFrame, people: np.ndarray, seed: int, looks_like: np.ndarray | None = None
) -> Faces:
    """Blank faces with the person's colours (or another's) on top, in the middle and at the eyes, with
    noise."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(people, 3)
    source = owner if looks_like is None else np.repeat(looks_like, 3)
    pixels = np.full((len(owner), 64, 64, 3), 128.0)
    for i, person in enumerate(source):
        row = truth.iloc[person]
        pixels[i, :20] = TRUE_COLOURS[HAIR_COLOURS.index(row["hair_colour"])]
        pixels[i, 32:52, 8:56] = TRUE_COLOURS[SKIN_TONES.index(row["skin_tone"])]
        pixels[i, 26:32, 18:46] = TRUE_COLOURS[EYE_COLOURS.index(row["eye_colour"])]
    return Faces(np.clip(pixels + rng.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8), owner)


def run(looks_like: np.ndarray | None) -> dict:
    truth = truth_table()
    unseen = np.arange(TRAINING, PEOPLE)
    return audit(
        truth,
        painted(truth, np.arange(TRAINING), 1),
        painted(truth, unseen, 2),
        painted(truth, unseen, 3, looks_like),
        300,
        0,
    )


def test_finds_what_is_there() -> None:
    found = run(None)
    assert set(found) == {"skin_tone", "eye_colour", "hair_colour"}
    for values in found.values():
        assert values["on_real_faces"] > 0.95
        assert values["accuracy"] > 0.95
        assert values["ci95_low"] > values["chance"] == 0.5


def test_chance_when_everybody_is_drawn_alike() -> None:
    """One face for all favours one value, and is still right exactly as often as wrong."""
    truth = truth_table()
    unseen = np.arange(TRAINING, PEOPLE)
    one = painted(truth, np.full(len(unseen), 3), 3)
    alike = Faces(np.repeat(one.pixels[:1], len(one.pixels), axis=0), np.repeat(unseen, 3))
    found = audit(truth, painted(truth, np.arange(TRAINING), 1), painted(truth, unseen, 2), alike, 300, 0)
    for values in found.values():
        assert values["accuracy"] == pytest.approx(0.5)
        assert values["on_real_faces"] > 0.95


def test_chance_on_average_when_faces_belong_to_others() -> None:
    unseen = np.arange(TRAINING, PEOPLE)
    shuffles = [
        run(np.random.default_rng(seed).permutation(unseen))["skin_tone"]["accuracy"] for seed in range(8)
    ]
    assert np.mean(shuffles) == pytest.approx(0.5, abs=0.1)


def test_hair_is_audited_before_it_greys() -> None:
    young = int((truth_table()["age_years"].iloc[TRAINING:] < 45).sum())
    assert run(None)["hair_colour"]["identities"] == young < PEOPLE - TRAINING


def test_an_attribute_without_two_values_is_left_out() -> None:
    truth = truth_table().assign(eye_colour="blue")
    faces = painted(truth, np.arange(PEOPLE), 1)
    assert set(audit(truth, faces, faces, faces, 100, 0)) == {"skin_tone", "hair_colour"}
