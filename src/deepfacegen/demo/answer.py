"""HTML of one voice's result: a large face and the others, and estimates. `script` gives the buttons their
work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import PurePath

from PIL import Image

from deepfacegen.api.voice_report import VoiceReport
from deepfacegen.data.files.media import SAMPLE_RATE_HZ
from deepfacegen.demo.html import picture, png_uri
from deepfacegen.demo.voices import Example
from deepfacegen.report.media import jpeg_uri, wav_uri

MOST_VARIETY = 1.5
LONGEST_STEM = 60  # letters
UNFAMILIAR = (
    "An unfamiliar voice: training had hardly any like it. Apparent gender and age are withheld; the faces "
    "mean little."
)
NOT_AUDIBLE = (
    "Skin, hair and eye colour cannot be inferred from a voice; in these faces they follow chance and the "
    "training data."
)


def file_stem(voice: str) -> str:
    """What saved faces of a voice are called: its name in small letters, digits and hyphens, without the
    ending of a sound file."""
    words = re.findall(r"[^\W_]+", PurePath(voice).stem.lower())
    return "-".join(words)[:LONGEST_STEM].strip("-") or "voice"


def page(shown: str, who: str, estimated: str) -> str:
    """The whole result; the parts are HTML."""
    beside = f"<div>{who}{estimated}<p class='quiet'>{NOT_AUDIBLE}</p></div>"
    return f"<div class='dfg answer result'>{shown}{beside}</div>"


def faces(generated: Sequence[Image.Image], variety: float, name: str) -> str:
    """The first face large, the others to choose from, and what can be done with them. name: of the voice."""
    uris = [png_uri(face) for face in generated]
    choices = "".join(
        f"<button type='button' data-do='show' aria-pressed='{'true' if k == 1 else 'false'}'>"
        f"{picture(uri, f'generated face {k} of {len(uris)}')}</button>"
        for k, uri in enumerate(uris, 1)
    )
    actions = "".join(
        f"<button type='button' data-do='{name}'>{words}</button>"
        for name, words in (("others", "Other faces"), ("save", "Save face"), ("save-all", "Save all"))
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
        f"<div class='choices' role='group' aria-label='faces of this voice' "
        f"data-voice='{file_stem(name)}'>{choices}</div>"
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
    warning = f"<p class='alert' role='alert'>{UNFAMILIAR}</p>" if not voice.familiar else ""
    return f"{warning}<dl>{items}</dl>"
