"""`make repro`: what `dvc repro` does, and at the end what was made, how good it is, and where to look.

DVC's own last words, how to `git add` dvc.lock and to `dvc push`, are left out; errors are not.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lanes

from deepfacegen.errors import UserError
from deepfacegen.tracking import sender, store
from deepfacegen.tracking.spool import FOLDER

SYSTEM = "cgan"
SEND_SECONDS = 120.0  # for what the last stages recorded
WIDTH = 14  # of the names in front of each line


def cell(tree: dict[str, Any], path: str) -> Any:
    """The value at a dotted path, or None."""
    value: Any = tree
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def closing(root: Path = Path()) -> str:
    """The text after a run, from the metrics and folders below `root`; of what is not there, nothing."""
    blocks = (_made(root), _headline(root), _places(root))
    return "\n\n".join(
        "\n".join(f"{name:<{WIDTH}}{text}" for name, text in block) for block in blocks if block
    )


def _made(root: Path) -> list[tuple[str, str]]:
    people, lines = _read(root, "manifest").get("identities", {}), []
    if people:
        splits = ", ".join(f"{cell(people, f'{split}.all')} {split}" for split in ("train", "val", "test"))
        lines.append(("people", f"{people['all']} ({splits})"))
    evaluated = sorted(path.stem for path in (root / "metrics/evaluate").glob("*.json"))
    skipped = [name for name in evaluated if "skipped" in _read(root, f"evaluate/{name}")]
    if evaluated:
        named = ", ".join(f"{name} (skipped)" if name in skipped else name for name in evaluated)
        lines.append(("systems", named))
    return lines


def _headline(root: Path) -> list[tuple[str, str]]:
    own = _read(root, f"evaluate/{SYSTEM}")
    matching, lines = "matching.voice_to_face.unseen", []
    accuracy, grouped = (_interval(cell(own, f"{matching}.{group}")) for group in ("ungrouped", "gender"))
    if accuracy:
        by_gender = f", {grouped} grouped by gender" if grouped else ""
        lines.append((SYSTEM, f"matching accuracy on unseen people {accuracy}{by_gender} (chance 50 %)"))
    if quality := cell(own, "quality"):
        lines.append(("image quality", ", ".join(_quality(quality, str(own.get("judge"))))))
    if nearest := _interval(cell(own, f"baselines.nearest_voice.{matching}.ungrouped")):
        lines.append(("baseline", f"{nearest} with the real face of the training voice that is nearest"))
    return lines


def _quality(quality: dict[str, Any], judge: str) -> Iterator[str]:
    """Of generated faces, in brackets of real ones."""
    for name in ("precision", "recall"):
        if name in quality:
            yield f"{name} {quality[name] * 100:.1f} % (real faces {quality[f'{name}_real'] * 100:.1f} %)"
    if f"fd_{judge}" in quality:
        yield f"Fréchet distance {quality[f'fd_{judge}']:.2f} ({quality[f'fd_{judge}_real']:.2f})"


def _places(root: Path) -> list[tuple[str, str]]:
    found = [
        ("report", "report/index.html"),
        ("figures", "metrics/headline.json"),
        ("release", "models/release"),
    ]
    hints = {
        "report": "`deepfacegen report --open`",
        "figures": "`dvc metrics show`; all others beside it",
        "release": "`deepfacegen generate speech.m4a face.png`",
    }
    lines = [(name, f"{path} ({hints[name]})") for name, path in found if (root / path).exists()]
    if page := store.page():
        lines += zip(("runs", ""), filter(None, page), strict=False)
    return [*lines, ("commands", "after `source .venv/bin/activate`")] if lines else []


def _interval(found: dict[str, Any] | None) -> str:
    if not found:
        return ""
    value, low, high = (found[key] * 100 for key in ("accuracy", "ci95_low", "ci95_high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def _read(root: Path, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads((root / "metrics" / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def main(arguments: list[str]) -> int:
    """`dvc repro` with these arguments; returns its exit code. Without any, the sample people's stages run
    side by side before."""
    try:
        most = 1 if arguments else lanes.lanes(os.environ)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    status = lanes.run(most) if most > 1 else 0
    status = status or lanes.reproduce(arguments)
    if left := sender.finished(SEND_SECONDS):
        sys.stdout.write(f"\n{left} runs wait in {FOLDER}/, to be sent to MLflow with the next stage\n")
    if status == 0 and (text := closing()):
        sys.stdout.write(f"\n{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
