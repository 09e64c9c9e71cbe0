"""The one line with which a stage ends: what it found, kept and rejected, by reason, and where the list or
the result lies.

Everything comes from the stage's metrics, so a reason that a stage counts is shown without a change here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Metrics = Mapping[str, Any]
METRICS = Path("metrics")
REJECTS = {"audio": "data/audio/rejects.parquet", "faces": "data/faces/rejects.parquet"}
SEEN = {"audio": "voice file", "faces": "face file"}
WEIGHTS = {
    "pretrain": "models/voice",
    "train": "models/cgan",
    "face": "models/face",
    "refine": "models/cyclegan",
}
SECTIONS = {"refine": "cyclegan"}  # of params.yaml, where it is not called like the stage
# Of what a training measures, the first three of these that it has are shown.
FIGURES = (
    "loss",
    "accuracy",
    "g/pixel",
    "g/feature",
    "d/accuracy",
    "matching",
    "left_out",
    "hearing/distillation",
    "g/high_low_high",
)
REFINED = {"bicubic": "bicubic", "given": "refined with known attributes", "guessed": "with guessed ones"}
PLURALS = {"person": "people"}


def line(stage: str, metrics: Metrics, params: Metrics, seconds: float) -> str:
    """`stage` as DVC calls it (`evaluate@cgan`), what it returned, its parameters with dotted names, and how
    long it took."""
    try:
        said = _said(stage, metrics, params)
    except (
        LookupError,
        TypeError,
        AttributeError,
    ):  # figures of another shape must not fail a stage that has done its work
        said = "done"
    return f"{stage}: {said} ({seconds:.1f} s)"


def _said(stage: str, metrics: Metrics, params: Metrics) -> str:
    kind, _, which = stage.partition("@")
    if "skipped" in metrics:
        return f"skipped: {metrics['skipped']}"
    if kind in LINES:
        return LINES[kind](metrics, which)
    if kind in WEIGHTS or kind == "baseline":
        return _training(
            metrics,
            WEIGHTS.get(kind, f"models/{which}"),
            params.get(f"{SECTIONS.get(kind, which or kind)}.steps"),
        )
    return "done"


def count(number: int, noun: str) -> str:
    """1 person, 2 people, 1,000 files."""
    return f"{number:,} {noun if number == 1 else PLURALS.get(noun, f'{noun}s')}"


def reasons(counts: Mapping[str, Any]) -> str:
    """`no_face 2, corrupt 1`: most frequent first; what is nothing, or the sum `all`, is left out."""
    numbers = {
        key: value for key, value in counts.items() if key != "all" and isinstance(value, int) and value > 0
    }
    return ", ".join(
        f"{key} {number:,}" for key, number in sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    )


def _download(metrics: Metrics, which: str) -> str:
    people, voices, faces = metrics["identities"], metrics["voices"], metrics["faces"]
    photos, films = faces.get("photo", 0), faces.get("video", 0)
    found = [
        f"{count(people['listed'], 'person')} listed",
        count(voices["files"], "clip"),
        count(photos, "photo"),
    ]
    parts = [", ".join(found + ([f"{count(films, 'film')} with a face"] if films else []))]
    if "fetched" in metrics:
        parts.append(
            f"fetched: {reasons({key: value for key, value in metrics['fetched'].items() if key not in ('objects', 'bytes')}) or 'nothing'}"
        )
    lone = {key: people[key] for key in ("voice_only", "face_only", "without_files") if people.get(key)}
    if lone:
        parts.append(f"not listed: {count(sum(lone.values()), 'person')} ({reasons(lone)})")
    passed = dict(_whole({name: metrics.get(name) for name in ("unlisted", "ignored", "passed_over")}))
    if any(passed.values()):
        where = (
            f"list in {metrics['ignored_list']}"
            if metrics.get("ignored_list")
            else "counted in metrics/download.json"
        )
        parts.append(f"passed over: {reasons(passed)}, {where}")
    return "; ".join(parts)


def _audio(metrics: Metrics, which: str) -> str:
    people, hours = count(metrics["voices"], "person"), metrics["speech_hours"]
    length = f"{hours:.2f} hours" if hours >= 0.1 else f"{hours * 60:.1f} minutes"
    return f"{_of_files(metrics, 'audio', count(metrics['kept'], 'clip'))}; {length} of speech of {people}"


def _faces(metrics: Metrics, which: str) -> str:
    return f"{_of_files(metrics, 'faces', count(metrics['faces'], 'face'))}; {count(metrics['people'], 'person')}"


def _of_files(metrics: Metrics, stage: str, kept: str) -> str:
    rejected = metrics["rejected"]
    gone = (
        f"{rejected['all']:,} rejected ({reasons(rejected)}), list in {REJECTS[stage]}"
        if rejected["all"]
        else "none rejected"
    )
    return f"{count(metrics['seen'], 'file')}: {kept} kept, {gone}"


def _manifest(metrics: Metrics, which: str) -> str:
    people = metrics["identities"]
    splits = ", ".join(f"{people[split]['all']:,} {split}" for split in ("train", "val", "test"))
    parts = [
        f"{count(people['all'], 'person')} ({splits}), {count(metrics['clips']['all'], 'clip')}, {count(metrics['faces']['all'], 'face')}"
    ]
    if people.get("dropped"):
        parts.append(f"{count(people['dropped'], 'person')} left without a clip or a face")
    for stage, path in REJECTS.items():
        rejected = _read(stage).get("rejected", {})
        if rejected.get("all"):
            parts.append(
                f"{count(rejected['all'], SEEN[stage])} rejected before ({reasons(rejected)}: {path})"
            )
    return "; ".join(parts)


def _training(metrics: Metrics, weights: str, steps: Any) -> str:
    last = {**metrics.get("losses", {}), **metrics.get("train", {})}
    figures = [f"{name} {last[name]:.3g}" for name in FIGURES if name in last][:3]
    done = (
        [count(steps, "step"), *figures]
        if last and isinstance(steps, int)
        else figures or ["ready-made, nothing trained"]
    )
    error = metrics.get("verification", {}).get("unseen", {}).get("eer")
    unseen = f"; equal error rate on unseen people {error * 100:.1f} %" if error is not None else ""
    return f"{', '.join(done)}{unseen}; weights in {weights}"


def _evaluate(metrics: Metrics, which: str) -> str:
    where = f"figures in metrics/evaluate/{which}.json"
    cells = metrics.get("matching", {}).get("voice_to_face", {})
    if cells:
        shares = [
            _share(cells, group, label)
            for group, label in (("ungrouped", "any two"), ("gender", "two of one gender"))
        ]
        return f"right face of two (chance 50 %): {'; '.join(filter(None, shares))}; {where}"
    found = [
        f"{label} {_number(metrics, name):.1f} dB"
        for name, label in REFINED.items()
        if _number(metrics, name) is not None
    ]
    return "; ".join(
        ([f"enlarged faces of unseen people, PSNR: {', '.join(found)}"] if found else []) + [where]
    )


def _share(cells: Metrics, group: str, label: str) -> str:
    found = {who: cells.get(who, {}).get(group, {}).get("accuracy") for who in ("unseen", "seen")}
    shares = [f"{value * 100:.1f} % {who}" for who, value in found.items() if value is not None]
    return f"{label} {', '.join(shares)}" if shares else ""


def _watch(metrics: Metrics, which: str) -> str:
    if "folder" not in metrics:
        return f"data.{metrics['key']} is not read with this data.source"
    return f"{metrics['folder']}: {count(metrics['files'], 'file')} in {count(metrics['folders'], 'folder')}"


def _release(metrics: Metrics, which: str) -> str:
    return f"models/release, {metrics['bytes']['all'] / 1e6:.1f} MB"


def _report(metrics: Metrics, which: str) -> str:
    return f"report/index.html, {count(len(metrics.get('systems', {})), 'system')}"


LINES: dict[str, Callable[[Metrics, str], str]] = {
    "watch": _watch,
    "download": _download,
    "audio": _audio,
    "faces": _faces,
    "manifest": _manifest,
    "evaluate": _evaluate,
    "report": _report,
    "release": _release,
}


def _number(metrics: Metrics, name: str) -> float | None:
    """PSNR of a refinement: a figure, or `refined` in a group of figures."""
    found = metrics.get("refinement", {}).get("psnr_db", {}).get(name)
    return found.get("refined") if isinstance(found, Mapping) else found


def _whole(values: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Every count in nested mappings, by its last name."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _whole(value)
        elif isinstance(value, int) and name != "all":
            yield name, value


def _read(stage: str) -> dict[str, Any]:
    try:
        return dict(json.loads((METRICS / f"{stage}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
