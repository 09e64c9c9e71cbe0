"""What the documents say holds: links lead somewhere, commands can be typed, figures are those of the
recorded run, messages are the code's."""

from __future__ import annotations

import argparse
import ast
import contextlib
import functools
import importlib.util
import io
import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from deepfacegen import __version__
from deepfacegen.cli.main import parser
from deepfacegen.config.schema import from_dict, load
from tests import documents
from tests.documents import ROOT, Command, read

DOCUMENTS = documents.documents()
COMMANDS = [command for name in DOCUMENTS for command in documents.commands(name)]
HEADS = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "params").glob("*.yaml")))
PRESET_COMMANDS = re.findall(r"^#   ((?:deepfacegen|dvc) .+)$", HEADS.replace("\\\n#", ""), re.MULTILINE)
# Programs of others that a document may name without the project being able to check their words.
OTHERS = {
    "pre-commit",
    "pipx",
    "pip",
    "git",
    "cd",
    "ssh",
    "curl",
    "docker",
    "apt",
    "sudo",
    "export",
    "mkdir",
    "ls",
    "nvidia-smi",
    "jupyter",
    "ray",
}
PYTHON = {"python", ".venv/bin/python"}
# Pages that a tool writes.
GENERATED = {"docs/parameters.md"}


@functools.cache
def output(*command: str) -> str:
    clean = {**os.environ, "DVC_NO_ANALYTICS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def tool(name: str) -> ModuleType:
    """A script of tools/, as a module."""
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "tools"))
    return module


def stages() -> dict[str, Any]:
    return yaml.safe_load(read("dvc.yaml"))["stages"]


@functools.cache
def dvc_parser() -> argparse.ArgumentParser:
    """DVC's own parser of its command line, without a process for each command."""
    from dvc.cli.parser import get_main_parser

    return get_main_parser()


@functools.cache
def mlflow_help(*words: str) -> str:
    from mlflow.cli import cli

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        cli.main([*words, "--help"], standalone_mode=False)  # raises for a command that does not exist
    return printed.getvalue()


def check_dvc(words: list[str]) -> None:
    if words[0] == "repro":
        assert {word.split("@")[0] for word in words[1:] if not word.startswith("-")} <= set(stages())
    elif words[:2] == ["exp", "run"]:
        changes = [word for flag, word in itertools.pairwise(words) if flag == "-S"]
        raw = yaml.safe_load(read("params.yaml"))
        for change in changes:
            key, value = change.split("=", 1)
            section, name = key.split(".")
            assert name in raw[section], f"{key}: no such parameter"
            raw[section][name] = yaml.safe_load(value)
        if "--queue" not in words:  # a queue takes several values at once
            from_dict(raw)
    else:
        dvc_parser().parse_args(words)


def check_python(words: list[str]) -> None:
    if words[0] == "-m":
        assert importlib.util.find_spec(words[1].split(".")[0]), words[1]
        return
    if words[0] == "-c":
        ast.parse(words[1])
        return
    assert (ROOT / words[0]).is_file(), words[0]
    if words[0].startswith(("tools/", "benchmarks/")):  # their own parsers know whether an option exists
        options = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
        assert options <= set(re.findall(r"--[a-z0-9-]+", read(words[0]))) | {"--help"}, words[0]


def check(command: str) -> None:
    """Fail unless the command can be typed in a clone of this repository."""
    name, *words = Command("", command).words
    if name == "make":
        output("make", "--dry-run", *words)
    elif name == "deepfacegen":
        if not {"--help", "--version"} & set(words):
            parser().parse_args(words)
        if words[0] == "preset" and words[1:]:
            load(ROOT / "params" / f"{words[1]}.yaml")
    elif name == "dvc":
        check_dvc(words)
    elif name == "mlflow":
        helped = mlflow_help(*[word for word in words[:2] if not word.startswith("-")])
        assert all(word in helped for word in words if word.startswith("--"))
    elif name == "source":
        inner = re.fullmatch(r"source <\((.+)\)", command)
        if inner is not None:
            check(inner[1])
        else:
            assert words == [".venv/bin/activate"]
    elif name in PYTHON:
        check_python(words)
    else:
        assert name in OTHERS, f"a document names {name}, which this test does not know"


@pytest.mark.xdist_group("documents")  # which imports MLflow's and DVC's command lines once
@pytest.mark.parametrize("command", sorted({*(command.text for command in COMMANDS), *PRESET_COMMANDS}))
def test_command_exists(command: str) -> None:
    check(command)


SCRIPTS = [(name, script) for name in DOCUMENTS for script in documents.scripts(name)]


