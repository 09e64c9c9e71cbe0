"""Estimates from a voice, and generated faces together with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepfacegen.api.sizes import resized
from deepfacegen.release.generator import VoiceGenerator
from deepfacegen.release.traits import UNFAMILIAR_BELOW, Traits


@dataclass(frozen=True)
class Age:
    """Apparent age in years, and the interval that held 80 % of the validation people's errors."""

    mean_years: float
    low_years: float
    high_years: float


@dataclass(frozen=True)
class VoiceReport:
    """Estimates of how the speaker sounds, with the errors in `VoiceToFace.figures`. They identify nobody.

    apparent_gender: {"f": p, "m": 1 - p}; None if too few training people are labelled, or the voice is not
    familiar; so is apparent_age.
    typicality: share of training voices that are less typical; near 0, training had no such voices.
    pitch_hz: median; None if nothing is voiced.
    familiar: the typicality is not near 0 (at least 0.05).
    """

    apparent_gender: dict[str, float] | None
    apparent_age: Age | None
    typicality: float
    pitch_hz: float | None
    familiar: bool = True


@dataclass(frozen=True)
class ReadyGenerator:
    """A generator, the size that its faces get (None: its own), and the readouts, where a release has any."""

    system: VoiceGenerator
    size_px: int | None = None
    traits: Traits | None = None

    def generate(
        self, voices: Sequence[np.ndarray], count: int, seed: int
    ) -> list[tuple[np.ndarray, VoiceReport | None]]:
        """int16 arrays, 16 kHz mono -> for each its faces, uint8 [count, size, size, 3], and the estimates;
        None without readouts."""
        made, traits = self.system.run(voices, self.system.latents(count, seed)), self.traits
        faces = made.faces if self.size_px is None else resized(made.faces, self.size_px)
        known = zip(made.embeddings, made.pitches_hz, strict=True)
        reports = [None if traits is None else report(traits, *one) for one in known]
        return list(zip(faces, reports, strict=True))


def report(traits: Traits, embedding: np.ndarray, pitch_hz: float | None) -> VoiceReport:
    """The estimates from one voice's embedding [Y]. Gender and age are withheld from a voice that is not
    familiar: the readouts are fitted on training voices and mean nothing far from them."""
    x = embedding.astype(np.float64)[None]
    typicality = float(traits.typicality.share(x)[0])
    familiar = typicality >= UNFAMILIAR_BELOW
    gender = age = None
    if familiar and traits.gender is not None:
        female = float(traits.gender.female(x)[0])
        gender = {"f": female, "m": 1 - female}
    if familiar and traits.age is not None:
        years = traits.age.years(x)
        low, high = traits.age.interval(years)
        age = Age(float(years[0]), float(low[0]), float(high[0]))
    return VoiceReport(gender, age, typicality, pitch_hz, familiar)
