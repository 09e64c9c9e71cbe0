"""Voices: the latents are in the sound, measured with plain acoustics; the sound does not depend on who spoke
before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from deepfacegen.synthetic.people import Person
from deepfacegen.synthetic.sentences import SENTENCES
from deepfacegen.synthetic.voice import SAMPLE_RATE_HZ, compose_text, speak

TEXT = "We watched the geese fly south all afternoon. The gate is locked, but the wall is low."
BASE = Person(
    gender="m",
    age_years=45.0,
    body_size=0.5,
    skin_tone="olive",
    eye_colour="brown",
    hair_colour="brown",
    hair_style=0.5,
    shape=(0.0,) * 14,
    timbre=(0.0,) * 5,
)


def sound(person: Person, seed: int = 0, text: str = TEXT) -> np.ndarray:
    return speak(person, text, np.random.default_rng(seed)).astype(np.float64)


def pitch_hz(x: np.ndarray) -> float:
    """Median over loud 40 ms frames of the strongest autocorrelation lag between 60 and 400 Hz."""
    frames = x[: len(x) // 640 * 640].reshape(-1, 640)
    frames = frames[frames.std(axis=1) > np.quantile(frames.std(axis=1), 0.6)]
    spectrum = np.abs(np.fft.rfft(frames - frames.mean(axis=1, keepdims=True), 2048)) ** 2
    r = np.fft.irfft(spectrum)[:, :640]
    low, high = SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 60
    return float(np.median(SAMPLE_RATE_HZ / (low + r[:, low:high].argmax(axis=1))))


def stretch(a: np.ndarray, b: np.ndarray) -> float:
    """By which factor the spectral envelope of `a` must be stretched in frequency to look like that of
    `b`."""

    def envelope(x: np.ndarray) -> np.ndarray:
        f, p = welch(x, SAMPLE_RATE_HZ, nperseg=128)
        return np.interp(grid, np.log(f[1:]), np.log(p[1:]))

    grid = np.linspace(np.log(300), np.log(5000), 400)
    step = grid[1] - grid[0]
    one, two = envelope(a), envelope(b)
    shifts = range(-60, 61)
    scores = [np.corrcoef(one[60:-60], two[60 + k : len(two) - 60 + k])[0, 1] for k in shifts]
    return float(np.exp(step * shifts[int(np.argmax(scores))]))


def test_sound_is_16_khz_speech_of_the_expected_length() -> None:
    x = speak(BASE, TEXT, np.random.default_rng(0))
    assert x.dtype == np.int16
    assert 3.0 < len(x) / SAMPLE_RATE_HZ < 8.0
    assert 500 < x.astype(float).std() < 6000
    assert np.abs(x.astype(int)).max() <= 32767


def test_gender_sets_pitch() -> None:
    man, woman = pitch_hz(sound(BASE)), pitch_hz(sound(replace(BASE, gender="f")))
    assert 80 < man < 135
    assert 160 < woman < 250


def test_body_size_sets_the_length_of_the_vocal_tract() -> None:
    small, large = sound(replace(BASE, body_size=0.0)), sound(replace(BASE, body_size=1.0))
    assert stretch(large, small) > 1.08
    assert stretch(small, large) < 0.93
    assert pitch_hz(small) == pytest.approx(pitch_hz(large), rel=0.2)


def test_age_slows_and_dulls_the_voice() -> None:
    young, old = sound(replace(BASE, age_years=20.0)), sound(replace(BASE, age_years=80.0))
    assert len(old) > 1.2 * len(young)

    def slope(x: np.ndarray) -> float:
        f, p = welch(x, SAMPLE_RATE_HZ, nperseg=512)
        band = (f > 200) & (f < 5000)
        return float(np.polyfit(np.log2(f[band]), 10 * np.log10(p[band]), 1)[0])

    assert slope(old) < slope(young) - 2.0


def test_face_leaves_the_voice_alone() -> None:
    other = replace(
        BASE, skin_tone="deep", eye_colour="blue", hair_colour="blond", hair_style=0.1, shape=(1.0,) * 14
    )
    assert np.array_equal(sound(BASE), sound(other))


def test_timbre_makes_two_alike_people_sound_different() -> None:
    assert not np.array_equal(
        sound(BASE)[:8000], sound(replace(BASE, timbre=(1.5, 1.5, 1.0, 0.0, 1.0)))[:8000]
    )


def test_every_recording_differs_a_little() -> None:
    one, two = sound(BASE, seed=1), sound(BASE, seed=2)
    assert len(one) == len(two)
    assert not np.array_equal(one, two)


def test_sound_does_not_depend_on_who_spoke_before() -> None:
    people = [
        replace(BASE, gender=g, age_years=a, body_size=s)
        for g, a, s in (("f", 75.0, 0.1), ("m", 60.0, 0.9), ("f", 30.0, 0.4), ("m", 22.0, 0.2))
    ]
    forward = [sound(p, text=SENTENCES[k]) for k, p in enumerate(people)]
    for k in (2, 0, 3, 1, 0):
        assert np.array_equal(sound(people[k], text=SENTENCES[k]), forward[k])


def test_text_fills_the_clip_whatever_the_rate() -> None:
    for age in (20.0, 80.0):
        person = replace(BASE, age_years=age)
        seconds = [
            len(sound(person, k, compose_text(np.random.default_rng(k), person, 5.0))) / SAMPLE_RATE_HZ
            for k in range(4)
        ]
        assert 3.7 < np.mean(seconds) < 6.3


def test_sentences_are_many_and_distinct() -> None:
    assert len(set(SENTENCES)) == len(SENTENCES) >= 60
