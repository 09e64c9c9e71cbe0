"""Speech found where it is; the same stretches as the package that the weights come from."""

from __future__ import annotations

import numpy as np
import pytest

from deepfacegen.data.audio import speech as vad

RATE = 16_000


def test_silence_around_speech_is_cut(speech: np.ndarray) -> None:
    quiet = np.zeros(2 * RATE, dtype=np.int16)
    trimmed = vad.trim(np.concatenate([quiet, speech, quiet]))
    assert trimmed.dtype == np.int16
    assert 0.7 * len(speech) < len(trimmed) < 1.1 * len(speech)


@pytest.mark.parametrize(
    "audio",
    [np.zeros(0), np.zeros(100), np.zeros(3 * RATE), np.random.default_rng(0).normal(0, 300, 3 * RATE)],
)
def test_where_nobody_speaks_nothing_is_left(audio: np.ndarray) -> None:
    trimmed = vad.trim(audio.astype(np.int16))
    assert (len(trimmed), trimmed.dtype) == (0, np.int16)


def test_a_higher_threshold_never_gives_more(speech: np.ndarray) -> None:
    lengths = [len(vad.trim(speech, threshold)) for threshold in (0.1, 0.5, 0.95)]
    assert lengths == sorted(lengths, reverse=True)


def test_long_audio_is_the_same_in_one_call_or_many(
    speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = vad.probabilities(speech)
    monkeypatch.setattr(vad, "FRAMES_PER_CALL", 7)
    assert np.allclose(vad.probabilities(speech), whole, atol=1e-5)


def test_segments_by_hand() -> None:
    probability = np.array(
        [0.0] * 10 + [0.9] * 20 + [0.4] * 5 + [0.9] * 5 + [0.0] * 20 + [0.9] * 3 + [0.0] * 10
    )
    begin, end = (
        10 * 512 - 480,
        40 * 512 + 480,
    )  # 0.4 is not low enough to end; the three frames at the end are too short
    assert vad.segments(probability, len(probability) * 512, 0.5).tolist() == [[begin, end]]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
def test_same_stretches_as_silero(speech: np.ndarray, threshold: float) -> None:
    get_speech_timestamps_from_probs = pytest.importorskip("silero_vad").get_speech_timestamps_from_probs
    audio = np.concatenate(
        [speech, np.zeros(RATE, dtype=np.int16), speech[: 2 * RATE], np.zeros(1500, dtype=np.int16), speech]
    )
    probability = vad.probabilities(audio)
    expected = get_speech_timestamps_from_probs(
        probability, sampling_rate=RATE, threshold=threshold, audio_length_samples=len(audio)
    )
    assert vad.segments(probability, len(audio), threshold).tolist() == [
        [part["start"], part["end"]] for part in expected
    ]
