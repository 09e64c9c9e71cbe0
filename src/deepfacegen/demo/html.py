"""HTML of the demo's page around the faces: pictures as data URIs (no files, no further requests), title,
messages, and metrics."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from PIL import Image

from deepfacegen.api.faces import png_base64
from deepfacegen.release.card import REAL, SAMPLE, percent

MEANING = (
    "A generated face is a statistical guess: the kind of face that goes with such a voice in the training "
    "data, mostly apparent gender and age. It is not what the speaker looks like, and it identifies nobody."
)
NOTHING = "There is no recording yet: choose an example, speak into the microphone, or choose a file."
POPULATIONS = ("unseen", "seen")
GROUPS = {"ungrouped": "any other person", "gender": "another person of the same gender"}


def png_uri(face: Image.Image) -> str:
    return f"data:image/png;base64,{png_base64(face)}"


def picture(uri: str, alt: str, more: str = "") -> str:
    """`alt` is HTML already."""
    return f"<img src='{uri}' alt='{alt}'{more}>"


def figure(face: Image.Image, alt: str, caption: str) -> str:
    return f"<figure>{picture(png_uri(face), alt)}<figcaption>{caption}</figcaption></figure>"


def grid(pictures: Iterable[str]) -> str:
    return f"<div class='faces'>{''.join(pictures)}</div>"


def section(title: str, note: str, body: str, kind: str = "") -> str:
    return f"<section{kind}><h2>{title}</h2><p class='quiet'>{note}</p>{body}</section>"


def details(title: str, body: str, kind: str = "") -> str:
    """What is opened on request."""
    return f"<details{kind}><summary>{title}</summary>{body}</details>"


def head(source: str) -> str:
    """Title and warning. source: of the training data."""
    known = SAMPLE if source == "sample" else REAL
    return (
        "<header class='dfg'><h1>A face from a voice</h1>"
        f"<p class='warning' role='note'><strong>{MEANING}</strong> {escape(known)}</p></header>"
    )


def invitation() -> str:
    """Above the example voices."""
    return (
        "<div class='dfg'><h2>Choose a voice</h2><p class='quiet'>One of a sample person, who does not exist "
        "and whom no training met; your own; or one from a sound or video file.</p></div>"
    )


def message(text: str) -> str:
    """Why there are no faces."""
    return f"<div class='dfg'><p class='alert' role='alert'>{escape(text)}</p></div>"


def waiting() -> str:
    return "<div class='dfg empty'><p class='quiet'>The face appears here.</p></div>"


def working(text: str) -> str:
    """What is being done, in place of the faces."""
    return f"<div class='dfg empty'><p class='working' role='status'>{escape(text)} \u2026</p></div>"


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
    note = (
        "Two real faces, one of them the speaker\u2019s: how often is the generated face nearer to the right "
        "one (centred cosine)? In percent, with 95 % intervals; chance is 50. The model was trained on seen "
        "people, never on unseen ones."
    )
    table = f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return details("How good the faces are", f"<p class='quiet'>{note}</p>{table}", " class='dfg figures'")


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "<td></td>"
    interval = f"{percent(cell['ci95_low'])} to {percent(cell['ci95_high'])}"
    return f"<td>{percent(cell['accuracy'])} <small>{interval}</small></td>"
