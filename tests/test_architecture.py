"""docs/architecture.md, kept: who may import whom, what each DVC stage depends on, and how long a file
gets."""

from __future__ import annotations

import ast
import functools
import graphlib
import importlib.util
import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepfacegen.config.data import WATCHED
from deepfacegen.systems import registry

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"
PACKAGE = "deepfacegen"

# What everybody may import: parameters, errors, and the environment a stage runs in.
COMMON = {"config", "errors", "progress", "room", "stopping", "threads", "weights", "distributed"}
# Part of the package -> the parts it may import, besides itself and COMMON.
MAY_IMPORT: dict[str, set[str]] = {
    "synthetic": {"data"},
    "data": {"synthetic"},
    "training": {"data"},
    "encoders": {"training", "data"},
    "systems": {"encoders", "training", "data"},
    "evaluation": {"systems", "encoders", "data", "synthetic"},
    "release": {"systems", "encoders", "training", "data"},
    "report": {"evaluation", "data"},
    "api": {"release", "systems", "data", "tracking"},
    "server": {"api", "tracking", "synthetic"},
    "demo": {"api", "release", "report", "data", "synthetic"},
    "cli": {"api", "server", "demo", "release", "report", "systems", "data", "tracking", "early_interrupt"},
    "stage": {"allocator", "summary", "tracking"},
    **{name: set() for name in (*COMMON, "allocator", "tracking", "early_interrupt", "summary")},
    "__main__": {"cli"},
}
# The doors through which evaluation and serving see systems.
DOORS = {"deepfacegen.systems.protocol", "deepfacegen.systems.registry"}

TRAINING_PATH = ("systems", "encoders", "training", "data.batches", "data.shards", "config")
NOT_IN_TRAINING = {"dvc", "mlflow", "ffmpeg", "imageio_ffmpeg", "av", "cv2"}
NOT_IN_DATA = {"torch", "torchaudio", "silero_vad", "mlflow", "dvc"}

# What a `foreach` over a list of params.yaml may hold at most.
LISTED = {"${watch.folders}": WATCHED}

spec = importlib.util.spec_from_file_location("dependencies", ROOT / "tools/dependencies.py")
assert spec
assert spec.loader
dependencies = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dependencies)
imports, modules, reached = dependencies.imports, dependencies.modules, dependencies.reached


def ours(names: frozenset[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] == PACKAGE}


def third_party(path: Path) -> set[str]:
    """Top-level names of other packages that a file or anything it brings in imports."""
    return {
        name.split(".")[0]
        for file in reached(path)
        for name in imports(file)
        if name.split(".")[0] != PACKAGE
    }


def named(forbidden: dict[str, set[str]]) -> dict[str, set[str]]:
    """Of modules and what each imports although it must not: those that do."""
    return {module: names for module, names in forbidden.items() if names}


def part(module: str) -> str:
    return [*module.split("."), ""][1]


def under(*parts: str) -> list[str]:
    return [
        name
        for name in modules()
        if any(name == f"{PACKAGE}.{p}" or name.startswith(f"{PACKAGE}.{p}.") for p in parts)
    ]


def stage_scripts() -> list[Path]:
    return sorted((ROOT / "stages").glob("*.py"))


@functools.cache
def pipeline() -> dict[str, dict[str, Any]]:
    """Stage name, as `dvc repro` takes it -> its entry in dvc.yaml; what stands there once for several
    (foreach, matrix) as DVC resolves it."""
    found = {}
    for name, entry in yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].items():
        if "foreach" in entry:
            given = (
                LISTED.get(entry["foreach"], entry["foreach"])
                if isinstance(entry["foreach"], str)
                else entry["foreach"]
            )
            each = given.items() if isinstance(given, dict) else ((item, item) for item in given)
            found |= {
                f"{name}@{key}": resolved(entry["do"], {"key": key, "item": item}) for key, item in each
            }
        elif "matrix" in entry:
            body = {key: value for key, value in entry.items() if key != "matrix"}
            for chosen in itertools.product(*entry["matrix"].values()):
                words = {f"item.{axis}": value for axis, value in zip(entry["matrix"], chosen, strict=True)}
                found[f"{name}@{'-'.join(map(str, chosen))}"] = resolved(body, words)
        else:
            found[name] = resolved(entry, {})
    return found


