"""Write the code that each DVC stage depends on into dvc.yaml, from what the stage's script imports.

`python tools/dependencies.py` rewrites the `src/` lines below every `deps:`; nobody keeps them by hand.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
PACKAGE = SRC / "deepfacegen"
# No dependency of a stage: what these hold cannot change a result without a change of params.yaml or of
# another file. Parameters reach a stage through `params`; weights are checked by sha256; the others report,
# or end a stage that cannot go on. A change that does matter is forced with `dvc repro -f`.
NOT_A_DEP = {
    *("config", "tracking", "allocator.py", "distributed.py", "early_interrupt.py", "errors.py"),
    *("progress.py", "room.py", "stage.py", "stopping.py", "summary.py", "threads.py", "weights.py"),
}
# (file, what it imports inside a function) -> the only stage that calls that function; none: no stage.
ONLY_IN = {
    ("data/sources/prepare.py", "synthetic/write.py"): "download",
    ("__init__.py", "api/voice_to_face.py"): None,
}
# Stages with an instance for each system, which loads the folder systems/<system> by name.
BY_SYSTEM = {"baseline": "${item.system}", "evaluate": "${key}"}


@functools.cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of everything below src."""
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, anywhere in it; the package's own as the most precise dotted name."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                found.add(name if name in modules() else node.module or "")
    return frozenset(found)


@functools.cache
def reached(path: Path, stage: str | None = None) -> frozenset[Path]:
    """The file and all files of the package that it imports, directly or not, when `stage` runs it."""
    apart = {
        (PACKAGE / a, PACKAGE / b)
        for (a, b), only in ONLY_IN.items()
        if only is None or stage not in (None, only)
    }
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            found = [modules()[name] for name in imports(current) if name in modules()]
            waiting += [file for file in found if (current, file) not in apart]
    return frozenset(seen)


def systems(entry: dict[str, Any]) -> list[str]:
    """The systems that a stage of BY_SYSTEM has an instance for."""
    return list(entry.get("foreach") or entry["matrix"]["system"])


def code(stage: str, entry: dict[str, Any]) -> set[Path]:
    """The files below src whose change makes a stage run again: of a stage in BY_SYSTEM those that all of its
    instances depend on, so without the folders of the systems."""
    body = entry.get("do", entry)
    roots = [ROOT / body["cmd"].split()[1]]
    folders = [PACKAGE / "systems" / name for name in systems(entry)] if stage in BY_SYSTEM else []
    roots += [file for folder in folders for file in sorted(folder.glob("*.py"))]
    files = {file for root in roots for file in reached(root, stage) if SRC in file.parents}
    files = {file for file in files if not any(folder in file.parents for folder in folders)}
    return {
        file
        for file in files
        if file.name != "__init__.py" and file.relative_to(PACKAGE).parts[0] not in NOT_A_DEP
    }


def folded(files: set[Path], folder: Path = PACKAGE) -> Iterator[Path]:
    """The same files, a folder in place of the files in it where they are at least half of them; never
    `systems`, which holds systems that the stage does not run."""
    inside = {path for path in folder.rglob("*.py") if path.name != "__init__.py"}
    if folder not in (PACKAGE, PACKAGE / "systems", PACKAGE / "data") and 2 * len(inside & files) >= len(
        inside
    ):
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir() and any(path in file.parents for file in files):
            yield from folded(files, path)
        elif path in files:
            yield path


def rewritten(text: str) -> str:
    """dvc.yaml with the `src/` lines of every `deps:` as the imports want them."""
    stages, lines, stage = yaml.safe_load(text)["stages"], [], ""
    for line in text.splitlines(keepends=True):
        if found := re.fullmatch(r"  (\w+):\n", line):
            stage = found[1]
        if re.match(r" +- src/", line):
            continue
        lines.append(line)
        if found := re.fullmatch(r"( +)- stages/\w+\.py\n", line):
            paths = [path.relative_to(ROOT).as_posix() for path in folded(code(stage, stages[stage]))]
            if stage in BY_SYSTEM:
                paths.append(f"src/deepfacegen/systems/{BY_SYSTEM[stage]}")
            lines += [f"{found[1]}- {path}\n" for path in paths]
    return "".join(lines)


def main() -> int:
    path = ROOT / "dvc.yaml"
    path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
