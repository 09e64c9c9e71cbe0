"""A small project with a real DVC pipeline, whose stages write what they are given instead of computing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

STAGE = """\
import json, pathlib, sys
name = sys.argv[1]
with open("ran.txt", "a") as log: print(name, file=log)
given = json.loads(pathlib.Path(f"models/{name}/given.json").read_text())
out = pathlib.Path(f"metrics/evaluate/{name}.json")
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(json.dumps(given))
pathlib.Path(f"data/evaluate/{name}").mkdir(parents=True, exist_ok=True)
print("evaluating", name)
"""
REPORT = """\
import pathlib
pathlib.Path('report').mkdir(exist_ok=True)
pathlib.Path('report/index.html').write_text('<p>made anew</p>')
"""
SYSTEMS = ("cgan", "pins", "cyclegan")


def cell(percent: float, **more: Any) -> dict[str, Any]:
    return {
        "accuracy": percent / 100,
        "ci95_low": percent / 100 - 0.02,
        "ci95_high": percent / 100 + 0.02,
        "trials": 40,
        "identities": 4,
        **more,
    }


def matching(ungrouped: float, gender: float | None) -> dict[str, Any]:
    """Unseen people as given, seen ones two points better."""
    found = {
        population: {"ungrouped": cell(ungrouped + more)}
        | ({} if gender is None else {"gender": cell(gender + more)})
        for population, more in (("unseen", 0), ("seen", 2))
    }
    return {"voice_to_face": found, "face_to_voice": {}}


def metrics() -> dict[str, dict[str, Any]]:
    oracle = {"gender": {"matching": matching(73, 50)}}
    result = {
        way: {"bicubic": value, "given": {"refined": value + 1}, "guessed": {"refined": value + 2}}
        for way, value in (("psnr_db", 26.0),)
    }
    result |= {
        way: {"bicubic": 0.5, "given": {"refined": 0.6}, "guessed": {"refined": 0.7}}
        for way in ("ssim", "identity_cosine")
    }
    return {
        "cgan": {
            "judge": "sface",
            "matching": matching(81, 71),
            "matching_centred": matching(83, 73),
            "oracle": oracle,
        },
        "pins": {"judge": "sface", "matching": matching(91, None), "oracle": oracle},
        "cyclegan": {"judge": "sface", "refinement": {"scale": 8, "size_px": 128, **result}},
    }


def project(folder: Path) -> Path:
    """Git and DVC in `folder`, stages `evaluate@...` and `report`, and "trained" systems."""
    folder.mkdir()
    entry = {
        "cmd": "python stage.py ${item}",
        "deps": ["stage.py", "models/${item}"],
        "outs": ["data/evaluate/${item}"],
        "metrics": [{"metrics/evaluate/${item}.json": {"cache": False}}],
    }
    stages = {"evaluate": {"foreach": [*SYSTEMS, "untrained"], "do": entry}}
    report = {"report": {"cmd": "python report.py", "deps": ["report.py"], "outs": ["report"]}}
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages | report}), encoding="utf-8")
    (folder / "stage.py").write_text(STAGE, encoding="utf-8")
    (folder / "report.py").write_text(REPORT, encoding="utf-8")
    for name, given in metrics().items():
        (folder / "models" / name).mkdir(parents=True)
        (folder / "models" / name / "given.json").write_text(json.dumps(given), encoding="utf-8")
    for words in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(
            words, cwd=folder, check=True, capture_output=True, env={**os.environ, "DVC_NO_ANALYTICS": "1"}
        )
    return folder
