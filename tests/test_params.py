"""params.yaml is complete, explained, and holds the defaults; a preset holds only what differs from them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from deepfacegen.config import schema

ROOT = Path(__file__).resolve().parents[1]
PRESETS = sorted((ROOT / "params").glob("*.yaml"))
PARAMS = ROOT / "params.yaml"


def keys(tree: dict) -> set[str]:
    return {f"{section}.{key}" for section, values in tree.items() for key in values}


def test_presets_are_found() -> None:
    assert "voxceleb2.yaml" in {path.name for path in PRESETS}


def test_params_hold_exactly_the_known_keys() -> None:
    found = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    assert keys(found) == keys(dataclasses.asdict(schema.Config()))


def test_params_are_the_defaults() -> None:
    """What a preset leaves out, and what `deepfacegen preset` writes for it."""
    assert schema.load(PARAMS) == schema.Config()


@pytest.mark.parametrize("path", PRESETS, ids=lambda p: p.name)
def test_a_preset_holds_only_what_differs(path: Path) -> None:
    preset, loaded = yaml.safe_load(path.read_text(encoding="utf-8")), schema.to_dict(schema.load(path))
    default = schema.to_dict(schema.Config())
    differ = {s: [key for key in values if values[key] != default[s][key]] for s, values in loaded.items()}
    assert keys(preset) == keys(differ)
    assert list(preset) == [section for section in default if section in preset]


@pytest.mark.parametrize("path", PRESETS, ids=lambda p: p.name)
def test_a_preset_explains_itself(path: Path) -> None:
    head, _, rest = path.read_text(encoding="utf-8").partition("\n\n")
    assert all(line.startswith("#") for line in head.splitlines())
    assert f"#   deepfacegen preset {path.stem}\n#   dvc repro" in head
    assert "What it needs: " in head
    assert "#" not in rest


def test_params_are_the_sample_people() -> None:
    assert schema.load(PARAMS).data.source == "sample"


def explained(path: Path) -> dict[str, str]:
    """Dotted key -> the comment behind its value."""
    found, section = {}, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"(\w+):", line):
            section = heading[1]
        elif entry := re.match(r"  (\w+):[^#]*(?:# (.+))?$", line):
            found[f"{section}.{entry[1]}"] = entry[2]
    return found


def test_each_value_is_explained_as_the_code_explains_it() -> None:
    meanings = {
        f"{s.name}.{f.name}": f.metadata["doc"]
        for s in dataclasses.fields(schema.Config)
        for f in dataclasses.fields(s.default)
    }
    assert explained(PARAMS) == meanings


def test_dvc_stages_name_known_sections() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    systems = set(stages["baseline"]["matrix"]["system"])
    used = {name for entry in stages.values() for name in entry.get("do", entry).get("params", [])} - {
        "${item.system}"
    } | systems
    assert used == {field.name for field in dataclasses.fields(schema.Config)}