@pytest.mark.parametrize(
    ("name", "script"), SCRIPTS, ids=[f"{name}-{k}" for k, (name, _) in enumerate(SCRIPTS)]
)
def test_scripts_can_be_read(name: str, script: str) -> None:
    """By bash; the stages that they start are there, and what they hand to Python is Python."""
    subprocess.run(["bash", "-n"], input=script, text=True, check=True, capture_output=True)
    assert all(
        (ROOT / path).is_file() for path in re.findall(r"\b(?:stages|tools|benchmarks)/\w+\.py", script)
    )
    for _, body in re.findall(r"python -[^\n]*<<'?(\w+)'?\n(.*?)^\1$", script, re.MULTILINE | re.DOTALL):
        ast.parse(body)


def test_the_two_commands_come_first() -> None:
    assert [command.text for command in documents.commands("README.md")][:2] == ["make repro", "make test"]


def test_readme_fits_on_a_page() -> None:
    assert len(read("README.md").splitlines()) <= 90


def test_readme_leads_to_every_document() -> None:
    """By itself, or through a page that it links to."""
    first = {file for file, _ in documents.links(read("README.md")) if file.endswith(".md")}
    second = {
        os.path.normpath(Path(name).parent / file)
        for name in first
        for file, _ in documents.links(read(name))
    }
    assert {name for name in DOCUMENTS if name.startswith("docs/")} <= first | second


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for file, anchor in documents.links(read(document)):
        path = (ROOT / document).parent / file if file else ROOT / document
        assert path.exists(), f"{document} links to {file}"
        if anchor and path.suffix == ".md":
            assert anchor in documents.anchors(path.read_text(encoding="utf-8")), (
                f"{document} links to {file}#{anchor}"
            )


def test_anchors_are_those_of_github() -> None:
    text = (
        "# Where we *differ*\n```\n# no heading\n```\n## `make repro`, once\n"
        "## A [link](x.md): it's\n## Same\n## Same\n"
    )
    assert documents.anchors(text) == {"where-we-differ", "make-repro-once", "a-link-its", "same", "same-1"}


def committed(path: str) -> str:
    """A file as it is in the last commit: a run of one's own may have changed the metrics in the working
    tree."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    return output("git", "show", f"HEAD:{path}")


def evaluated() -> dict[str, dict[str, Any]]:
    names = (
        output("git", "ls-tree", "--name-only", "HEAD", "metrics/evaluate/").split()
        if (ROOT / ".git").exists()
        else []
    )
    return {Path(name).stem: json.loads(committed(name)) for name in names}


def cells(found: dict[str, Any]) -> str:
    return f"{100 * found['accuracy']:.1f} [{100 * found['ci95_low']:.1f}, {100 * found['ci95_high']:.1f}]"


def test_results_are_those_of_the_recorded_run() -> None:
    """`python tools/results.py` after a default run keeps it so."""
    results, metrics = tool("results"), evaluated()
    readme, page = committed("README.md"), committed("docs/results.md")
    front = metrics["cgan"]["matching"]["voice_to_face"]["unseen"]["ungrouped"]
    assert f"| generated faces, cosine | {cells(front)} |" in page
    rows = {}
    for name, metric in metrics.items():
        if "matching" in metric:
            found = metric["matching"]["voice_to_face"]
            rows[name] = " | ".join(
                cells(found[population][group])
                for population in ("unseen", "seen")
                for group in ("ungrouped", "gender")
            )
            assert re.search(rf"^\| `{name}`[^|]* \| {re.escape(rows[name])} \|", page, re.MULTILINE), name
    named = dict(re.findall(r"^\| `(\w+)`[^|]* \| (.+) \|$", readme, re.MULTILINE))
    matchers = {name: rows[name] for name in ("contrastive", "pins", "svhf")}
    best = max(matchers, key=lambda name: float(matchers[name].split()[0]))
    assert named == {"cgan": rows["cgan"], best: rows[best]}
    for document, names in results.DOCUMENTS.items():
        assert committed(document) == results.with_results(committed(document), metrics, names), document


def test_evidence_is_that_of_the_recorded_run() -> None:
    science, metrics = committed("docs/science.md"), evaluated()["cgan"]
    for name, found in metrics["null_attributes"].items():
        assert f"| {name.replace('_', ' ')} (independent of the voice) | {cells(found)} | 50.0 |" in science
    jaw = metrics["attributes"]["craniofacial"]["unseen"]["jaw_width"]
    assert (f"jaw width {jaw['r']:.2f}" in science) == (jaw["ci95_low"] > jaw["shuffled_r"])


def written_by_hand(name: str) -> str:
    """A document without fenced blocks and without what tools write between marks."""
    text = re.sub(r"<!-- (\w+): ?(?:start|begin).*?<!-- \1: ?end -->", "", read(name), flags=re.DOTALL)
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("document", sorted(set(DOCUMENTS) - GENERATED))
def test_prose_wraps_at_110_columns(document: str) -> None:
    """Tables and code may be longer."""
    lines = written_by_hand(document).splitlines()
    assert not [line for line in lines if len(line) > 110 and not line.startswith("|")]


@pytest.mark.parametrize("document", sorted(set(DOCUMENTS) - GENERATED))
def test_prose_uses_the_words_of_the_glossary(document: str) -> None:
    """generated, the upper bound, unseen people: docs/glossary.md."""
    words = "told drawn draws drawing ceiling hears? heard listens? listeners? strangers? portrayal"
    private = rf"\b({words.replace(' ', '|')})\b"
    assert not re.findall(private, documents.prose(written_by_hand(document)), re.IGNORECASE)


def test_the_glossary_is_short() -> None:
    words = re.findall(r"^\| (?!word|-)([^|]+) \|", read("docs/glossary.md"), re.MULTILINE)
    assert 20 <= len(words) <= 30
    assert len(words) == len(set(words))


def test_training_figures_of_the_paper_never_stand_alone() -> None:
    """Whoever reads 96.88 or 97 % reads, in the same paragraph, what becomes of it with unseen people."""
    for name in DOCUMENTS:
        for paragraph in re.split(r"\n\n|\n\* ", read(name)):
            if re.search(r"96\.88|93\.91", paragraph):
                assert re.search(r"\b76\b", paragraph), f"{name}: {paragraph[:80]}"
                assert re.search(r"\b60\b", paragraph), f"{name}: {paragraph[:80]}"


def test_parameters_are_those_of_the_code() -> None:
    """`python tools/parameters.py` keeps it so."""
    page = read("docs/parameters.md")
    assert page == tool("parameters").page()
    default, paper = (yaml.safe_load(read(name)) for name in ("params.yaml", "params/paper.yaml"))
    rows = re.findall(r"^\| `(\w+)` \| `([^`]*)` \|.*\|$", page, re.MULTILINE)
    assert [(key, yaml.safe_load(value)) for key, value in rows] == [
        (key, value) for section in default.values() for key, value in section.items()
    ]
    row = re.search(
        r"^\| `architecture` \| `standard` \| `standard`, `paper` \|.*\| (.*)paper: `paper`",
        page,
        re.MULTILINE,
    )
    assert (paper["train"]["architecture"] == "paper") == (row is not None)


@functools.cache
def said() -> str:
    """Every text in the code and the Makefile, with `...` for what is filled in."""
    found = [read("Makefile")]
    for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(
                        str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values
                    )
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(found)


def test_messages_are_the_codes_own() -> None:
    """Each message that troubleshooting.md explains, but for DVC's, stands in the code; `...` is what is
    filled in."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", read("docs/troubleshooting.md"), re.MULTILINE)
    messages = [
        message
        for row in rows
        if not row.startswith(("DVC:", "message", "some files"))
        for message in re.findall(r"`([^`]+)`", row)
    ]
    assert len(messages) > 30
    for message in messages:
        pattern = r"[^\n]*?".join(re.escape(part) for part in message.split("..."))
        assert re.search(pattern, said()), message


