"""HTML of what is generated from a voice on request only, because it takes longer than the faces."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PIL import Image

from deepfacegen.api.voice_to_face import Neighbour
from deepfacegen.demo.html import details, figure, grid, picture, png_uri, section

TITLE = "More from this voice"


def closed() -> str:
    """Whoever opens it sees this until it is generated."""
    body = "<p class='working' role='status'>Generating more faces \u2026</p>"
    return f"<div class='dfg'>{details(TITLE, body)}</div>"


def opened(parts: str) -> str:
    return f"<div class='dfg'>{details(TITLE, parts, ' open')}</div>"


def interpolation(between: Sequence[Image.Image]) -> str:
    """Faces between two of the samples; a slider selects one."""
    last = len(between) - 1
    pictures = "".join(
        picture(png_uri(face), f"{k / last:.0%} of the way to the second face", "" if k == 0 else " hidden")
        for k, face in enumerate(between)
    )
    slider = (
        f"<label class='slide'>First <input type='range' min='0' max='{last}' value='0' step='1' "
        "aria-label='from the first face to the second'> Second</label>"
    )
    note = "The same voice; the latents go from those of the first face to those of the second."
    body = f"<div class='frame'>{pictures}</div>{slider}"
    return section("From one face to another", note, body, " class='interpolation'")


def lengths(by_seconds: Sequence[tuple[float, Image.Image]]) -> str:
    """The same voice and latents by seconds of speech."""
    figures = (figure(face, f"from {seconds:g} s", f"{seconds:g} s") for seconds, face in by_seconds)
    note = "The first face again, from the first seconds of the speech."
    return section("With less speech", note, grid(figures))


def neighbours(found: Sequence[Neighbour]) -> str:
    """Training people with the most similar voices: does the model reproduce one of them?"""
    figures = (
        figure(one.face, f"training person {escape(one.identity_id)}", f"{one.similarity:.2f}")
        for one in found
    )
    note = (
        "Sample people, who do not exist, with the similarity of their voices (1: the same). "
        "A generated face that equals one of theirs would be memorised."
    )
    return section("Training people with the most similar voices", note, grid(figures))
