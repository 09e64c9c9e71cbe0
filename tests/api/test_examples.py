"""The notebook and the Python of the documents, run with a release of tiny models and a sample person's
speech."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest

from tests import documents
from tests.documents import ROOT
from tests.shared.sounds import convert, write_wav

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
PYTHON = [
    (name, block)
    for name in ("README.md", "docs/quickstart.md")
    for block in documents.blocks(documents.read(name), "python")
]


@pytest.fixture(scope="module")
def project(release: Path, said: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a release, sample people's recordings, and the notebooks."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(release, folder / "models" / "release")
    shutil.copytree(ROOT / "examples", folder / "examples")
    clips = folder / "data/raw/voices/dev/aac/id10001/video"
    clips.mkdir(parents=True)
    for k, part in enumerate((said, said[: len(said) * 3 // 4])):
        convert(write_wav(folder / f"{k}.wav", part), clips / f"{k}.m4a")
    shutil.copy(clips / "0.m4a", folder / "speech.m4a")
    shutil.copy(folder / "0.wav", folder / "speech.wav")
    return folder


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs_and_shows_faces(path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(project / "examples" / path.name, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(project / "examples")}},
    )
    done = client.execute()
    outputs = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_documents_have_python() -> None:
    assert {name for name, _ in PYTHON} == {"README.md", "docs/quickstart.md"}


@pytest.mark.parametrize(("name", "block"), PYTHON, ids=[f"{name}-{k}" for k, (name, _) in enumerate(PYTHON)])
def test_python_of_the_documents_runs(
    name: str, block: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    before = set(project.glob("*.png"))
    exec(compile(block, name, "exec"), {})
    assert set(project.glob("*.png")) - before
    for made in set(project.glob("*.png")) - before:
        made.unlink()
