"""docs/architecture.md, kept: who may import whom, what each DVC stage depends on, and how long a file gets."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepfacegen.config_data import WATCHED
from deepfacegen.systems import registry

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
PACKAGE = "deepfacegen"

# What everybody may import: parameters, errors, and the environment a stage runs in.
COMMON = {
    *("config", "config_apart", "config_data", "config_download", "config_fields", "config_paths", "config_systems"),
    *("errors", "room", "stopping", "weights", "distributed"),
}
# Part of the package -> the parts it may import, besides itself and COMMON.
MAY_IMPORT = {
    "models": set(),
    "data": set(),
    "training": {"models", "data"},
    "systems": {"training", "models", "data"},
    "evaluation": {"systems", "models", "data"},
    "release": {"systems", "training", "models", "data"},
    "report": {"evaluation", "data"},
    "serving": {"quiet", "release", "report", "systems", "data", "tracking", "tracking_models"},
    "stage": {"summary", "tracking"},
    "tracking": {"tracking_models", "tracking_outbox", "tracking_page", "tracking_store", "tracking_trouble"},
    "tracking_models": {"tracking_outbox", "tracking_page", "tracking_store", "tracking_trouble"},
    "tracking_outbox": {"tracking_trouble"},
    "tracking_page": set(),
    "tracking_store": {"tracking_page", "tracking_trouble"},
    "tracking_trouble": set(),
    "config": set(),
    "config_apart": set(),
    "config_data": set(),
    "config_download": set(),
    "config_fields": set(),
    "config_paths": set(),
    "config_systems": set(),
    "errors": set(),
    "quiet": set(),
    "room": set(),
    "stopping": set(),
    "summary": set(),
    "weights": set(),
    "distributed": set(),
    "__main__": {"serving"},
}
# The doors through which evaluation and serving see systems.
DOORS = {"deepfacegen.systems.protocol", "deepfacegen.systems.registry"}

TRAINING_PATH = ("systems", "training", "models", "data.batches", "data.shards", "config")
NOT_IN_TRAINING = {"dvc", "mlflow", "ffmpeg", "imageio_ffmpeg", "av", "cv2"}
NOT_IN_DATA = {"torch", "torchaudio", "silero_vad", "mlflow", "dvc"}

# Not a DVC dep of each stage: what these hold cannot change a result without a change of params.yaml or of a listed file
# (config, errors: parameters reach a stage through `params`; stage, summary, tracking: reporting; quiet, room, stopping: how a stage ends
# that cannot go on; weights: checked by sha256; distributed: moves the same numbers). A change that does matter is forced with `dvc repro -f`.
NOT_A_DEP = {
    "config.py",
    "config_apart.py",
    "config_data.py",
    "config_download.py",
    "config_fields.py",
    "config_paths.py",
    "config_systems.py",
    "errors.py",
    "quiet.py",
    "room.py",
    "stage.py",
    "stopping.py",
    "summary.py",
    "tracking.py",
    "tracking_models.py",
    "tracking_outbox.py",
    "tracking_page.py",
    "tracking_store.py",
    "tracking_trouble.py",
    "weights.py",
    "distributed.py",
}

# What a `foreach` over a list of params.yaml may hold at most.
LISTED = {"${watch.folders}": WATCHED}
# (file, what it imports inside a function) -> the only stage in which that function runs.
ONLY_IN = {("data/sources/prepare.py", "data/sample/write.py"): "download"}
# Whoever asks the package for its version does not get the Python API with it, which is imported when asked for.
NOT_FOLLOWED = {(SRC / PACKAGE / "__init__.py", SRC / PACKAGE / "serving/api.py")}


@functools.cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of everything under src."""
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, anywhere in it; our own ones as the most precise dotted name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            module = node.module or ""
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                found.add(whole if whole in modules() else module)
    return frozenset(found)


def ours(names: frozenset[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] == PACKAGE}


@functools.cache
def reached(path: Path) -> frozenset[Path]:
    """The file and all files of the package that it brings in; for a stage script, without what runs in another stage only."""
    elsewhere = {(SRC / PACKAGE / a, SRC / PACKAGE / b) for (a, b), stage in ONLY_IN.items() if path.parent.name == "stages" and path.stem != stage}
    elsewhere |= NOT_FOLLOWED
    seen: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            found = [modules()[name] for name in ours(imports(current)) if name in modules()]
            waiting += [file for file in found if (current, file) not in elsewhere]
    return frozenset(seen)


