"""What the demo shows, as HTML: faces as data URIs (no file, no further request), words, and the figures to
read them by."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

from PIL import Image

from deepfacegen.api.voice_to_face import Neighbour, VoiceReport
from deepfacegen.release.card import REAL, SAMPLE

MEANING = (
    "A drawn face is a statistical guess: the kind of face that goes with such a voice in the training data, mostly apparent gender and age. "
    "It is not what the speaker looks like, and it identifies nobody."
)
POPULATIONS = ("unseen", "seen")
GROUPS = {"ungrouped": "any other person", "gender": "another person of the same gender"}
RARE = 0.05  # typicality below which a voice is called unusual


def png_uri(face: Image.Image) -> str:
    buffer = io.BytesIO()
    face.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def picture(uri: str, alt: str, more: str = "") -> str:
    """`alt` is HTML already."""
    return f"<img src='{uri}' alt='{alt}'{more}>"


def head(source: str) -> str:
    """Title and warning. source: of the training data."""
    known = SAMPLE if source == "sample" else REAL
    return (
        f"<header class='dfg'><h1>A face from a voice</h1><p class='warning' role='note'><strong>{MEANING}</strong> {escape(known)}</p>"
        "<p class='quiet'>Speak for some seconds, or choose a sound or video file in which one person speaks.</p></header>"
    )


def message(text: str) -> str:
    """Why there are no faces."""
    return f"<div class='dfg'><p class='alert' role='alert'>{escape(text)}</p></div>"


def waiting() -> str:
    return "<div class='dfg'><p class='quiet'>The faces will appear here.</p></div>"


def drawn(faces: Sequence[Image.Image], voice: VoiceReport, seconds: float) -> str:
    """Several draws of one voice, and what it says."""
    shown = "".join(
        picture(png_uri(face), f"drawn face {k} of {len(faces)}") for k, face in enumerate(faces, 1)
    )
    return (
        f"<section><h2>Faces that go with this voice</h2><p class='quiet'>From {seconds:.1f} s of speech. Each is as likely as the others: "
        f"what differs between them, the voice does not tell.</p><div class='faces' data-drawn='{len(faces)}'>{shown}</div></section>{says(voice)}"
    )


def says(voice: VoiceReport) -> str:
    """Apparent gender and age with their uncertainty, pitch, and whether the model knows such voices."""
    rows = []
    if voice.apparent_gender is not None:
        female = voice.apparent_gender["f"]
        name, share = ("woman", female) if female >= 0.5 else ("man", 1 - female)
        rows.append(
            (
                "Apparent gender",
                f"sounds like a {name}: {min(share, 0.99):.0%}",
                "were there as many women as men",
            )
        )
    if voice.apparent_age is not None:
        age = voice.apparent_age
        rows.append(
            (
                "Apparent age",
                f"{age.mean_years:.0f} years",
                f"four voices of five lie between {age.low_years:.0f} and {age.high_years:.0f}",
            )
        )
    if voice.pitch_hz is not None:
        rows.append(("Pitch", f"{voice.pitch_hz:.0f} Hz", "median of the voiced parts"))
    doubt = (
        "the model knows few such voices: trust the faces less"
        if voice.typicality < RARE
        else "of the training voices are less typical"
    )
    rows.append(("Typicality", f"{voice.typicality:.0%}", doubt))
    items = "".join(
        f"<div><dt>{name}</dt><dd>{value} <small>{note}</small></dd></div>" for name, value, note in rows
    )
    return f"<section><h2>What the voice says</h2><p class='quiet'>How it sounds, not who speaks.</p><dl>{items}</dl></section>"


def section(title: str, quiet: str, body: str, kind: str = "") -> str:
    return f"<section{kind}><h2>{title}</h2><p class='quiet'>{quiet}</p>{body}</section>"


def walk(faces: Sequence[Image.Image]) -> str:
    """Faces between two draws, of which a slider shows one."""
    last = len(faces) - 1
    shown = "".join(
        picture(png_uri(face), f"{k / last:.0%} of the way to the second face", "" if k == 0 else " hidden")
        for k, face in enumerate(faces)
    )
    slider = f"<label>First <input type='range' min='0' max='{last}' value='0' step='1' aria-label='from the first face to the second'> Second</label>"
    told = "The same voice; the noise goes from that of the first face to that of the second."
    return section(
        "From one face to another", told, f"<div class='frame'>{shown}</div>{slider}", " class='walk'"
    )


def lengths(faces: Sequence[tuple[float, Image.Image]]) -> str:
    """The same voice and noise by seconds of speech."""
    shown = "".join(
        f"<figure>{picture(png_uri(face), f'drawn from {seconds:g} s')}<figcaption>{seconds:g} s</figcaption></figure>"
        for seconds, face in faces
    )
    return section(
        "With less of it heard",
        "The first face again, from the first seconds of the speech.",
        f"<div class='faces'>{shown}</div>",
    )


def neighbours(found: Sequence[Neighbour]) -> str:
    """Training people with the most similar voices: has the model learnt one of them by heart?"""
    shown = "".join(
        f"<figure>{picture(png_uri(one.face), f'training person {escape(one.identity_id)}')}<figcaption>{one.similarity:.2f}</figcaption></figure>"
        for one in found
    )
    told = (
        "Sample people, who do not exist, with the likeness of their voices (1: the same). "
        "A drawn face that equals one of theirs would have been learnt by heart."
    )
    return section("Training people who sound most alike", told, f"<div class='faces'>{shown}</div>")


def figures(told: dict[str, Any]) -> str:
    """How good the faces are, unseen and seen people side by side."""
    body = ""
    for group, words in GROUPS.items():
        if group not in told["matching_centred"]:
            continue
        cells, oracle = told["matching_centred"][group], told["oracle"].get(group)
        body += f"<tr><th scope='row'>Right face of two, against {words}</th>{''.join(_cell(cells.get(name)) for name in POPULATIONS)}</tr>"
        if oracle:
            known = "".join(
                f"<td>{_percent(oracle.get(name, {}).get('accuracy'))}</td>" for name in POPULATIONS
            )
            body += f"<tr class='beside'><th scope='row'>knowing the gender alone</th>{known}</tr>"
    heads = "".join(f"<th scope='col'>{name} people</th>" for name in POPULATIONS)
    table = f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{body}</tbody></table>"
    asked = (
        "Two true faces, one of them the speaker\u2019s: how often is the drawn face nearer to the right one (centred cosine)? In percent, with 95 % "
        "intervals; chance is 50. The model was trained on seen people, never on unseen ones."
    )
    return section("How much to believe", asked, table, " class='dfg figures'")


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "<td></td>"
    return f"<td>{_percent(cell['accuracy'])} <small>{_percent(cell['ci95_low'])} to {_percent(cell['ci95_high'])}</small></td>"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