def test_every_make_target_is_explained() -> None:
    phony = re.search(r"^\.PHONY: (.+)$", read("Makefile"), re.MULTILINE)
    assert phony is not None
    helped = output("make", "--no-print-directory", "help")
    assert all(
        f"make {target} " in helped or f"make {target}:" in helped
        for target in phony[1].split()
        if target != "help"
    )


def test_the_version_stands_in_one_place() -> None:
    """`__version__`; CHANGELOG's newest release and CITATION.cff follow it, and what is not released yet
    stands above."""
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    released = headings[1:]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) and date for version, date in released)
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == __version__
    if released:
        assert released[0] == (__version__, str(citation["date-released"]))
    else:
        assert f"To become {__version__}" in read("CHANGELOG.md")
    assert "dynamic" in read("pyproject.toml")
    assert not re.search(r'^version = "', read("pyproject.toml"), re.MULTILINE)


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "src/deepfacegen/py.typed").is_file()
    assert '"deepfacegen" = ["py.typed"]' in read("pyproject.toml")


def test_the_workflow_does_what_ci_does() -> None:
    workflow = yaml.safe_load(read(".github/workflows/test.yml"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert any(step.get("run") == "bash .ci/run" for step in steps)
    assert any("apt-get" in step.get("run", "") and "chromium" in step["run"] for step in steps)
    assert {step["with"]["python-version"] for step in steps if "python-version" in step.get("with", {})} == {
        "3.11"
    }
    assert workflow["permissions"] == {"contents": "read"}


def test_hooks_are_local_and_of_the_environment() -> None:
    config = yaml.safe_load(read(".pre-commit-config.yaml"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {"ruff format", "ruff check", "mypy"} <= {hook["entry"] for hook in hooks}
    for hook in hooks:
        assert hook["language"] == "system"
        if hook["entry"].startswith("python"):
            check(hook["entry"])


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name
)
def test_issue_forms_are_whole(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name != "config.yml":
        assert {"name", "description", "body"} <= set(form)
        ids = [part["id"] for part in form["body"]]
        assert len(ids) == len(set(ids))
        assert any(part.get("validations", {}).get("required") for part in form["body"])
