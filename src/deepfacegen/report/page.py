"""The static page: one file, everything inside it, nothing fetched from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from deepfacegen.config import Config, to_dict
from deepfacegen.report import figures
from deepfacegen.report.collect import HEADLINE, SPEECH_RATE_HZ, Collected, People, cell
from deepfacegen.report.published import ROWS

GRIDS_SHOWN = 4
NAMES = {
    ("seen", "ungrouped"): "Seen, any impostor",
    ("seen", "gender"): "Seen, same gender",
    ("unseen", "ungrouped"): "Unseen, any impostor",
    ("unseen", "gender"): "Unseen, same gender",
}
ATTRIBUTES = {"skin_tone": "Skin tone", "eye_colour": "Eye colour", "hair_colour": "Hair colour"}
RECALLS_SHOWN = (1, 5, 10)
KINDS = (
    ("matching", "Plain cosine", "as published work does it"),
    ("matching_centred", "Centred cosine", "what all drawn faces share is removed first"),
)


def render(found: Collected, config: Config) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(loader=jinja2.PackageLoader("deepfacegen.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["percent"] = _percent
    environment.filters["number"] = _number
    systems = [_system(name, metrics, found.people.get(name), config) for name, metrics in found.systems.items()]
    return environment.get_template("report.html.j2").render(
        systems=systems,
        published=[{"name": row.name, "source": row.source, "cells": [getattr(row, f"{p}_{g}") for p, g in HEADLINE]} for row in ROWS],
        grids=[{"step": step, "uri": figures.jpeg_uri(_picture(path))} for step, path in _evenly(found.grids, GRIDS_SHOWN)],
        curves={stage: figures.curve_charts(table) for stage, table in found.curves.items()},
        data=_accounting(found),
        sample=config.data.source == "sample",
        parameters=to_dict(config),
    )


def write(found: Collected, config: Config, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(render(found, config), encoding="utf-8")
    return path


def _system(name: str, metrics: dict[str, Any], people: People | None, config: Config) -> dict[str, Any]:
    """What the template shows of one system."""

    def row(label: str, note: str, prefix: str, kind: str) -> dict[str, Any] | None:
        cells = [cell(metrics, f"{prefix}.voice_to_face.{p}.{g}") for p, g in HEADLINE]
        return {"label": label, "note": note, "kind": kind, "cells": cells} if any(cells) else None

    rows = [
        *(row(label, note, key, "own") for key, label, note in KINDS),
        row("Perfect listener, plain", "knows all that the voice tells, invents the rest", "ceiling.matching", "reference"),
        row("Perfect listener, centred", "the same with the centred cosine", "ceiling.matching_centred", "reference"),
        row("Gender oracle", "hears only whether a woman or a man speaks", "oracle.gender.matching", "reference"),
        {"label": "Chance", "note": "a coin", "kind": "reference", "cells": [{"accuracy": 0.5}] * len(HEADLINE)},
    ]
    audit = [{"name": ATTRIBUTES.get(key, key), **values} for key, values in metrics.get("null_attributes", {}).items()]
    return {
        "name": name,
        "judge": metrics.get("judge"),
        "digest": cell(metrics, "data.digest"),
        "counts": {p: cell(metrics, f"data.{p}") or {} for p in ("seen", "unseen")},
        "rows": [entry for entry in rows if entry],
        "headlines": [h for h in (_headline(metrics, *kind) for kind in KINDS) if h["unseen"]],
        "chart": figures.interval_chart([_estimate(metrics, p, g) for p, g in HEADLINE]),
        "verification": _verification(metrics),
        "retrieval": _retrieval(metrics),
        "back": [(NAMES[p, g], [cell(metrics, f"{key}.face_to_voice.{p}.{g}") for key, *_ in KINDS]) for p, g in HEADLINE],
        "generated": metrics.get("generated", {}),
        "audit": audit,
        "people": _cards(people, config) if people else [],
    }


def _verification(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of AUC and EER, plain and centred; cells in the order of the headline, each a value with its interval or None."""
    rows = []
    for rate, short, name in (("auc", "AUC", "area under the curve"), ("eer", "EER", "equal error rate")):
        for key, label, _ in KINDS:
            found = [cell(metrics, f"{key.replace('matching', 'verification')}.voice_to_face.{p}.{g}") for p, g in HEADLINE]
            if any(found):
                rows.append({"label": f"{short}, {label.lower()}", "note": name, "cells": [_with_interval(c, rate) for c in found]})
    return rows


