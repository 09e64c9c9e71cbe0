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
from deepfacegen.demo import answer, depth, html
from deepfacegen.demo.voices import Example
from deepfacegen.errors import UserError

FACES, SIZE_PX = 6, 256
STEPS = 13  # of the interpolation, both ends included
SECONDS = (MIN_SECONDS, 3.0, 6.0)
NEIGHBOURS = 3
# A recording may last five minutes here; the first ten seconds of its speech are used.
LIMITS = Limits(max_seconds=300.0)
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Voice:
    """Speech int16 [T] at 16 kHz, silence removed; its name; the example it belongs to, if any."""

    speech: np.ndarray
    name: str
    example: Example | None = None


@dataclass(frozen=True)
class Shown:
    """A voice and the faces that the page shows of it. variety scales the latents: 0 gives the typical face,
    1 what the release generates by itself."""

    voice: Voice
    seed: int = 0
    variety: float = 1.0

    def other(self, step: float, variety: float) -> Shown:
        """`step` seeds on, with another variety; what is out of range is clipped."""
        seed, variety = self.seed + int(step), float(variety)
        return Shown(self.voice, min(max(seed, 0), MAX_SEED), min(max(variety, 0.0), answer.MOST_VARIETY))


def of_upload(recording: str | None, name: str, limits: Limits = LIMITS) -> Voice:
    """`name`: the sender's name for it. Raises UserError, one line."""
    if not recording:
        raise UserError(html.NOTHING)
    return Voice(uploads.checked(Path(recording), limits, name), name)


def of_example(model: VoiceToFace, example: Example) -> Voice:
    """Raises UserError, one line."""
    return Voice(model.decode(example.speech), example.name, example)


def steps(
    model: VoiceToFace, find: Callable[[], Voice], name: str
) -> Iterator[tuple[str, str, Shown | None]]:
    """What the page shows one after the other: HTML of what is being done, then of the faces, or of a line
    that says why there are none; HTML of what there is below; and what other faces are generated from."""
    yield html.working(f"Finding the speech in {name}"), "", None
    try:
        shown = Shown(find())
    except UserError as error:
        yield html.message(str(error)), "", None
        return
    yield html.working("Generating faces"), "", None
    yield respond(model, shown), depth.closed(), shown


def respond(model: VoiceToFace, shown: Shown) -> str:
    """HTML with the faces of a voice and estimates."""
    generated = model.generate(shown.voice.speech, latents=_latents(model, shown), size_px=SIZE_PX)
    return answer.page(
        answer.faces(generated.faces, shown.variety, shown.voice.name),
        answer.speaker(shown.voice.name, generated.speech_seconds, shown.voice.example),
        answer.estimates(generated.voice),
    )


def more(model: VoiceToFace, shown: Shown) -> str:
    """HTML with faces between the first two, faces from less of the speech, and the nearest training
    people."""
    speech, latents = shown.voice.speech, _latents(model, shown)
    between = model.generate(
        speech, latents=interpolate(latents[0], latents[1], STEPS), size_px=SIZE_PX
    ).faces
    by_length = [
        (seconds, model.generate(speech, latents=latents[:1], seconds=seconds, size_px=SIZE_PX).faces[0])
        for seconds in SECONDS
        if seconds * SAMPLE_RATE_HZ <= len(speech)
    ]
    parts = [depth.interpolation(between), depth.lengths(by_length)]
    if model.examples:
        parts.append(depth.neighbours(model.nearest(speech, NEIGHBOURS)))
    return depth.opened("".join(parts))


def _latents(model: VoiceToFace, shown: Shown) -> np.ndarray:
    return np.float32(shown.variety) * model.latents(FACES, shown.seed)


def interpolate(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Latents [Z] and [Z] -> [steps, Z] from one to the other, on a quarter of a circle, so that their
    deviation stays the same."""
    angles = np.linspace(0.0, np.pi / 2, steps)[:, None]
    return (np.cos(angles) * first + np.sin(angles) * second).astype(np.float32)


def warm_up(model: VoiceToFace) -> None:
    """Load everything that the first visitor would wait for."""
    noise = np.random.default_rng(0).integers(-2000, 2000, 2 * SAMPLE_RATE_HZ).astype(np.int16)
    model.generate(noise, count=1)
