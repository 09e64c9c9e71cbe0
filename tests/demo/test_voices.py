"""Example voices: the same each time, people of their own, fit for the model without any file."""

from __future__ import annotations

import re

import numpy as np
import pytest

from deepfacegen import VoiceToFace
from deepfacegen.demo import generate, voices
from deepfacegen.demo.generate import Shown
from tests.demo.parts import Parts
from tests.shared.sounds import RATE_HZ


@pytest.fixture(scope="module")
def examples() -> tuple[voices.Example, ...]:
    return voices.examples()


def test_they_are_two_women_and_two_men_of_different_ages(examples: tuple[voices.Example, ...]) -> None:
    names = [re.fullmatch(r"(Woman|Man), (\d\d)", example.name) for example in examples]
    assert sorted(name[1] for name in names if name) == ["Man", "Man", "Woman", "Woman"]
    assert len({example.name for example in examples}) == 4
    for example in examples:
        assert 3 * RATE_HZ < len(example.speech) < 10 * RATE_HZ
        assert example.speech.dtype == np.int16
        assert example.portrait.std() > 10


def test_they_are_the_same_each_time(examples: tuple[voices.Example, ...]) -> None:
    for before, after in zip(examples, voices.examples(), strict=True):
        assert before.name == after.name
        assert np.array_equal(before.speech, after.speech)
        assert np.array_equal(before.portrait, after.portrait)


def test_a_young_womans_voice_is_higher_than_a_young_mans(
    model: VoiceToFace, examples: tuple[voices.Example, ...]
) -> None:
    pitch = {
        example.name.split(",")[0]: model.generate(example.speech).voice.pitch_hz for example in examples[:2]
    }
    assert pitch["Woman"] is not None
    assert pitch["Man"] is not None
    assert pitch["Woman"] > 1.5 * pitch["Man"]


def test_an_example_comes_with_its_voice_and_portrait(
    model: VoiceToFace, examples: tuple[voices.Example, ...]
) -> None:
    parts = Parts(generate.respond(model, Shown(generate.of_example(model, examples[0]))))
    assert len(parts.pictures("portrait of the sample person")) == 1
    sounds = [attributes["src"] for tag, attributes in parts.tags if tag == "audio"]
    assert len(sounds) == 1
    assert str(sounds[0]).startswith("data:audio/wav")
    assert "who does not exist" in parts.text
