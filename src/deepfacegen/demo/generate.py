"""What the demo does with one recording: listen within limits, draw, and say in words what came of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepfacegen.api import uploads
from deepfacegen.api.recordings import MIN_SECONDS
from deepfacegen.api.uploads import Limits
from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.demo import words
from deepfacegen.errors import UserError

FACES = 6
STEPS = 13  # of the walk, both ends included
SECONDS = (MIN_SECONDS, 3.0, 6.0)
NEIGHBOURS = 3
# A recording may last five minutes here; of its speech the first ten seconds are used, whatever it lasts.
LIMITS = Limits(max_seconds=300.0)


def answer(
    model: VoiceToFace, recording: str | None, seed: int, name: str | None = None, limits: Limits = LIMITS
) -> str:
    """HTML for one upload, or one line that says why there is nothing to show. `name` is what the sender
    calls it."""
    if not recording:
        return words.message("There is no recording yet: speak into the microphone, or choose a file.")
    try:
        speech = uploads.checked(Path(recording), limits, name)
        return f"<div class='dfg answer'>{_drawn(model, speech, min(max(int(seed), 0), 2**31 - 1))}</div>"
    except UserError as error:
        return words.message(str(error))


def _drawn(model: VoiceToFace, speech: np.ndarray, seed: int) -> str:
    draws = model.noise(FACES, seed)
    drawing = model.generate(speech, noise=np.concatenate([draws, between(draws[0], draws[1], STEPS)]))
    parts = [
        words.drawn(drawing.faces[:FACES], drawing.voice, drawing.speech_seconds),
        words.walk(drawing.faces[FACES:]),
    ]
    heard = [seconds for seconds in SECONDS if seconds * SAMPLE_RATE_HZ <= len(speech)]
    parts.append(
        words.lengths(
            [
                (seconds, model.generate(speech, noise=draws[:1], seconds=seconds).faces[0])
                for seconds in heard
            ]
        )
    )
    if model.examples:
        parts.append(words.neighbours(model.nearest(speech, NEIGHBOURS)))
    return "".join(parts)


def between(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Noise [z] and [z] -> [steps, z] from one to the other, everywhere of the deviation that the two have (a
    quarter of a circle, not its chord)."""
    angles = np.linspace(0.0, np.pi / 2, steps)[:, None]
    return (np.cos(angles) * first + np.sin(angles) * second).astype(np.float32)


def warm(model: VoiceToFace) -> None:
    """Load all that the first visitor would wait for."""
    noise = np.random.default_rng(0).integers(-2000, 2000, 2 * SAMPLE_RATE_HZ).astype(np.int16)
    model.generate(noise, count=1)