def third_party(path: Path) -> set[str]:
    """Top-level names of other packages that a file or anything it brings in imports."""
    return {name.split(".")[0] for file in reached(path) for name in imports(file) if name.split(".")[0] != PACKAGE}


def part(module: str) -> str:
    return [*module.split("."), ""][1]


def under(*parts: str) -> list[str]:
    return [name for name in modules() if any(name == f"{PACKAGE}.{p}" or name.startswith(f"{PACKAGE}.{p}.") for p in parts)]


def stage_scripts() -> list[Path]:
    return sorted((ROOT / "stages").glob("*.py"))


@functools.cache
def pipeline() -> dict[str, dict[str, Any]]:
    """Stage name, as `dvc repro` takes it -> its entry in dvc.yaml; what stands there once for several (foreach, matrix) as DVC resolves it."""
    found = {}
    for name, entry in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        if "foreach" in entry:
            given = LISTED.get(entry["foreach"], entry["foreach"]) if isinstance(entry["foreach"], str) else entry["foreach"]
            each = given.items() if isinstance(given, dict) else ((item, item) for item in given)
            found |= {f"{name}@{key}": resolved(entry["do"], {"key": key, "item": item}) for key, item in each}
        elif "matrix" in entry:
            body = {key: value for key, value in entry.items() if key != "matrix"}
            for chosen in itertools.product(*entry["matrix"].values()):
                words = {f"item.{axis}": value for axis, value in zip(entry["matrix"], chosen, strict=True)}
                found[f"{name}@{'-'.join(map(str, chosen))}"] = resolved(body, words)
        else:
            found[name] = resolved(entry, {})
    return found


def resolved(value: Any, words: dict[str, Any]) -> Any:
    """A part of dvc.yaml with `${word}` filled in everywhere. Raises KeyError for a word that is not known."""
    if isinstance(value, dict):
        return {resolved(key, words): resolved(inner, words) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, words) for inner in value]
    return re.sub(r"\$\{([^}]*)\}", lambda found: str(words[found[1].strip()]), value) if isinstance(value, str) else value


def written(entry: dict[str, Any]) -> list[Path]:
    """What a stage writes: outputs, metrics, plots."""
    listed = [out for kind in ("outs", "metrics", "plots") for out in entry.get(kind, [])]
    return [ROOT / (next(iter(out)) if isinstance(out, dict) else out) for out in listed]


def test_every_own_import_exists() -> None:
    for path in [*modules().values(), *stage_scripts()]:
        missing = {name for name in ours(imports(path)) if name not in modules()}
        assert not missing, f"{path.relative_to(ROOT)} imports {missing}"


@pytest.mark.parametrize("module", [name for name in modules() if name != PACKAGE])
def test_arrows_point_one_way(module: str) -> None:
    here = part(module)
    assert here in MAY_IMPORT, f"{module}: say in MAY_IMPORT where it stands"
    allowed = MAY_IMPORT[here] | COMMON | {here, ""}
    wrong = {name for name in ours(imports(modules()[module])) if part(name) not in allowed}
    assert not wrong, f"{module} must not import {sorted(wrong)}"


def test_common_modules_import_nothing_above_them() -> None:
    for name in under(*COMMON):
        assert {part(n) for n in ours(imports(modules()[name]))} <= COMMON | {""}


@pytest.mark.parametrize("module", under("evaluation", "serving"))
def test_systems_are_seen_through_their_protocol_only(module: str) -> None:
    inside = {name for name in ours(imports(modules()[module])) if part(name) == "systems"}
    assert inside <= DOORS, f"{module} looks inside systems: {sorted(inside - DOORS)}"


@pytest.mark.parametrize("module", under("models"))
def test_models_are_plain_networks(module: str) -> None:
    assert {part(name) for name in ours(imports(modules()[module]))} <= {"models", "errors", ""}


