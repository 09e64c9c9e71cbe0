"""params.yaml and the presets: complete, known to the code, and explained."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from deepfacegen.config import schema

ROOT = Path(__file__).resolve().parents[1]
PRESETS = sorted((ROOT / "params").glob("*.yaml"))
FILES = [ROOT / "params.yaml", *PRESETS]


def keys(tree: dict) -> set[str]:
    return {f"{section}.{key}" for section, values in tree.items() for key in values}


def test_presets_are_found() -> None:
    assert "voxceleb2.yaml" in {path.name for path in PRESETS}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_file_holds_exactly_the_known_keys(path: Path) -> None:
    """A preset takes the place of params.yaml, so it must name every key too."""
    assert keys(yaml.safe_load(path.read_text(encoding="utf-8"))) == keys(dataclasses.asdict(schema.Config()))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_file_loads(path: Path) -> None:
    loaded = schema.load(path)
    assert schema.from_dict(schema.to_dict(loaded)) == loaded


def test_params_are_the_sample_people() -> None:
    assert schema.load(ROOT / "params.yaml").data.source == "sample"


def explained(path: Path) -> dict[str, str]:
    """Dotted key -> the comment behind its value."""
    found, section = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"(\w+):", line):
            section = heading[1]
        elif entry := re.match(r"  (\w+):[^#]*(?:# (.+))?$", line):
            found[f"{section}.{entry[1]}"] = entry[2]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_each_value_is_explained_as_the_code_explains_it(path: Path) -> None:
    meanings = {
        f"{s.name}.{f.name}": f.metadata["doc"]
        for s in dataclasses.fields(schema.Config)
        for f in dataclasses.fields(s.default)
    }
    assert explained(path) == meanings


def test_dvc_stages_name_known_sections() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    systems = set(stages["baseline"]["matrix"]["system"])
    used = {name for entry in stages.values() for name in entry.get("do", entry).get("params", [])} - {
        "${item.system}"
    } | systems
    assert used == {field.name for field in dataclasses.fields(schema.Config)}
