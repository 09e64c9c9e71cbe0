"""What README.md tells a newcomer to type exists and is spelt right; what it links to is there."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepfacegen.config import from_dict, load
from deepfacegen.serving.cli import parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ["README.md", "MODEL_CARD.md", "CHANGELOG.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
COMMANDS = [line for block in re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL) for line in block.splitlines() if line.strip()]
PRESET_COMMANDS = [m.strip() for m in re.findall(r"^#   (.+)$", (ROOT / "params" / "voxceleb2.yaml").read_text(encoding="utf-8"), re.MULTILINE)]
PRESET_COMMANDS = [part for line in PRESET_COMMANDS for part in line.split(" && ") if part.split()[0] in {"cp", "dvc"}]


def program(name: str) -> str:
    """A command of the environment that runs the tests."""
    return str(Path(sys.executable).parent / name)


def output(*command: str) -> str:
    clean = {**os.environ, "DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def stages() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]


def check_dvc(words: list[str]) -> None:
    if words[0] == "repro":
        assert {word.split("@")[0] for word in words[1:]} <= set(stages())
    elif words[:2] == ["exp", "run"]:
        changes = words[3::2]
        assert words[2::2] == ["-S"] * len(changes)
        raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        for change in changes:
            key, value = change.split("=")
            section, name = key.split(".")
            assert name in raw[section], f"{key}: no such parameter"
            raw[section][name] = yaml.safe_load(value)
        from_dict(raw)
    else:
        verb = words[:1] if words[0] in {"dag", "config"} else words[:2]
        assert "usage: dvc" in output(program("dvc"), *verb, "--help")


def check(command: str) -> None:
    """Fail unless the command can be typed in a clone of this repository."""
    name, *words = shlex.split(command)
    if name == "make":
        output("make", "--dry-run", *words)
    elif name == "deepfacegen":
        arguments = parser().parse_args(words)
        assert "usage: deepfacegen" in output(sys.executable, "-m", "deepfacegen", arguments.command, "--help")
    elif name == "dvc":
        check_dvc(words)
    elif name == "mlflow":
        helped = output(program("mlflow"), words[0], "--help")
        assert all(word in helped for word in words if word.startswith("--"))
    elif name == "cp":
        load(ROOT / words[0])
        assert (ROOT / words[1]).is_file()
    elif name == "source":
        assert words == [".venv/bin/activate"]
    else:
        pytest.fail(f"README names {name}, which this test does not know")


@pytest.mark.parametrize("command", sorted({*COMMANDS, *PRESET_COMMANDS}))
def test_command_exists(command: str) -> None:
    check(command)


def test_the_two_commands_come_first() -> None:
    assert COMMANDS[:2] == ["make repro", "make test"]


def committed(path: str) -> str:
    """A file as it is in the last commit: a run of one's own may have changed the metrics in the working tree."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    return output("git", "show", f"HEAD:{path}")


def test_results_are_those_of_the_recorded_run() -> None:
    """`python tools/results.py` after a default run keeps it so."""
    tool = runpy.run_path(str(ROOT / "tools/results.py"))
    names = output("git", "ls-tree", "--name-only", "HEAD", "metrics/evaluate/").split() if (ROOT / ".git").exists() else []
    metrics = {Path(name).stem: json.loads(committed(name)) for name in names}
    readme = committed("README.md")
    first = metrics["cgan"]["matching"]["voice_to_face"]["unseen"]["ungrouped"]
    assert f"| faces drawn from voices, cosine | {100 * first['accuracy']:.1f} [" in readme
    for name, metric in metrics.items():
        if "matching" in metric:
            found = metric["matching"]["voice_to_face"]["unseen"]["gender"]
            assert re.search(rf"\| `{name}`.* \| {100 * found['accuracy']:.1f} \[", readme), name
    for document, blocks in tool["DOCUMENTS"].items():
        assert committed(document) == tool["with_results"](committed(document), metrics, blocks), document


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{document} links to {target}"


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    helped = output("make", "--no-print-directory", "help")
    assert all(f"make {target} " in helped or f"make {target}:" in helped for target in phony[1].split() if target != "help")
