"""No file that somebody else made runs code here; nothing is served to other machines by accident; the lock
holds no version known to be bad."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path for folder in ("src", "stages", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
FLOOR: dict[str, dict[str, Any]] = yaml.safe_load(
    (ROOT / "tests" / "audit_floor.yaml").read_text(encoding="utf-8")
)

# What unpickles, or runs what it reads.
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "jsonpickle"}
CALLS = {
    "joblib.load": "unpickles",
    "joblib.dump": "pickles",
    "yaml.load": "runs tags",
    "yaml.unsafe_load": "runs tags",
    "yaml.full_load": "runs tags",
    "os.system": "a shell",
    "os.popen": "a shell",
    "tempfile.mktemp": "a name that somebody else may take first",
    "ssl._create_unverified_context": "trusts everybody",
    "eval": "runs text",
    "exec": "runs text",
    "__import__": "runs a module by its name",
}
METHODS = {"read_pickle": "unpickles", "to_pickle": "pickles"}
STARTS = {"run", "Popen", "call", "check_call", "check_output"}
EVERYWHERE = "0.0.0.0"

# (file, what it does) -> why it may.
ALLOWED: dict[tuple[str, str], str] = {
    (
        "src/deepfacegen/encoders/landmarks.py",
        "imports pickle",
    ): "names the error that torch.load raises when it refuses a file",
    (
        "src/deepfacegen/report/revisions.py",
        "yaml.load: runs tags",
    ): "with the safe loader in C, which runs none; yaml.safe_load takes the slow one",
}


def dotted(node: ast.expr) -> str:
    """`np.lib.format` of an expression of names and attributes; `?` for whatever else it hangs on."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def literal(call: ast.Call, name: str) -> Any:
    """The constant that a call gives for a keyword; None if it gives none, and Ellipsis for what is not a
    constant."""
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value.value if isinstance(keyword.value, ast.Constant) else ...
    return None


def dangers(text: str) -> Iterator[str]:
    """What a source file does that it must not."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (
                f"imports {alias.name}" for alias in node.names if alias.name.split(".")[0] in MODULES
            )
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").split(".")[0] in MODULES:
                yield f"imports {node.module}"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (
                f"imports {name} by its short name"
                for name in sorted(whole & {*CALLS, "torch.load", "numpy.load"})
            )
        elif isinstance(node, ast.Call):
            yield from of_call(node)
        elif isinstance(node, ast.Constant) and node.value == EVERYWHERE:
            yield f"listens on {EVERYWHERE}"


def of_call(call: ast.Call) -> Iterator[str]:
    name = dotted(call.func)
    last = name.rsplit(".", 1)[-1]
    if name in CALLS:
        yield f"{name}: {CALLS[name]}"
    if last in METHODS:
        yield f"{last}: {METHODS[last]}"
    if name == "torch.load" and literal(call, "weights_only") is not True:
        yield "torch.load without weights_only=True"
    if literal(call, "allow_pickle") not in (None, False):
        yield "allow_pickle"
    if last in STARTS and literal(call, "shell") not in (None, False):
        yield f"{name} with a shell"
    if literal(call, "verify") is False:
        yield f"{name} trusts everybody"
    if last == "extractall" and literal(call, "filter") != "data":
        yield "extractall without filter='data': an archive may write outside of its folder"


def test_no_file_runs_what_it_reads() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), danger)
        for path in FILES
        for danger in dangers(path.read_text(encoding="utf-8"))
    }
    assert len(FILES) > 300
    assert not found - ALLOWED.keys()


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "import cloudpickle.compat",
        "from torch import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=flag)",
        "joblib.load(path)",
        "pd.read_pickle(path)",
        "frame.to_pickle(path)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "exec(text)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "requests.get(url, verify=False)",
        "tarfile.open(path).extractall(folder)",
        "serve(host='0.0.0.0')",
    ],
)
def test_each_danger_is_seen(text: str) -> None:
    assert list(dangers(text))


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(path, map_location='cpu', weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "network.eval()",
        "load(path).eval()",
        "complete(parser, shell='bash')",
        "yaml.safe_load(text)",
        "subprocess.run([program, text], check=True)",
        "archive.extractall(folder, filter='data')",
        "joblib.Parallel(n_jobs=2)",
        "serve(host='127.0.0.1')",
    ],
)
def test_what_is_harmless_passes(text: str) -> None:
    assert not list(dangers(text))


def test_what_is_allowed_is_still_done() -> None:
    for (name, danger), why in ALLOWED.items():
        assert why
        assert danger in dangers((ROOT / name).read_text(encoding="utf-8")), (
            f"{name} no longer does: {danger}"
        )


def locked() -> dict[str, str]:
    """Package -> version, of both lock files."""
    lines = "\n".join(
        (ROOT / name).read_text(encoding="utf-8")
        for name in ("requirements.lock", "requirements-bootstrap.txt")
    )
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version
        for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", lines, re.MULTILINE)
    }


def ordered(version: str) -> tuple[int, ...]:
    """1.22.0 -> (1, 22, 0); what follows the numbers does not count. Zeros at the end are as good as
    absent."""
    numbers = [int(part) for part in re.match(r"\d+(?:\.\d+)*", version)[0].split(".")]  # type: ignore[index]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def test_versions_are_ordered_by_number() -> None:
    assert ordered("3.10.11") > ordered("3.9.99")
    assert ordered("2026.1") > ordered("2025.12.1")
    assert ordered("5.4") == ordered("5.4.0")
    assert ordered("2.11.0+cpu") == (2, 11)


@pytest.mark.parametrize("package", sorted(FLOOR))
def test_the_lock_holds_no_version_known_to_be_bad(package: str) -> None:
    version = locked().get(package)
    if version is None:
        pytest.skip(f"{package} is not locked")
    assert ordered(version) >= ordered(str(FLOOR[package]["oldest"])), (
        f"{package} {version}: {FLOOR[package]['because']}"
    )


def test_the_floor_names_its_advisories_and_its_date() -> None:
    assert re.search(
        r"^# Date: \d{4}-\d\d-\d\d\. Source: ",
        (ROOT / "tests" / "audit_floor.yaml").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert all(re.search(r"CVE-\d{4}-\d{4,}", entry["because"]) for entry in FLOOR.values())
    assert len(set(FLOOR) & set(locked())) > 20


def test_an_audit_that_reaches_nobody_fails() -> None:
    """Without --strict, pip-audit skips what it cannot ask about and says that no vulnerability was found."""
    command = subprocess.run(
        ["make", "--dry-run", "audit"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.replace("\\\n", " ")
    assert re.search(r"pip-audit --strict .*--requirement requirements\.lock", command)
    workflow = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))
    assert any(step.get("run") == "make audit" for job in workflow["jobs"].values() for step in job["steps"])
