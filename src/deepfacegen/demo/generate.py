"""From a voice to the demo's HTML: decode an upload within limits, generate, and describe the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deepfacegen.api import uploads
from deepfacegen.api.recordings import MIN_SECONDS
from deepfacegen.api.uploads import Limits
from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.demo import answer, html
from deepfacegen.demo.voices import Example
from deepfacegen.errors import UserError

FACES = 6
STEPS = 13  # of the interpolation, both ends included
SECONDS = (MIN_SECONDS, 3.0, 6.0)
NEIGHBOURS = 3
# A recording may last five minutes here; the first ten seconds of its speech are used.
LIMITS = Limits(max_seconds=300.0)
NOTHING = "There is no recording yet: choose an example, speak into the microphone, or choose a file."


@dataclass(frozen=True)
class Voice:
    """Speech int16 [T] at 16 kHz, silence removed; its name; the example it belongs to, if any."""

    speech: np.ndarray
    name: str
    example: Example | None = None


def of_upload(recording: str | None, name: str, limits: Limits = LIMITS) -> Voice:
    """`name`: the sender's name for it. Raises UserError, one line."""
    if not recording:
        raise UserError(NOTHING)
    return Voice(uploads.checked(Path(recording), limits, name), name)


def of_example(model: VoiceToFace, example: Example) -> Voice:
    """Raises UserError, one line."""
    return Voice(model.decode(example.speech), example.name, example)


def steps(model: VoiceToFace, find: Callable[[], Voice], name: str) -> Iterator[tuple[str, Voice | None]]:
    """HTML to show one after the other, each with the voice that other faces are generated from: what is
    being done, then the faces, or a line that says why there are none."""
    yield html.working(f"Finding the speech in {name}"), None
    try:
        voice = find()
    except UserError as error:
        yield html.message(str(error)), None
        return
    yield html.working("Generating faces"), voice
    yield respond(model, voice), voice


def respond(model: VoiceToFace, voice: Voice | None, seed: int = 0, variety: float = 1.0) -> str:
    """HTML with the faces of a voice, or a line that says why there are none.

    variety scales the latents: 0 gives the typical face, 1 what the release generates by itself.
    """
    if voice is None:
        return html.message(NOTHING)
    seed, variety = min(max(int(seed), 0), 2**31 - 1), min(max(float(variety), 0.0), answer.MOST_VARIETY)
    try:
        return _sections(model, voice, seed, variety)
    except UserError as error:
        return html.message(str(error))


def _sections(model: VoiceToFace, voice: Voice, seed: int, variety: float) -> str:
    latents = model.latents(FACES, seed)
    between = interpolate(latents[0], latents[1], STEPS)
    scaled = np.float32(variety) * np.concatenate([latents, between])
    generated = model.generate(voice.speech, latents=scaled)
    available = [seconds for seconds in SECONDS if seconds * SAMPLE_RATE_HZ <= len(voice.speech)]
    by_length = [
        (seconds, model.generate(voice.speech, latents=scaled[:1], seconds=seconds).faces[0])
        for seconds in available
    ]
    more = [answer.interpolation(generated.faces[FACES:]), answer.lengths(by_length)]
    if model.examples:
        more.append(answer.neighbours(model.nearest(voice.speech, NEIGHBOURS)))
    return answer.page(
        answer.faces(generated.faces[:FACES], variety),
        answer.speaker(voice.name, generated.speech_seconds, voice.example),
        answer.estimates(generated.voice),
        "".join(more),
        seed,
    )


def interpolate(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Latents [Z] and [Z] -> [steps, Z] from one to the other, on a quarter of a circle, so that their
    deviation stays the same."""
    angles = np.linspace(0.0, np.pi / 2, steps)[:, None]
    return (np.cos(angles) * first + np.sin(angles) * second).astype(np.float32)


def warm_up(model: VoiceToFace) -> None:
    """Load everything that the first visitor would wait for."""
    noise = np.random.default_rng(0).integers(-2000, 2000, 2 * SAMPLE_RATE_HZ).astype(np.int16)
    model.generate(noise, count=1)
