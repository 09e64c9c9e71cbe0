"""HTML of the demo: faces as data URIs (no files, no further requests), estimates, and metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from PIL import Image

from deepfacegen.api.faces import png_base64
from deepfacegen.api.voice_to_face import Neighbour, VoiceReport
from deepfacegen.release.card import REAL, SAMPLE, percent

MEANING = (
    "A generated face is a statistical guess: the kind of face that goes with such a voice in the training "
    "data, mostly apparent gender and age. It is not what the speaker looks like, and it identifies nobody."
)
POPULATIONS = ("unseen", "seen")
GROUPS = {"ungrouped": "any other person", "gender": "another person of the same gender"}
RARE = 0.05  # typicality below which a voice is called unusual


def png_uri(face: Image.Image) -> str:
    return f"data:image/png;base64,{png_base64(face)}"


def picture(uri: str, alt: str, more: str = "") -> str:
    """`alt` is HTML already."""
    return f"<img src='{uri}' alt='{alt}'{more}>"


def figure(face: Image.Image, alt: str, caption: str) -> str:
    return f"<figure>{picture(png_uri(face), alt)}<figcaption>{caption}</figcaption></figure>"


def grid(pictures: Iterable[str], more: str = "") -> str:
    return f"<div class='faces'{more}>{''.join(pictures)}</div>"


def section(title: str, note: str, body: str, kind: str = "") -> str:
    return f"<section{kind}><h2>{title}</h2><p class='quiet'>{note}</p>{body}</section>"


def head(source: str) -> str:
    """Title and warning. source: of the training data."""
    known = SAMPLE if source == "sample" else REAL
    return (
        "<header class='dfg'><h1>A face from a voice</h1>"
        f"<p class='warning' role='note'><strong>{MEANING}</strong> {escape(known)}</p>"
        "<p class='quiet'>Speak for some seconds, or choose a sound or video file in which one person "
        "speaks.</p></header>"
    )


def message(text: str) -> str:
    """Why there are no faces."""
    return f"<div class='dfg'><p class='alert' role='alert'>{escape(text)}</p></div>"


def waiting() -> str:
    return "<div class='dfg'><p class='quiet'>The faces will appear here.</p></div>"


def samples(faces: Sequence[Image.Image], voice: VoiceReport, seconds: float) -> str:
    """Several faces of one voice, and the estimates from the voice."""
    pictures = (
        picture(png_uri(face), f"generated face {k} of {len(faces)}") for k, face in enumerate(faces, 1)
    )
    note = (
        f"From {seconds:.1f} s of speech. All are equally likely: "
        "the voice does not determine how they differ."
    )
    body = grid(pictures, f" data-generated='{len(faces)}'")
    return section("Faces that go with this voice", note, body) + estimates(voice)


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
    rare = "training had few such voices: trust the faces less"
    common = "of the training voices are less typical"
    rows.append(("Typicality", f"{voice.typicality:.0%}", rare if voice.typicality < RARE else common))
    items = "".join(
        f"<div><dt>{name}</dt><dd>{value} <small>{note}</small></dd></div>" for name, value, note in rows
    )
    return section("Estimates from the voice", "How it sounds, not who speaks.", f"<dl>{items}</dl>")


def interpolation(faces: Sequence[Image.Image]) -> str:
    """Faces between two of the samples; a slider selects one."""
    last = len(faces) - 1
    pictures = "".join(
        picture(png_uri(face), f"{k / last:.0%} of the way to the second face", "" if k == 0 else " hidden")
        for k, face in enumerate(faces)
    )
    slider = (
        f"<label>First <input type='range' min='0' max='{last}' value='0' step='1' "
        "aria-label='from the first face to the second'> Second</label>"
    )
    note = "The same voice; the latents go from those of the first face to those of the second."
    body = f"<div class='frame'>{pictures}</div>{slider}"
    return section("From one face to another", note, body, " class='interpolation'")


def lengths(faces: Sequence[tuple[float, Image.Image]]) -> str:
    """The same voice and latents by seconds of speech."""
    figures = (figure(face, f"from {seconds:g} s", f"{seconds:g} s") for seconds, face in faces)
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


def metrics(figures: dict[str, Any]) -> str:
    """How good the faces are, unseen and seen people side by side."""
    rows = []
    for group, words in GROUPS.items():
        cells, oracle = figures["matching_centred"].get(group), figures["oracle"].get(group)
        if cells is None:
            continue
        values = "".join(_cell(cells.get(name)) for name in POPULATIONS)
        rows.append(f"<tr><th scope='row'>Right face of two, against {words}</th>{values}</tr>")
        if oracle:
            known = (percent(oracle.get(name, {}).get("accuracy")) for name in POPULATIONS)
            values = "".join(f"<td>{value}</td>" for value in known)
            rows.append(f"<tr class='beside'><th scope='row'>knowing the gender alone</th>{values}</tr>")
    heads = "".join(f"<th scope='col'>{name} people</th>" for name in POPULATIONS)
    body = f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    note = (
        "Two real faces, one of them the speaker\u2019s: how often is the generated face nearer to the right "
        "one (centred cosine)? In percent, with 95 % intervals; chance is 50. The model was trained on seen "
        "people, never on unseen ones."
    )
    return section("How good the faces are", note, body, " class='dfg figures'")


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "<td></td>"
    interval = f"{percent(cell['ci95_low'])} to {percent(cell['ci95_high'])}"
    return f"<td>{percent(cell['accuracy'])} <small>{interval}</small></td>"
