"""Stages side by side: what may run at once, in which order, what a failure stops; and with real DVC that
nothing is left for `dvc repro`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deepfacegen.errors import UserError

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import lanes  # noqa: E402

NEEDS: dict[str, set[str]] = {
    "pretrain": set(),
    "train": {"pretrain"},
    "evaluate@cgan": {"train"},
    "face": set(),
    "baseline@svhf": {"pretrain", "face"},
    "report": {"evaluate@cgan", "baseline@svhf"},
}


class Fake:
    """Stages that end after as many looks as their name has letters; some with an exit code."""

    def __init__(self, failing: dict[str, int] | None = None) -> None:
        self.failing, self.running, self.events = failing or {}, set(), []
        self.most = 0

    def start(self, name: str) -> Fake.Stage:
        self.events.append(name)
        self.running.add(name)
        self.most = max(self.most, len(self.running))
        return Fake.Stage(self, name)

    class Stage:
        def __init__(self, fake: Fake, name: str) -> None:
            self.fake, self.name, self.looks = fake, name, len(name)

        def poll(self) -> int | None:
            self.looks -= 1
            if self.looks > 0:
                return None
            self.fake.running.discard(self.name)
            self.fake.events.append(f"end {self.name}")
            return self.fake.failing.get(self.name, 0)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes.time, "sleep", lambda seconds: None)


@pytest.mark.parametrize("most", [1, 2, 4])
def test_each_stage_runs_once_after_all_that_it_needs(most: int) -> None:
    fake = Fake()
    assert lanes.side_by_side(NEEDS, most, fake.start) == 0
    assert sorted(name for name in fake.events if not name.startswith("end ")) == sorted(NEEDS)
    for name, needed in NEEDS.items():
        for before in needed:
            assert fake.events.index(f"end {before}") < fake.events.index(name)
    assert fake.most == min(most, 2)
    assert fake.events[0] == "pretrain"


def test_what_leads_to_the_first_figures_comes_first_then_the_longest_chains() -> None:
    needs: dict[str, set[str]] = {
        "evaluate@svhf": {"baseline@svhf"},
        "baseline@svhf": {"pretrain"},
        "refine": set(),
        "evaluate@cyclegan": {"refine"},
        "evaluate@speech2face": {"speech2face"},
        "speech2face": {"pretrain"},
        "pretrain": set(),
        "train": {"pretrain"},
        "evaluate@cgan": {"train"},
        "release": {"train"},
        "report": {"evaluate@cgan", "evaluate@svhf", "evaluate@cyclegan"},
    }
    order = lanes.by_urgency(needs)
    assert order[:3] == ["pretrain", "train", "evaluate@cgan"]
    assert order[3:5] == ["speech2face", "evaluate@speech2face"]
    assert order[5:7] == ["baseline@svhf", "refine"]
    assert order[7:] == ["evaluate@cyclegan", "evaluate@svhf", "release", "report"]


def test_after_a_failure_nothing_starts_and_what_runs_comes_to_its_end() -> None:
    fake = Fake({"face": 3})
    assert lanes.side_by_side(NEEDS, 2, fake.start) == 3
    assert fake.events == ["pretrain", "face", "end face", "end pretrain"]


def test_other_data_than_sample_people_and_gpus_run_one_stage_at_a_time(tmp_path: Path) -> None:
    sample, folder = tmp_path / "sample.yaml", tmp_path / "folder.yaml"
    sample.write_text("data: {source: sample}\n")
    folder.write_text("data: {source: folder}\n")
    assert lanes.lanes({}, folder) == 1
    assert lanes.lanes({"DEEPFACEGEN_DEVICE": "cuda"}, sample) == 1
    assert lanes.lanes({}, tmp_path / "missing.yaml") == 1
    assert 1 <= lanes.lanes({}, sample) <= lanes.MOST
    assert lanes.lanes({"DEEPFACEGEN_LANES": "3"}, folder) == 3
    with pytest.raises(UserError, match="DEEPFACEGEN_LANES"):
        lanes.lanes({"DEEPFACEGEN_LANES": "two"}, sample)


PIPELINE = """
stages:
  manifest: {cmd: python s.py manifest, deps: [s.py], outs: [manifest]}
  pretrain: {cmd: python s.py pretrain manifest, deps: [s.py, manifest], outs: [pretrain]}
  face: {cmd: python s.py face manifest, deps: [s.py, manifest], outs: [face]}
  evaluate:
    foreach: {cgan: pretrain, svhf: face}
    do: {cmd: "python s.py e-${key} ${item}", deps: [s.py, "${item}"], outs: ["e-${key}"]}
  report: {cmd: python s.py report e-cgan e-svhf, deps: [s.py, e-cgan, e-svhf], outs: [report]}
"""
STAGE = """
import pathlib, sys
name, *read = sys.argv[1:]
text = "".join(pathlib.Path(one).read_text() for one in read)
pathlib.Path(name).write_text(f"({text}{name})")
with open("ran", "a") as ran: ran.write(name + "\\n")
"""


@pytest.mark.dvc
def test_with_dvc_nothing_is_left_to_do_and_a_second_time_nothing_runs(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "s.py").write_text(STAGE)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DVC_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "src", ROOT / "tools"))),
        "DVC_NO_ANALYTICS": "1",
    }

    def call(*words: str) -> str:
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("dvc", "init", "-q", "--no-scm")
    side_by_side = [sys.executable, "-c", "import lanes, sys; sys.exit(lanes.run(3))"]
    call(*side_by_side)
    ran = (tmp_path / "ran").read_text().split()
    assert sorted(ran) == ["e-cgan", "e-svhf", "face", "manifest", "pretrain", "report"]
    assert (tmp_path / "report").read_text() == "((((manifest)pretrain)e-cgan)(((manifest)face)e-svhf)report)"
    assert "up to date" in call("dvc", "status")
    call(*side_by_side)
    call("dvc", "repro", "-q")
    assert (tmp_path / "ran").read_text().split() == ran
