"""Pictures of unseen people, the quality of generated faces, and the audit of null attributes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepfacegen.config.schema import Config
from deepfacegen.report import media
from deepfacegen.report.collect import SPEECH_RATE_HZ, People
from deepfacegen.report.values import CHANCE, cell, estimate, words

MOVES = {
    "directions": (
        "What the voice says",
        "The typical face of the mean voice, moved along one direction of faces in each row, by standard "
        "deviations over faces. The direction that voices say most about comes first.",
    ),
    "seconds": (
        "Seconds of speech",
        "One unseen person in each row: the typical face of the first seconds of their speech.",
    ),
    "temperature": (
        "Temperature",
        "Faces of one unseen voice, the same latents in each row. At 0 all are its typical face; at 1 they "
        "vary as real faces do.",
    ),
}

ATTRIBUTES = {"skin_tone": "Skin tone", "eye_colour": "Eye colour", "hair_colour": "Hair colour"}
HALVES = "one half of the real faces against the other"
REAL_PEOPLE = "two real people"
HEADLINE = ("Fréchet distance", "Precision", "Recall", "Coverage")  # measures outside of the folded table
# Of faces, as the metrics name them, and the temperature at which they were generated.
COUNTS = ("drawn", "true", "compared", "detected_of", "temperature")


@dataclass(frozen=True)
class Measure:
    """One row: the key of its value ({} stands for the judge), a sentence, and the key and the name of the
    reference value."""

    name: str
    key: str
    sentence: str
    reference: str | None = None
    beside: str = ""
    as_percent: bool = False


MEASURES = (
    Measure(
        "Detected faces", "generated.detected_share", "Share with a face for the detector.", as_percent=True
    ),
    Measure(
        "Fréchet distance",
        "quality.fd_{}",
        "Distance between the distributions of generated and real faces in the judge\u2019s features.",
        "quality.fd_{}_real",
        HALVES,
    ),
    Measure(
        "Kernel distance",
        "quality.kd_{}",
        "The same without assuming normal distributions; unbiased, about 0 for equal ones.",
        "quality.kd_{}_real",
        HALVES,
    ),
    Measure(
        "Precision",
        "quality.precision",
        "Share of generated faces within the manifold of real ones (realism).",
        "quality.precision_real",
        HALVES,
        True,
    ),
    Measure(
        "Recall",
        "quality.recall",
        "Share of real faces within the manifold of generated ones (variety).",
        "quality.recall_real",
        HALVES,
        True,
    ),
    Measure(
        "Density",
        "quality.density",
        "How densely real faces surround generated ones; more robust than precision, and can exceed 1.",
        "quality.density_real",
        HALVES,
    ),
    Measure(
        "Coverage",
        "quality.coverage",
        "Share of real faces with a generated near neighbour.",
        "quality.coverage_real",
        HALVES,
        True,
    ),
    Measure(
        "Recall at temperature 1",
        "quality_temperature_1.recall",
        "Recall with latents at full scale: the whole variety of the system.",
        "quality_temperature_1.recall_real",
        HALVES,
        True,
    ),
    Measure(
        "Detail of 2 to 4 px",
        "spectrum.octave_4_to_2_px",
        "Power of generated over that of real faces at the finest wavelengths; below 1 is too smooth.",
    ),
    Measure(
        "Weave",
        "spectrum.axes_share_generated",
        "Share of the detail below 8 px that runs along rows or columns of pixels; more than in real faces "
        "is a visible grid.",
        "spectrum.axes_share_real",
        "real faces",
        True,
    ),
    Measure(
        "Perceptual distance within a voice",
        "quality.perceptual_within_voice",
        "Of two faces of one voice, in a judge\u2019s inner layers: the effect of the latent.",
        "quality.perceptual_real",
        REAL_PEOPLE,
    ),
    Measure(
        "Perceptual distance between voices",
        "quality.perceptual_between_voices",
        "Of faces of two voices with latents of their own: voice and latent together.",
        "quality.perceptual_real",
        REAL_PEOPLE,
    ),
    Measure(
        "Judge\u2019s distance within a voice",
        "generated.diversity_within_voice",
        "By the judge\u2019s cosine distance: the effect of the latent.",
    ),
    Measure(
        "Judge\u2019s distance between voices",
        "generated.diversity_between_voices",
        "By the judge\u2019s cosine distance, with equal latents: the effect of the voice.",
    ),
    Measure(
        "Nearest training face",
        "quality.nearest_training_generated",
        "Median distance from the face of an unseen voice to the nearest training face; 0 is a copy.",
        "quality.nearest_training_real",
        "real faces of the same people",
    ),
    Measure(
        "Nearer to the training than a real face",
        "quality.nearest_training_auc",
        "Share of such faces; 50 is no sign of copying. Smooth faces are nearer to all faces, so more is "
        "evidence of copying only with a nearest distance far below its reference.",
        as_percent=True,
    ),
)


def quality(metrics: dict[str, Any], picture: Path | None = None) -> dict[str, Any] | None:
    """One row per measure that is there: the value, its reference, one sentence; and the contact sheet, a
    picture of faces of many voices, as `sheet` (uri, width, height)."""
    judge, rows = str(metrics.get("judge")), []
    for measure in MEASURES:
        value, reference = (
            cell(metrics, key.format(judge)) if key else None for key in (measure.key, measure.reference)
        )
        if value is not None:
            rows.append({"measure": measure, "value": value, "reference": reference})
    counts = {**(metrics.get("generated") or {}), **(metrics.get("quality") or {})}
    if not rows:
        return None
    return {
        "rows": rows,
        "headline": [row for row in rows if row["measure"].name in HEADLINE],
        "sheet": sheet(picture),
        **{name: counts.get(name) for name in COUNTS},
    }


def moves(sheets: dict[str, Path]) -> list[dict[str, Any]]:
    """The sheets of what moves a face, as far as they are there: title, words and uri."""
    return [
        {"title": title, "words": sentence, "uri": media.webp_uri(sheets[name])}
        for name, (title, sentence) in MOVES.items()
        if name in sheets
    ]


def sheet(path: Path | None) -> dict[str, Any] | None:
    """The contact sheet: uri, width and height."""
    if path is None:
        return None
    pixels = media.picture(path)
    return {"uri": media.jpeg_uri(pixels), "width": pixels.shape[1], "height": pixels.shape[0]}


def audit(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Accuracy of each null attribute on generated faces, beside chance and the same test on real faces."""
    rows = []
    for key, found in (metrics.get("null_attributes") or {}).items():
        accuracy, chance = estimate(found), found.get("chance", CHANCE)
        if accuracy:
            known = accuracy.low is not None and accuracy.high is not None
            row = {
                "name": ATTRIBUTES.get(key, words(key).capitalize()),
                "accuracy": accuracy,
                "chance": chance,
                "inside": accuracy.low <= chance <= accuracy.high if known else None,
                "on_real_faces": found.get("on_real_faces"),
            }
            rows.append(row)
    return rows


def people(found: People | None, config: Config) -> list[dict[str, Any]]:
    """The first unseen people, in the order of the data: real face, generated faces, speech."""
    cards = []
    for i in range(min(config.report.people, len(found.table)) if found else 0):
        assert found is not None
        person = found.table.iloc[i]
        facts = [{"f": "woman", "m": "man"}.get(person["gender"], "gender not listed")]
        if person["age_years"] == person["age_years"]:
            facts.append(f"{person['age_years']:.0f} years")
        # A page that may be passed on contains no voices of real people.
        sample = config.data.source == "sample"
        cards.append(
            {
                "id": person["identity_id"],
                "words": ", ".join(facts),
                "real": media.jpeg_uri(found.real[i]),
                "generated": [media.jpeg_uri(face) for face in found.generated[i, : config.report.draws]],
                "speech": media.wav_uri(found.speech[i], SPEECH_RATE_HZ) if sample else None,
            }
        )
    return cards
