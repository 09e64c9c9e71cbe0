"""All stages of dvc.yaml in their order, in one process: what `dvc repro` runs in a fresh clone, without
importing everything for each stage.

python -m tests.one_process
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


def commands(stages: dict[str, Any], params: dict[str, Any]) -> Iterator[list[str]]:
    """The words behind `python` of every stage; stages of many follow each other. dvc.yaml names a stage
    after those it depends on."""
    for entry in stages.values():
        done = entry.get("do", entry)
        keys = entry.get("foreach", entry.get("matrix", {}).get("system", [""]))
        if isinstance(keys, str):  # ${section.key}
            section, _, name = keys.removeprefix("${").removesuffix("}").partition(".")
            keys = params[section][name]
        for key in keys:
            command = done["cmd"]
            for variable in ("${key}", "${item}", "${item.system}"):
                command = command.replace(variable, key)
            yield command.split()[1:]


def main() -> None:
    stages, params = (
        yaml.safe_load(Path(name).read_text(encoding="utf-8")) for name in ("dvc.yaml", "params.yaml")
    )
    for script, *arguments in commands(stages["stages"], params):
        sys.argv = [script, *arguments]
        runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
