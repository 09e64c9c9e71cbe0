"""Example voices: sample people who are made anew wherever the demo runs, so no release has to hold any.

Their noise is the demo's own, so that no training has met them, whatever its seed of sample people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deepfacegen.synthetic.people import Person, imagine
from deepfacegen.synthetic.portrait import render_portrait
from deepfacegen.synthetic.voice import compose_text, speak

SECONDS = 5.0  # of speech, about
PORTRAIT_PX = 192
AUDIBLE = (("f", 24.0, 0.35), ("m", 33.0, 0.7), ("f", 70.0, 0.6), ("m", 66.0, 0.4))
WORDS = {"f": "Woman", "m": "Man"}
_STREAM = 0xDE46


@dataclass(frozen=True)
class Example:
    """A sample person: name, speech int16 [T] at 16 kHz, portrait uint8 [192, 192, 3]."""

    name: str
    speech: np.ndarray
    portrait: np.ndarray


def examples() -> tuple[Example, ...]:
    """The same people each time, in about 0.1 s each. Raises UserError where espeak-ng cannot start."""
    return tuple(_example(number, *audible) for number, audible in enumerate(AUDIBLE))


def _example(number: int, gender: str, age_years: float, body_size: float) -> Example:
    rng = np.random.default_rng([_STREAM, number])
    audible = Person(gender, age_years, body_size, "", "", "", 0.0, (), ())
    person = imagine(audible, rng)
    speech = speak(person, compose_text(rng, person, SECONDS), rng)
    return Example(f"{WORDS[gender]}, {age_years:.0f}", speech, render_portrait(person, rng, PORTRAIT_PX))
