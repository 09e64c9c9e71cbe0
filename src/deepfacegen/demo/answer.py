"""HTML of one voice's result: a large face and the others, estimates, and more on request. `script` gives the
buttons their work."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PIL import Image

from deepfacegen.api.voice_to_face import Neighbour, VoiceReport
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.demo.html import details, figure, grid, picture, png_uri, section
from deepfacegen.demo.voices import Example
from deepfacegen.report.media import jpeg_uri, wav_uri

RARE = 0.05  # typicality below which a voice is called unfamiliar
MOST_VARIETY = 1.5
UNFAMILIAR = "An unfamiliar voice: training had few like it, so trust the faces and the estimates less."
NOT_AUDIBLE = (
    "Skin, hair and eye colour cannot be inferred from a voice; in these faces they follow chance and the "
    "training data."
)


def page(shown: str, who: str, estimated: str, more: str, seed: int) -> str:
    """The whole result; the parts are HTML. seed: of the latents shown."""
    beside = f"<div class='beside-face'>{who}{estimated}<p class='quiet'>{NOT_AUDIBLE}</p></div>"
    return (
        f"<div class='dfg answer' data-seed='{seed}'><div class='result'>{shown}{beside}</div>"
        f"{details('More from this voice', more)}</div>"
    )


def faces(generated: Sequence[Image.Image], variety: float) -> str:
    """The first face large, all of them to choose from, and what can be done with them."""
    uris = [png_uri(face) for face in generated]
    choices = "".join(
        f"<button type='button' data-do='show' aria-pressed='{'true' if k == 1 else 'false'}'>"
        f"{picture(uri, f'generated face {k} of {len(uris)}')}</button>"
        for k, uri in enumerate(uris, 1)
    )
    actions = "".join(
        f"<button type='button' data-do='{name}'>{words}</button>"
        for name, words in (("others", "Other faces"), ("save", "Save face"), ("save-all", "Save all six"))
    )
    slider = (
        f"<label class='slide'>Variety <input type='range' min='0' max='{MOST_VARIETY}' step='0.25' "
        f"value='{variety:g}' data-do='vary'> <output>{variety:g}</output></label>"
        "<p class='quiet'>0: the typical face of such voices; 1: as usual. How the six faces differ is "
        "chance, not voice.</p>"
    )
    return (
        f"<div class='chosen'><div class='large'>{picture(uris[0], 'the chosen face')}"
        "<p class='working' role='status'></p></div>"
        f"<div class='choices' role='group' aria-label='faces of this voice'>{choices}</div>"
        f"<div class='actions'>{actions}</div>{slider}</div>"
    )


def speaker(name: str, seconds: float, example: Example | None) -> str:
    """Whose voice it is; of an example, the voice itself and the person's portrait."""
    title = f"<h2>{escape(name)}</h2>"
    if example is None:
        return f"<section class='speaker'>{title}<p class='quiet'>{seconds:.1f} s of speech.</p></section>"
    voice = wav_uri(example.speech, SAMPLE_RATE_HZ)
    portrait = picture(jpeg_uri(example.portrait), f"portrait of the sample person {escape(name)}")
    return (
        f"<section class='speaker pictured'>{portrait}<div>{title}<p class='quiet'>A sample person, who does "
        f"not exist. {seconds:.1f} s of speech.</p></div>"
        f"<audio controls aria-label='voice of {escape(name)}' src='{voice}'></audio></section>"
    )


def estimates(voice: VoiceReport) -> str:
    """Apparent gender and age with their uncertainty, pitch, and whether training had such voices."""
    rows = []
    if voice.apparent_gender is not None:
        female = voice.apparent_gender["f"]
        name, share = ("woman", female) if female >= 0.5 else ("man", 1 - female)
        rows.append(
            ("Apparent gender", f"sounds like a {name}: {min(share, 0.99):.0%}", "assuming equal priors")
        )
    if voice.apparent_age is not None:
        age = voice.apparent_age
        interval = f"80 % interval: {age.low_years:.0f} to {age.high_years:.0f}"
        rows.append(("Apparent age", f"{age.mean_years:.0f} years", interval))
    if voice.pitch_hz is not None:
        rows.append(("Pitch", f"{voice.pitch_hz:.0f} Hz", "median of the voiced parts"))
    rows.append(("Typicality", f"{voice.typicality:.0%}", "of the training voices are less typical"))
    items = "".join(
        f"<div><dt>{name}</dt><dd>{value} <small>{note}</small></dd></div>" for name, value, note in rows
    )
    warning = f"<p class='alert' role='alert'>{UNFAMILIAR}</p>" if voice.typicality < RARE else ""
    return f"{warning}<dl>{items}</dl>"


def interpolation(between: Sequence[Image.Image]) -> str:
    """Faces between two of the samples; a slider selects one."""
    last = len(between) - 1
    pictures = "".join(
        picture(png_uri(face), f"{k / last:.0%} of the way to the second face", "" if k == 0 else " hidden")
        for k, face in enumerate(between)
    )
    slider = (
        f"<label class='slide'>First <input type='range' min='0' max='{last}' value='0' step='1' "
        "data-do='between' aria-label='from the first face to the second'> Second</label>"
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
