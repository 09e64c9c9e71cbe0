"""The pictures themselves: unseen people with what was drawn for them, how good drawn faces are, and what
they must not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deepfacegen.config.schema import Config
from deepfacegen.report import media
from deepfacegen.report.collect import SPEECH_RATE_HZ, People
from deepfacegen.report.values import CHANCE, cell, estimate, words

ATTRIBUTES = {"skin_tone": "Skin tone", "eye_colour": "Eye colour", "hair_colour": "Hair colour"}
HALVES = "one half of the true faces against the other"


@dataclass(frozen=True)
class Measure:
    """One row: where its value is ({} stands for the judge), where its yardstick is and what that is, and
    what it asks, in a sentence."""

    name: str
    key: str
    sentence: str
    yardstick: str | None = None
    beside: str = ""
    as_percent: bool = False


MEASURES = (
    Measure(
        "A detector finds a face",
        "generated.detected_share",
        "Whether the drawings are faces at all.",
        as_percent=True,
    ),
    Measure(
        "Fréchet distance",
        "quality.fd_{}",
        "How far the cloud of drawn faces lies from the cloud of true ones, in the judge\u2019s features; the yardstick is about as near as can be.",
        "quality.fd_{}_real",
        HALVES,
    ),
    Measure(
        "Kernel distance",
        "quality.kd_{}",
        "The same question without taking the clouds for bell-shaped; about 0 is no distance.",
        "quality.kd_{}_real",
        HALVES,
    ),
    Measure(
        "Precision",
        "quality.precision",
        "How many drawn faces lie where true ones lie: do they look real?",
        "quality.precision_real",
        HALVES,
        True,
    ),
    Measure(
        "Recall",
        "quality.recall",
        "How many true faces lie where drawn ones lie: could everybody have been drawn?",
        "quality.recall_real",
        HALVES,
        True,
    ),
    Measure(
        "Density",
        "quality.density",
        "How thickly true faces surround the drawn ones; an outlier spoils it less than precision, and it may exceed 1.",
        "quality.density_real",
        HALVES,
    ),
    Measure(
        "Coverage",
        "quality.coverage",
        "How many true faces have a drawn one as a near neighbour.",
        "quality.coverage_real",
        HALVES,
        True,
    ),
    Measure(
        "Looks: two draws of one voice",
        "quality.perceptual_within_voice",
        "How different they look, by a recogniser\u2019s inner layers: what the noise changes.",
        "quality.perceptual_real",
        "two true people",
    ),
    Measure(
        "Looks: two voices",
        "quality.perceptual_between_voices",
        "How different they look: what the voice changes.",
        "quality.perceptual_real",
        "two true people",
    ),
    Measure(
        "Judge: two draws of one voice",
        "generated.diversity_within_voice",
        "The same by the judge\u2019s cosine distance.",
    ),
    Measure(
        "Judge: two voices, the same noise",
        "generated.diversity_between_voices",
        "The same by the judge\u2019s cosine distance.",
    ),
    Measure(
        "Nearest training face",
        "quality.nearest_training_generated",
        "Median distance from a face drawn for an unseen voice to the nearest face of the training; 0 would be a copy.",
        "quality.nearest_training_real",
        "true faces of the same people",
    ),
    Measure(
        "Nearer to the training than a true face",
        "quality.nearest_training_auc",
        "How often a drawn face is; 50 is no sign of copying. Smooth faces are nearer to all faces, so more than 50 proves copying only "
        "together with a nearest distance far below its yardstick.",
        as_percent=True,
    ),
)


def quality(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """One row per measure that is there: the value, its yardstick, one sentence."""
    judge, rows = str(metrics.get("judge")), []
    for measure in MEASURES:
        value, level = (
            cell(metrics, key.format(judge)) if key else None for key in (measure.key, measure.yardstick)
        )
        if value is not None:
            rows.append({"measure": measure, "value": value, "yardstick": level})
    counts = {**(metrics.get("generated") or {}), **(metrics.get("quality") or {})}
    return (
        {"rows": rows, **{name: counts.get(name) for name in ("drawn", "true", "compared", "detected_of")}}
        if rows
        else None
    )


def audit(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """What no voice tells: accuracy of each attribute in the drawn faces, beside chance and the same test on
    true faces."""
    rows = []
    for key, found in (metrics.get("null_attributes") or {}).items():
        told, chance = estimate(found), found.get("chance", CHANCE)
        if told:
            inside = None if told.low is None or told.high is None else told.low <= chance <= told.high
            name = ATTRIBUTES.get(key, words(key).capitalize())
            rows.append(
                {
                    "name": name,
                    "accuracy": told,
                    "chance": chance,
                    "inside": inside,
                    "on_real_faces": found.get("on_real_faces"),
                }
            )
    return rows


def people(found: People | None, config: Config) -> list[dict[str, Any]]:
    """The first unseen people, in the order of the data: true face, drawn faces, speech."""
    cards = []
    for i in range(min(config.report.people, len(found.table)) if found else 0):
        assert found is not None
        known = found.table.iloc[i]
        told = [{"f": "woman", "m": "man"}.get(known["gender"], "gender not listed")]
        if known["age_years"] == known["age_years"]:
            told.append(f"{known['age_years']:.0f} years")
        cards.append(
            {
                "id": known["identity_id"],
                "words": ", ".join(told),
                "true": media.jpeg_uri(found.true[i]),
                "drawn": [media.jpeg_uri(face) for face in found.drawn[i, : config.report.draws]],
                # Voices of real people stay out of a page that may be passed on.
                "speech": media.wav_uri(found.speech[i], SPEECH_RATE_HZ)
                if config.data.source == "sample"
                else None,
            }
        )
    return cards