def resolved(value: Any, words: dict[str, Any]) -> Any:
    """A part of dvc.yaml with `${word}` filled in everywhere. Raises KeyError for a word that is not
    known."""
    if isinstance(value, dict):
        return {resolved(key, words): resolved(inner, words) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, words) for inner in value]
    return (
        re.sub(r"\$\{([^}]*)\}", lambda found: str(words[found[1].strip()]), value)
        if isinstance(value, str)
        else value
    )


def written(entry: dict[str, Any]) -> list[Path]:
    """What a stage writes: outputs, metrics, plots."""
    listed = [out for kind in ("outs", "metrics", "plots") for out in entry.get(kind, [])]
    return [ROOT / (next(iter(out)) if isinstance(out, dict) else out) for out in listed]


def test_every_own_import_exists() -> None:
    for path in [*modules().values(), *stage_scripts()]:
        missing = {name for name in ours(imports(path)) if name not in modules()}
        assert not missing, f"{path.relative_to(ROOT)} imports {missing}"


def test_arrows_point_one_way() -> None:
    forbidden = {}
    for module in modules():
        if module != PACKAGE:
            here = part(module)
            assert here in MAY_IMPORT, f"{module}: say in MAY_IMPORT where it stands"
            allowed = MAY_IMPORT[here] | COMMON | {here, ""}
            forbidden[module] = {
                name for name in ours(imports(modules()[module])) if part(name) not in allowed
            }
    assert not named(forbidden), "these modules must not import these"


def test_common_modules_import_nothing_above_them() -> None:
    for name in under(*COMMON):
        assert {part(n) for n in ours(imports(modules()[name]))} <= COMMON | {""}


def test_systems_are_seen_through_their_protocol_only() -> None:
    forbidden = {}
    for module in under("evaluation", "api", "server", "demo", "cli"):
        inside = {name for name in ours(imports(modules()[module])) if part(name) == "systems"}
        forbidden[module] = inside - DOORS
    assert not named(forbidden), "these modules look inside systems"


def test_data_knows_no_torch() -> None:
    assert not named({name: third_party(modules()[name]) & NOT_IN_DATA for name in under("data")})


def test_training_path_needs_no_pipeline_tools() -> None:
    assert not named({name: third_party(modules()[name]) & NOT_IN_TRAINING for name in under(*TRAINING_PATH)})


def test_only_tracking_and_what_mlflow_runs_import_mlflow() -> None:
    """`server.served` is run by MLflow itself, from a copy that lies with the model."""
    users = {
        name for name, path in modules().items() if any(n.split(".")[0] == "mlflow" for n in imports(path))
    }
    assert users == {
        f"{PACKAGE}.{name}"
        for name in ("tracking.delivery", "tracking.registry", "tracking.store", "server.served")
    }


def test_nothing_imports_stages() -> None:
    for path in modules().values():
        assert not {name for name in imports(path) if name.split(".")[0] == "stages"}


def test_stages_depend_on_the_code_they_import() -> None:
    text = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
    assert dependencies.rewritten(text) == text, "run `python tools/dependencies.py`"


@pytest.mark.parametrize("stage", list(pipeline()))
def test_a_stage_runs_no_code_that_it_does_not_depend_on(stage: str) -> None:
    """With the rules of the tool itself apart: every file that the script reaches, and the system's own
    ones."""
    deps = [ROOT / dep for dep in pipeline()[stage]["deps"]]
    name, _, key = stage.partition("@")
    roots = [ROOT / pipeline()[stage]["cmd"].split()[1]]
    roots += (
        sorted((SRC / PACKAGE / "systems" / key).glob("*.py")) if name in ("baseline", "evaluate") else []
    )
    files = {path for root in roots for path in reached(root, name) if SRC in path.parents}
    for path in files - {file for file in files if file.name == "__init__.py"}:
        common = path.relative_to(SRC / PACKAGE).parts[0] in dependencies.NOT_A_DEP
        assert common or any(path == dep or dep in path.parents for dep in deps), f"{stage} runs {path}"


