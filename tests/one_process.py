"""All stages of dvc.yaml in their order, in one process: what `dvc repro` runs in a fresh clone, without importing everything for each stage.

python -m tests.one_process
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


def commands(stages: dict[str, Any]) -> Iterator[list[str]]:
    """The words behind `python` of every stage; stages of many follow each other. dvc.yaml names a stage after those it depends on."""
    for entry in stages.values():
        done = entry.get("do", entry)
        keys = list(entry.get("foreach", [])) or entry.get("matrix", {}).get("system", [""])
        for key in keys:
            yield done["cmd"].replace("${key}", key).replace("${item.system}", key).split()[1:]


def main() -> None:
    for script, *arguments in commands(yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]):
        sys.argv = [script, *arguments]
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