@pytest.mark.parametrize("module", under("data"))
def test_data_knows_no_torch(module: str) -> None:
    assert not third_party(modules()[module]) & NOT_IN_DATA


@pytest.mark.parametrize("module", under(*TRAINING_PATH))
def test_training_path_needs_no_pipeline_tools(module: str) -> None:
    assert not third_party(modules()[module]) & NOT_IN_TRAINING


def test_only_tracking_and_what_mlflow_runs_import_mlflow() -> None:
    """`serving.served` is run by MLflow itself, from a copy that lies with the model."""
    users = {name for name, path in modules().items() if any(n.split(".")[0] == "mlflow" for n in imports(path))}
    assert users == {f"{PACKAGE}.{name}" for name in ("tracking", "tracking_models", "tracking_store", "serving.served")}


def test_nothing_imports_stages() -> None:
    for path in modules().values():
        assert not {name for name in imports(path) if name.split(".")[0] == "stages"}


@pytest.mark.parametrize("stage", list(pipeline()))
def test_stage_depends_on_the_code_it_runs(stage: str) -> None:
    entry = pipeline()[stage]
    script = ROOT / entry["cmd"].split()[1]
    deps = [ROOT / dep for dep in entry["deps"]]
    files = {p for p in reached(script) if p.name != "__init__.py" and p.relative_to(SRC if SRC in p.parents else ROOT).name not in NOT_A_DEP}
    missing = sorted(str(p.relative_to(ROOT)) for p in files if not any(p == dep or dep in p.parents for dep in deps))
    assert not missing, f"stage {stage} runs code that it does not depend on: {missing}"
    code = [dep for dep in deps if SRC in dep.parents]
    idle = sorted(str(dep.relative_to(ROOT)) for dep in code if not any(p == dep or dep in p.parents for p in files))
    assert not idle, f"stage {stage} depends on code that it does not run: {idle}"


@pytest.mark.parametrize("stage", list(pipeline()))
def test_what_a_stage_reads_is_code_or_what_other_stages_write(stage: str) -> None:
    """A folder that several stages fill is read as a whole, of others perhaps a part."""
    others = [out for name, entry in pipeline().items() if name != stage for out in written(entry)]
    for dep in (ROOT / dep for dep in pipeline()[stage]["deps"]):
        made = any(dep == out or out in dep.parents or dep in out.parents for out in others)
        assert made != any(root == dep or root in dep.parents for root in (SRC, ROOT / "stages")), dep
        assert made or dep.exists(), dep


def test_a_system_is_trained_and_evaluated_by_a_stage_of_its_own() -> None:
    """Whatever the registry knows has its instance, whose command names it, and which reads the model and writes figures of that name."""
    evaluated = {name.split("@")[1] for name in pipeline() if name.startswith("evaluate@")}
    assert evaluated == {*registry.LOADERS, *registry.REFINERS}
    for stage, names in (("baseline", registry.BASELINES), ("evaluate", evaluated)):
        assert {name.split("@")[1] for name in pipeline() if name.startswith(f"{stage}@")} == set(names)
        for name in names:
            entry = pipeline()[f"{stage}@{name}"]
            assert entry["cmd"].split() == ["python", f"stages/{stage}.py", name]
            assert ROOT / f"metrics/{stage}/{name}.json" in written(entry)
            assert f"models/{name}" in (entry["deps"] if stage == "evaluate" else entry["outs"])


def test_templates_are_resolved_everywhere_or_not_at_all() -> None:
    assert resolved({"${item.a}": ["x/${ key }.json", 3, None]}, {"item.a": "b", "key": 1}) == {"b": ["x/1.json", 3, None]}
    with pytest.raises(KeyError):
        resolved(["${item.b}"], {"item.a": "b"})


def test_every_stage_script_belongs_to_a_stage() -> None:
    used = {entry["cmd"].split()[1] for entry in pipeline().values()}
    assert used == {str(path.relative_to(ROOT).as_posix()) for path in stage_scripts()}


@pytest.mark.parametrize("path", [*modules().values(), *stage_scripts()], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= (59 if path.parent.name == "stages" else 400)
    if path.name != "__init__.py":
        assert ast.get_docstring(ast.parse(text)), "no docstring"
        assert "from __future__ import annotations" in text