def _retrieval(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """Per way to compare and population: how the own face stands among all faces."""
    rows = []
    for key, label, _ in KINDS:
        for population in ("unseen", "seen"):
            found = cell(metrics, f"{key.replace('matching', 'retrieval')}.voice_to_face.{population}")
            if found:
                recalls = [(_with_interval(found, f"recall_at_{k}"), found.get(f"recall_at_{k}_chance")) for k in RECALLS_SHOWN]
                rows.append(
                    {**found, "label": f"{population.capitalize()}, {label.lower()}", "recalls": recalls, "map": _with_interval(found, "map")}
                )
    return rows


def _with_interval(found: dict[str, Any] | None, name: str) -> tuple[float, float, float] | None:
    return (found[name], found[f"{name}_ci95_low"], found[f"{name}_ci95_high"]) if found and name in found else None


def _headline(metrics: dict[str, Any], key: str, label: str, note: str) -> dict[str, Any]:
    """The figures of one way to compare. Both ways are shown alike, so that nobody picks the kinder one."""
    return {
        "label": label,
        "note": note,
        "unseen": cell(metrics, f"{key}.voice_to_face.unseen.ungrouped"),
        "unseen_gender": cell(metrics, f"{key}.voice_to_face.unseen.gender"),
        "oracle": cell(metrics, "oracle.gender.matching.voice_to_face.unseen.ungrouped.accuracy"),
        "ceiling": cell(metrics, f"ceiling.{key}.voice_to_face.unseen.ungrouped.accuracy"),
        "progress": cell(metrics, f"progress.{key}.voice_to_face.unseen.ungrouped"),
    }


def _estimate(metrics: dict[str, Any], population: str, group: str) -> figures.Estimate:
    path = f"voice_to_face.{population}.{group}"

    def interval(key: str) -> tuple[float, float, float] | None:
        found = cell(metrics, f"{key}.{path}")
        return (found["accuracy"], found["ci95_low"], found["ci95_high"]) if found else None

    oracle, ceiling = cell(metrics, f"oracle.gender.matching.{path}.accuracy"), cell(metrics, f"ceiling.matching_centred.{path}.accuracy")
    return figures.Estimate(NAMES[population, group], interval("matching"), interval("matching_centred"), oracle, ceiling)


def _cards(people: People, config: Config) -> list[dict[str, Any]]:
    cards = []
    for i in range(min(config.report.people, len(people.table))):
        known = people.table.iloc[i]
        words = [{"f": "woman", "m": "man"}.get(known["gender"], "gender not listed")]
        if known["age_years"] == known["age_years"]:
            words.append(f"{known['age_years']:.0f} years")
        cards.append(
            {
                "id": known["identity_id"],
                "words": ", ".join(words),
                "true": figures.jpeg_uri(people.true[i]),
                "drawn": [figures.jpeg_uri(face) for face in people.drawn[i, : config.report.draws]],
                # Voices of real people stay out of a page that may be passed on.
                "speech": figures.wav_uri(people.speech[i], SPEECH_RATE_HZ) if config.data.source == "sample" else None,
            }
        )
    return cards


def _accounting(found: Collected) -> dict[str, Any]:
    """Files kept and rejected by reason, and who is in which split."""
    stages: list[dict[str, Any]] = []
    for stage, label in (("audio", "Voice clips"), ("faces", "Photos and videos")):
        metrics = found.stages.get(stage)
        if metrics:
            reasons = {key.replace("_", " "): count for key, count in metrics.get("rejected", {}).items() if key != "all"}
            stages.append({"label": label, "seen": metrics.get("seen"), "kept": metrics.get("kept"), "reasons": reasons})
    identities = found.stages.get("manifest", {}).get("identities", {})
    splits = [{"name": name, **identities[name]} for name in ("train", "val", "test") if isinstance(identities.get(name), dict)]
    names = sorted({reason for stage in stages for reason in stage["reasons"]})
    return {"stages": stages, "reasons": names, "splits": splits, "leaks": found.stages.get("manifest", {}).get("leaks")}


def _evenly(items: list[tuple[int, Path]], most: int) -> list[tuple[int, Path]]:
    """First, last and some between."""
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def _picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _percent(value: float | None, digits: int = 1) -> str:
    return "not reported" if value is None else f"{100 * value:.{digits}f}"


def _number(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
