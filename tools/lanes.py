"""Stages of the sample people side by side, for `make repro`: one `dvc repro --single-item` for each, as soon
as the stages that it needs are done. `python tools/lanes.py STAGE` is one of them.

DVC itself runs one stage at a time; several of its processes may work in one repository, for each locks what
its stage reads and writes. The networks of the sample people are so small that a second thread helps little,
a second stage much; and with one thread for each stage, figures are the same on any number of cores.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import yaml
from dvc.cli import main as dvc  # type: ignore[import-untyped]
from dvc.repo import Repo  # type: ignore[import-untyped]
from dvc.ui import ui  # type: ignore[import-untyped]

from deepfacegen import room, threads
from deepfacegen.errors import UserError

DATA = "manifest"  # up to it, stages use all cores themselves
# The longest stages, which generate faces: each of them, and what it needs, comes before all that follows.
FIRST = ("evaluate@cgan", "evaluate@speech2face")
MOST, STAGE_BYTES = 4, 3 * 10**9  # stages at once; memory of the largest one
PUSH = "Use `dvc push`"


class Started(Protocol):
    def poll(self) -> int | None: ...


def lanes(environment: Mapping[str, str], params: Path = Path("params.yaml")) -> int:
    """How many stages run at once: DEEPFACEGEN_LANES, or as many as cores and memory allow; 1 for other data
    than the sample people, whose stages use all cores, and with a GPU. Raises UserError for anything but 1,
    2, ..."""
    if wanted := environment.get("DEEPFACEGEN_LANES", ""):
        if not wanted.isdigit() or int(wanted) < 1:
            raise UserError(f"DEEPFACEGEN_LANES must be a whole number from 1 on, not {wanted!r}")
        return int(wanted)
    try:
        source = yaml.safe_load(params.read_text(encoding="utf-8"))["data"]["source"]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return 1  # the stages say what is wrong
    gpu = Path("/dev/nvidia0").exists() or "DEEPFACEGEN_DEVICE" in environment
    if source != "sample" or gpu:
        return 1
    cores = min(threads.cores(), int(threads.quota_cores() or MOST))
    return max(1, min(MOST, cores, room.memory()[1] // STAGE_BYTES))


def reproduce(arguments: Sequence[str], *options: str) -> int:
    """`dvc repro` with these arguments, and options of DVC itself; returns its exit code."""
    logging.getLogger("dvc.repo.scm_context").setLevel(logging.WARNING)
    write = ui.write

    def without_push(*objects: Any, **more: Any) -> None:
        if not str(objects[0] if objects else "").startswith(PUSH):
            write(*objects, **more)

    with mock.patch.object(ui, "write", without_push):
        return int(dvc([*options, "repro", *arguments]))


def plan() -> dict[str, set[str]]:
    """Stage -> the stages it needs, of all that are to run after the data stages, most urgent first; nothing
    when all is up to date."""
    with Repo() as repo:
        graph = repo.index.graph
        needs = {stage.addressing: {n.addressing for n in graph.successors(stage)} for stage in graph}
        changed = set(repo.status())
    later = {name for name in needs if DATA in _all_needs(needs, name)}
    todo = {name for name in later if changed & {name, *_all_needs(needs, name)}}
    return {name: needs[name] & todo for name in by_urgency(needs) if name in todo}


def by_urgency(needs: Mapping[str, set[str]]) -> list[str]:
    """Stages: first those that lead to FIRST, then those with the longest chain of others behind them, so
    that no chain is left alone at the end."""
    leads = [{name, *_all_needs(needs, name)} if name in needs else set() for name in FIRST]
    needed_by = {name: {other for other in needs if name in needs[other]} for name in needs}

    def behind(name: str) -> int:
        return max((1 + behind(other) for other in needed_by[name]), default=0)

    return sorted(needs, key=lambda name: (*(name not in lead for lead in leads), -behind(name), name))


def _all_needs(needs: Mapping[str, Iterable[str]], name: str) -> set[str]:
    found: set[str] = set()
    left = [name]
    while left:
        new = set(needs[left.pop()]) - found
        found |= new
        left += new
    return found


def side_by_side(needs: Mapping[str, set[str]], most: int, start: Callable[[str], Started]) -> int:
    """Run every stage when what it needs is done, the first ones first, `most` at once. After a failure no
    other starts, and those that run come to their end; returns the first exit code that is not 0."""
    left, status = list(needs), 0
    done: set[str] = set()
    running: dict[str, Started] = {}
    while running or (left and not status):
        ready = [name for name in left if needs[name] <= done] if not status else []
        for name in ready[: most - len(running)]:
            left.remove(name)
            running[name] = start(name)
        for name, process in list(running.items()):
            if (code := process.poll()) is not None:
                del running[name]
                done.add(name)
                status = status or code
        time.sleep(0.1)
    return status


def run(most: int) -> int:
    """The stages of the sample people, `most` at once; returns an exit code."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if not plan():
        return 0
    if status := reproduce([DATA]):
        return status
    command = [sys.executable, str(Path(__file__))]
    started: list[subprocess.Popen] = []

    def start(name: str) -> subprocess.Popen:
        started.append(subprocess.Popen([*command, name]))
        return started[-1]

    try:
        return side_by_side(plan(), most, start)
    except KeyboardInterrupt:  # the terminal sends it to the stages, too
        for process in started:
            process.wait()
        return 130


if __name__ == "__main__":
    sys.exit(reproduce(["--single-item", *sys.argv[1:]], "--wait-for-lock"))
