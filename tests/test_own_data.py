"""The recipe of docs/own-data.md with the least number of people: from their folder to report and release;
and one person fewer."""

from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from deepfacegen.config.schema import SampleConfig, load, to_dict
from deepfacegen.synthetic.write import write_sample
from tests.test_pipeline import TINY

ROOT = Path(__file__).parents[1]
LEAST = 10  # people, as docs/own-data.md says
SYSTEMS = {"cgan", "speech2face", "pins", "contrastive"}
# What only costs time; everything else is as the preset `folder` has it.
SMALL = {
    name: TINY[name]
    for name in (
        "prior",
        "train",
        "speech2face",
        "svhf",
        "pins",
        "contrastive",
        "cyclegan",
        "evaluate",
        "report",
    )
}
SMALL["train"] = SMALL["train"] | {"steps": 20, "adversary_from": 8}


pytestmark = pytest.mark.xdist_group("own data")  # groups start first, and this takes a minute


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders of LEAST people with two recordings and two photos each, and nothing else known of them."""
    made = tmp_path_factory.mktemp("sample")
    write_sample(
        SampleConfig(
            identities=12, clips_per_identity=2, photos_per_identity=2, clip_seconds=3.0, video_share=0.0
        ),
        root=made,
    )
    meta = pd.read_csv(made / "meta/vox2_meta.csv", sep=r"\s*,\s*", engine="python")
    folders = []
    for number, (voice, face) in enumerate(zip(meta.iloc[:, 0], meta.iloc[:, 1], strict=True)):
        sounds, photos = (
            sorted((made / "voices").glob(f"**/{voice}/*/*.m4a")),
            sorted((made / "faces").glob(f"**/{face}/*.jpg")),
        )
        folder = made / "people" / f"Person {number}"
        folder.mkdir(parents=True)
        for file in (*sounds, *photos):
            shutil.copy(file, folder / f"{file.parent.name} {file.name}")
        folders.append(folder)
    return folders[:LEAST]


def project(folder: Path, people: list[Path]) -> dict[str, str]:
    """A clone with the parameters of the recipe; returns the environment of its commands."""
    for name in ("src", "stages", "dvc.yaml"):
        (folder / name).symlink_to(ROOT / name)
    params = to_dict(load(ROOT / "params/folder.yaml"))
    for section, values in SMALL.items():
        params[section].update(values)
    params["svhf"]["dynamic"] = True  # which takes face tracks, and nobody here has a film
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    for person in people:
        shutil.copytree(person, folder / params["data"]["root"] / person.name)
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "DEEPFACEGEN_TRACKING": "off"}


def test_the_least_number_of_people_gives_a_report_and_a_release(people: list[Path], tmp_path: Path) -> None:
    environment = project(tmp_path, people)
    done = subprocess.run(
        [sys.executable, "-m", "tests.one_process"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    counts = json.loads((tmp_path / "metrics/manifest.json").read_text())["identities"]
    assert [counts[split]["all"] for split in ("train", "val", "test")] == [4, 2, 4]
    summary = json.loads((tmp_path / "metrics/summary.json").read_text())
    assert summary["systems"].keys() == SYSTEMS
    assert summary["skipped"].keys() == {"svhf"}
    assert "only 0 training people have a face track" in summary["skipped"]["svhf"]
    for name, system in summary["systems"].items():
        cell = system["matching"]["voice_to_face"]["unseen"]["ungrouped"]
        assert 0 <= cell["ci95_low"] <= cell["accuracy"] <= cell["ci95_high"] <= 1, name
    page = (tmp_path / "report/index.html").read_text(encoding="utf-8")
    assert f"not trained: {summary['skipped']['svhf']}" in html.unescape(page)
    assert not (tmp_path / "models/release/training_voices.safetensors").exists()  # nobody real is carried
    recording = next((tmp_path / "my_people").rglob("*.m4a"))
    command = [sys.executable, "-m", "deepfacegen", "generate", str(recording), "face.png"]
    drawn = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "face.png").is_file()


def download(folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The stage of a project, whether or not it ends well."""
    command = [sys.executable, "stages/download.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_one_person_fewer_is_refused_before_any_work(people: list[Path], tmp_path: Path) -> None:
    environment = project(tmp_path, people[1:])
    done = download(tmp_path, environment)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"error: {LEAST - 1} people have both a voice and a face, and at least {LEAST} are needed"
    )


def test_a_split_file_that_cannot_be_read_is_refused_before_any_work(
    people: list[Path], tmp_path: Path
) -> None:
    environment = project(tmp_path, people)
    (tmp_path / "mine.csv").write_text("id,split\nAnn,train\n", encoding="utf-8")
    path = tmp_path / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params["split"] |= {"rule": "file", "file": "mine.csv"}
    path.write_text(yaml.safe_dump(params), encoding="utf-8")
    done = download(tmp_path, environment)
    assert done.returncode == 1
    assert "mine.csv: beside split, its first line must name one of" in done.stderr
    assert not (tmp_path / "data/raw/voices/inventory.parquet").exists()


def test_the_document_names_the_least_number_of_people() -> None:
    assert (
        f"at least {LEAST} people"
        in " ".join((ROOT / "docs/own-data.md").read_text(encoding="utf-8").split()).lower()
    )