def test_a_comment_in_one_system_concerns_its_own_stages_only() -> None:
    """And of the stage `train` and what follows it, which are the conditional GAN's."""
    for system in registry.BASELINES:
        folder = f"src/deepfacegen/systems/{system}"
        touched = {
            stage for stage, entry in pipeline().items() for dep in entry["deps"] if dep.startswith(folder)
        }
        assert touched == {f"baseline@{system}", f"evaluate@{system}"}


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {
        path: {modules()[name] for name in imports(path) if name in modules()} for path in modules().values()
    }
    graph[SRC / PACKAGE / "__init__.py"] = set()  # the Python API, on request
    order = graphlib.TopologicalSorter(graph)
    order.prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("stage", list(pipeline()))
def test_what_a_stage_reads_is_code_or_what_other_stages_write(stage: str) -> None:
    """A folder that several stages fill is read as a whole, of others perhaps a part."""
    others = [out for name, entry in pipeline().items() if name != stage for out in written(entry)]
    for dep in (ROOT / dep for dep in pipeline()[stage]["deps"]):
        made = any(dep == out or out in dep.parents or dep in out.parents for out in others)
        assert made != any(root == dep or root in dep.parents for root in (SRC, ROOT / "stages")), dep
        assert made or dep.exists(), dep


def test_a_system_is_trained_and_evaluated_by_a_stage_of_its_own() -> None:
    """Whatever the registry knows has its instance, whose command names it, and which reads the model and
    writes figures of that name."""
    evaluated = {name.split("@")[1] for name in pipeline() if name.startswith("evaluate@")}
    assert evaluated == {*registry.SYSTEMS, *registry.REFINERS}
    assert "models/speech2face" in pipeline()["speech2face"]["outs"]
    for stage, names in (("baseline", registry.BASELINES), ("evaluate", evaluated)):
        assert {name.split("@")[1] for name in pipeline() if name.startswith(f"{stage}@")} == set(names)
        for name in names:
            entry = pipeline()[f"{stage}@{name}"]
            assert entry["cmd"].split() == ["python", f"stages/{stage}.py", name]
            assert ROOT / f"metrics/{stage}/{name}.json" in written(entry)
            assert f"models/{name}" in (entry["deps"] if stage == "evaluate" else entry["outs"])


def test_templates_are_resolved_everywhere_or_not_at_all() -> None:
    assert resolved({"${item.a}": ["x/${ key }.json", 3, None]}, {"item.a": "b", "key": 1}) == {
        "b": ["x/1.json", 3, None]
    }
    with pytest.raises(KeyError):
        resolved(["${item.b}"], {"item.a": "b"})


def test_every_stage_script_belongs_to_a_stage() -> None:
    used = {entry["cmd"].split()[1] for entry in pipeline().values()}
    assert used == {str(path.relative_to(ROOT).as_posix()) for path in stage_scripts()}


def test_files_are_short_and_say_what_they_are_for() -> None:
    for path in [*modules().values(), *stage_scripts()]:
        text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
        assert len(text.splitlines()) <= (59 if path.parent.name == "stages" else 400), name
        if path.name != "__init__.py":
            assert ast.get_docstring(ast.parse(text)), f"{name} has no docstring"
            assert "from __future__ import annotations" in text, name


def test_folders_are_small_and_a_name_names_one_file() -> None:
    """At most 20 files in a folder. Within a package a base name occurs once; a system is one, as all have
    `networks` and `train`."""
    names = Counter()
    for path in modules().values():
        parts = path.relative_to(SRC / PACKAGE).parts
        if len(parts) > 1 and path.name != "__init__.py":
            names[(parts[:2] if parts[0] == "systems" and len(parts) > 2 else parts[:1], path.name)] += 1
    assert not [name for name, count in names.items() if count > 1]
    for folder in {path.parent for path in modules().values()}:
        assert len([path for path in folder.iterdir() if path.is_file()]) <= 20, folder
