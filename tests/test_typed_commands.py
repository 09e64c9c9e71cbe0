"""Every command of README and of most documents is typed as it stands there, in a project where the pipeline
has run on a dozen people.
 Named to come after tests/test_pipeline.py, which runs some of the same in the same project: DVC has it in
 its cache then.
 The guide to experiments has tests/test_guide_commands.py. What is not run, and why, is in NOT_RUN;
 tests/test_documents.py holds those against the parsers of their programs. `python tools/commands.py` runs
 README's commands at full size, in a fresh clone.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deepfacegen.cli import main
from tests import documents
from tests.documents import ROOT, Command
from tests.test_documents import tool
from tests.test_pipeline import Project

pytestmark = [pytest.mark.dvc, pytest.mark.xdist_group("pipeline")]

RUN = (
    "README.md",
    "docs/quickstart.md",
    "docs/api.md",
    "docs/demo.md",
    "docs/getting-data.md",
    "docs/serving.md",
)
# Pattern of a command -> why it is not run here.
NOT_RUN = {
    r"make repro": "builds an environment of 6 GB; `dvc repro`, which it ends in, is run",
    r"make test": "is what runs this",
    r"make env": "builds an environment of 6 GB; tests/test_environment.py tries its parts",
    r"source \.venv/bin/activate": "the tests run in such an environment",
    r"mlflow ui .*": "a server of others; the database that it would show is read in tests/test_pipeline.py",
    r"deepfacegen report --serve": "a server; tests/cli/test_report.py starts it",
    r"deepfacegen report --open": "a web browser; tests/cli/test_report.py hands it the page",
    r"deepfacegen demo.*": "a server; tests of the page start it",
    r"pip install .*": "needs a package index; the extra is installed here",
    r"deepfacegen data fetch .*": "fetches from the owners; tests/data/download does so locally",
    r"export MLFLOW_TRACKING_URI=.*": "`deepfacegen publish` takes that database by default",
    r"mlflow models serve .*": "a server; tests/server/test_publish.py sends it requests",
    r"python -c .*set_registered_model_alias.*": "names a third version, and one is published here",
    r"deepfacegen preset voxceleb2": "needs data that is not here; tests/cli/test_preset.py does so",
}
EVERY = [command for name in RUN for command in documents.commands(name)]


def reason(command: str) -> str | None:
    return next((why for pattern, why in NOT_RUN.items() if re.fullmatch(pattern, command)), None)


TYPED = list(dict.fromkeys(command.text for command in EVERY if reason(command.text) is None))


@pytest.fixture(scope="module")
def place(tiny: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the tiny project as `dvc repro` made it, whatever was done to it since, with the recordings
    and photos of the documents."""
    folder = tmp_path_factory.mktemp("typed") / "clone"
    shutil.copytree(tiny.folder, folder, symlinks=True)
    tool("commands").prepare(folder)
    copy = Project.__new__(Project)
    copy.folder = folder
    copy.git("checkout", "--", "params.yaml")
    copy.run("-m", "dvc", "repro")
    copy.git("add", "-A")
    copy.git(
        "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "results"
    )  # HEAD, which is compared with the workspace
    return copy


def typed(command: Command, place: Project) -> str:
    """What the command prints; fails unless it ends with exit code 0. `deepfacegen` runs in this process,
    which has loaded torch already."""
    name, *words = command.words
    if name == "deepfacegen":
        with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.chdir(place.folder):
            assert main.main(words) == 0, command.text
        return told.getvalue()
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{place.environment['PATH']}"
    environment = {
        **place.environment,
        "PATH": scripts,
        "PYTHONPATH": f"{place.folder / 'src'}{os.pathsep}{ROOT}",
    }
    done = subprocess.run(
        ["bash", "-ec", command.text],
        cwd=place.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command.text}\n{done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout


@pytest.mark.parametrize("text", TYPED)
def test_command_runs_as_written(place: Project, text: str) -> None:
    before = {path for path in place.folder.glob("*.png")}
    told = typed(Command("", text), place)
    if text.startswith("deepfacegen generate") and text.split()[3].endswith(".png"):
        count = int(text.partition("--count ")[2].split()[0]) if "--count" in text else 1
        stem = Path(text.split()[3]).stem
        assert (
            len([path for path in place.folder.glob(f"{stem}*.png") if count == 1 or "-" in path.stem])
            >= count
        )
        assert ".png" in told
    elif text.startswith("deepfacegen upscale"):
        assert set(place.folder.glob("*.png")) - before
    elif text.startswith("deepfacegen"):
        assert told.strip()


def test_the_tool_types_a_document_in_order() -> None:
    text = tool("commands").script(
        "# A\n```bash\nmake repro\nmake test\n```\n```text\nno\n```\n```bash\nfirst "
        "x.wav\nsecond --serve\n```\n",
        "--serve",
        here=True,
    )
    lines = text.splitlines()
    assert lines[0] == "set -e -x -o pipefail"
    assert lines[1:3] == ["dvc repro", ":"]
    assert lines[3].endswith("--prepare .")
    assert lines[4:] == ["first x.wav"]


def test_what_is_not_run_is_still_written() -> None:
    """Each line of NOT_RUN is there for a command of some document."""
    texts = [command.text for name in documents.documents() for command in documents.commands(name)]
    planned = {r"deepfacegen demo.*"}  # whose document may not be there yet
    assert {
        pattern for pattern in NOT_RUN if not any(re.fullmatch(pattern, text) for text in texts)
    } <= planned


def test_most_commands_are_run() -> None:
    assert len(TYPED) > len({command.text for command in EVERY} - set(TYPED))
    assert {"generate", "retrieve", "who", "upscale", "evaluate", "report", "compare"} <= {
        text.split()[1] for text in TYPED if "deepfacegen" in text
    }
