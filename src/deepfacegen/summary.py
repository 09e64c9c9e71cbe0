"""The summary line of a stage: files found, kept and rejected by reason, and the path of the result.

All counts come from the stage's metrics, so a new reason of rejection needs no change here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Metrics = Mapping[str, Any]
METRICS = Path("metrics")
REJECTS = {
    "audio": "data/audio/rejects.parquet",
    "faces": "data/faces/rejects.parquet",
    "photos": "data/voiceless/rejects.parquet",
}
SEEN = {"audio": "voice file", "faces": "face file", "photos": "photo without a voice"}
WEIGHTS = {
    "pretrain": "models/voice",
    "prior": "models/prior",
    "train": "models/cgan",
    "face": "models/face",
    "speech2face": "models/speech2face",
    "refine": "models/cyclegan",
}
SECTIONS = {"refine": "cyclegan"}  # of params.yaml, where its name is not the stage's
# Losses and metrics of training; the line has the first three that exist.
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
GROUPS = {"ungrouped": "ungrouped", "gender": "grouped by gender"}
REFINED = {"bicubic": "bicubic", "given": "refined with known attributes", "guessed": "with guessed ones"}
PLURALS = {"person": "people", "photo without a voice": "photos without a voice"}


def line(stage: str, metrics: Metrics, params: Metrics, seconds: float) -> str:
    """The line of `stage` (as in DVC: `evaluate@cgan`) from its metrics and its parameters (dotted names)."""
    try:
        text = _text(stage, metrics, params)
    except (LookupError, TypeError, AttributeError):  # unknown metrics must not fail a finished stage
        text = "done"
    return f"{stage}: {text} ({seconds:.1f} s)"


def _text(stage: str, metrics: Metrics, params: Metrics) -> str:
    kind, _, which = stage.partition("@")
    if "skipped" in metrics:
        return f"skipped: {metrics['skipped']}"
    if kind in LINES:
        return LINES[kind](metrics, which)
    if kind in WEIGHTS or kind == "baseline":
        steps = params.get(f"{SECTIONS.get(kind, which or kind)}.steps")
        return _training(metrics, WEIGHTS.get(kind, f"models/{which}"), steps)
    return "done"


def count(number: int, noun: str) -> str:
    """1 person, 2 people, 1,000 files."""
    return f"{number:,} {noun if number == 1 else PLURALS.get(noun, f'{noun}s')}"


def reasons(counts: Mapping[str, Any]) -> str:
    """`no_face 2, corrupt 1`: most frequent first, without zeros and the sum `all`."""
    numbers = [(-n, key) for key, n in counts.items() if key != "all" and isinstance(n, int) and n > 0]
    return ", ".join(f"{key} {-negative:,}" for negative, key in sorted(numbers))


def _download(metrics: Metrics, which: str) -> str:
    people, voices, faces = metrics["identities"], metrics["voices"], metrics["faces"]
    photos, films = faces.get("photo", 0), faces.get("video", 0)
    found = [f"{count(people['listed'], 'person')} listed", count(voices["files"], "clip")]
    found += [count(photos, "photo"), *([f"{count(films, 'film')} with a face"] if films else [])]
    parts = [", ".join(found)]
    if "fetched" in metrics:
        fetched = {key: n for key, n in metrics["fetched"].items() if key not in ("objects", "bytes")}
        parts.append(f"fetched: {reasons(fetched) or 'nothing'}")
    lone = {key: people[key] for key in ("voice_only", "face_only", "without_files") if people.get(key)}
    if lone:
        parts.append(f"not listed: {count(sum(lone.values()), 'person')} ({reasons(lone)})")
    passed = dict(_whole({name: metrics.get(name) for name in ("unlisted", "ignored", "passed_over")}))
    if any(passed.values()):
        ignored = metrics.get("ignored_list")
        where = f"list in {ignored}" if ignored else "counted in metrics/download.json"
        parts.append(f"passed over: {reasons(passed)}, {where}")
    return "; ".join(parts)


def _audio(metrics: Metrics, which: str) -> str:
    people, hours = count(metrics["voices"], "person"), metrics["speech_hours"]
    length = f"{hours:.2f} hours" if hours >= 0.1 else f"{hours * 60:.1f} minutes"
    return f"{_of_files(metrics, 'audio', count(metrics['kept'], 'clip'))}; {length} of speech of {people}"


def _faces(metrics: Metrics, which: str) -> str:
    files = _of_files(metrics, "faces", count(metrics["faces"], "face"))
    return f"{files}; {count(metrics['people'], 'person')}"


def _photos(metrics: Metrics, which: str) -> str:
    if not metrics["seen"]:
        return "none of people without voices (data.photos_root is null)"
    files = _of_files(metrics, "photos", count(metrics["faces"], "face"))
    passed = f"; passed over: {reasons(metrics['ignored'])}" if metrics.get("ignored") else ""
    return f"{files}; {count(metrics['people'], 'person')} without voices{passed}"


def _of_files(metrics: Metrics, stage: str, kept: str) -> str:
    rejected, text = metrics["rejected"], "none rejected"
    if rejected["all"]:
        text = f"{rejected['all']:,} rejected ({reasons(rejected)}), list in {REJECTS[stage]}"
    return f"{count(metrics['seen'], 'file')}: {kept} kept, {text}"


def _manifest(metrics: Metrics, which: str) -> str:
    people = metrics["identities"]
    splits = ", ".join(f"{people[split]['all']:,} {split}" for split in ("train", "val", "test"))
    files = f"{count(metrics['clips']['all'], 'clip')}, {count(metrics['faces']['all'], 'face')}"
    parts = [f"{count(people['all'], 'person')} ({splits}), {files}"]
    if people.get("dropped"):
        parts.append(f"{count(people['dropped'], 'person')} without a clip or a face")
    if photos := metrics.get("photos"):
        removed = photos["removed"]
        parts.append(
            f"{count(photos['all'], 'photo')} of {count(photos['people'], 'person')} without voices, "
            f"{removed['all']:,} of held-out people removed"
            + (f" ({reasons(removed)})" * bool(removed["all"]))
        )
    for stage, path in REJECTS.items():
        rejected = _read(stage).get("rejected", {})
        if rejected.get("all"):
            files = count(rejected["all"], SEEN[stage])
            parts.append(f"{files} rejected before ({reasons(rejected)}: {path})")
    return "; ".join(parts)


def _training(metrics: Metrics, weights: str, steps: Any) -> str:
    last = {**metrics.get("losses", {}), **metrics.get("train", {})}
    figures = [f"{name} {last[name]:.3g}" for name in FIGURES if name in last][:3]
    trained = metrics.get("effort", {}).get("steps", 0)
    ready_made = not trained and steps != 0  # a start in closed form is kept by asking for 0 steps
    done = ["ready-made, nothing trained"] if ready_made else [count(trained, "step"), *figures]
    error = metrics.get("verification", {}).get("unseen", {}).get("eer")
    unseen = f"; equal error rate on unseen people {error * 100:.1f} %" if error is not None else ""
    return f"{', '.join(done)}{unseen}; weights in {weights}"


def _evaluate(metrics: Metrics, which: str) -> str:
    where = f"figures in metrics/evaluate/{which}.json"
    cells = metrics.get("matching", {}).get("voice_to_face", {})
    if cells:
        shares = filter(None, (_share(cells, *group) for group in GROUPS.items()))
        return f"matching accuracy (chance 50 %): {'; '.join(shares)}; {where}"
    values = {label: _psnr(metrics, name) for name, label in REFINED.items()}
    found = ", ".join(f"{label} {value:.1f} dB" for label, value in values.items() if value is not None)
    return f"refined faces of unseen people, PSNR: {found}; {where}" if found else where


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
    "photos": _photos,
    "manifest": _manifest,
    "evaluate": _evaluate,
    "report": _report,
    "release": _release,
}


def _psnr(metrics: Metrics, name: str) -> float | None:
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
