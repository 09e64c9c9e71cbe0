"""From one recording to the demo's HTML: decode within limits, generate, and describe the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepfacegen.api import uploads
from deepfacegen.api.recordings import MIN_SECONDS
from deepfacegen.api.uploads import Limits
from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.demo import html
from deepfacegen.errors import UserError

FACES = 6
STEPS = 13  # of the interpolation, both ends included
SECONDS = (MIN_SECONDS, 3.0, 6.0)
NEIGHBOURS = 3
# A recording may last five minutes here; the first ten seconds of its speech are used.
LIMITS = Limits(max_seconds=300.0)


def respond(
    model: VoiceToFace, recording: str | None, seed: int, name: str | None = None, limits: Limits = LIMITS
) -> str:
    """HTML for one upload, or a line that says why there are no faces. `name`: the sender's name for it."""
    if not recording:
        return html.message("There is no recording yet: speak into the microphone, or choose a file.")
    try:
        speech = uploads.checked(Path(recording), limits, name)
        return f"<div class='dfg answer'>{_sections(model, speech, min(max(int(seed), 0), 2**31 - 1))}</div>"
    except UserError as error:
        return html.message(str(error))


def _sections(model: VoiceToFace, speech: np.ndarray, seed: int) -> str:
    latents = model.latents(FACES, seed)
    between = interpolate(latents[0], latents[1], STEPS)
    generated = model.generate(speech, latents=np.concatenate([latents, between]))
    available = [seconds for seconds in SECONDS if seconds * SAMPLE_RATE_HZ <= len(speech)]
    by_length = [
        (seconds, model.generate(speech, latents=latents[:1], seconds=seconds).faces[0])
        for seconds in available
    ]
    parts = [
        html.samples(generated.faces[:FACES], generated.voice, generated.speech_seconds),
        html.interpolation(generated.faces[FACES:]),
        html.lengths(by_length),
    ]
    if model.examples:
        parts.append(html.neighbours(model.nearest(speech, NEIGHBOURS)))
    return "".join(parts)


def interpolate(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Latents [Z] and [Z] -> [steps, Z] from one to the other, on a quarter of a circle, so that their
    deviation stays the same."""
    angles = np.linspace(0.0, np.pi / 2, steps)[:, None]
    return (np.cos(angles) * first + np.sin(angles) * second).astype(np.float32)


def warm_up(model: VoiceToFace) -> None:
    """Load everything that the first visitor would wait for."""
    noise = np.random.default_rng(0).integers(-2000, 2000, 2 * SAMPLE_RATE_HZ).astype(np.int16)
    model.generate(noise, count=1)
