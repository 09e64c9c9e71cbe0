"""`deepfacegen preset`: presets merged into params.yaml, whose comments and layout stay; refusals."""

from __future__ import annotations

import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import load_yaml

from deepfacegen.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.stem for path in (ROOT / "params").glob("*.yaml"))
PARAMS = Path("params.yaml")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder has the committed parameters and presets."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.chdir(tmp_path)


def read(path: Path | str) -> dict[str, Any]:
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def overlaid(*presets: dict[str, Any]) -> dict[str, Any]:
    """The committed parameters with the values of presets."""
    tree = copy.deepcopy(read(ROOT / "params.yaml"))
    for preset in presets:
        for section, values in preset.items():
            tree[section] |= values
    return tree


def edit(pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, PARAMS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert count == 1
    PARAMS.write_text(text, encoding="utf-8")


def comments(text: str) -> list[str]:
    return re.findall("#.*", text)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that says why; params.yaml stays, and nothing is left beside it."""
    before, names = PARAMS.read_bytes(), sorted(Path().iterdir())
    assert main(["preset", *words]) == 1
    out, err = capsys.readouterr()
    assert (out, PARAMS.read_bytes(), sorted(Path().iterdir())) == ("", before, names)
    (line,) = err.splitlines()
    return line.removeprefix("deepfacegen: ")


def test_the_list_has_a_line_for_each_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preset"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    for name, line in zip(NAMES, lines, strict=True):
        head = Path(f"params/{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
        assert line.split(maxsplit=1)[1] == head.removeprefix("# ")
    assert main(["preset", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["presets"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_replaces_its_values_alone(name: str) -> None:
    before = PARAMS.read_text(encoding="utf-8").splitlines()
    assert main(["preset", name]) == 0
    preset, after = read(f"params/{name}.yaml"), PARAMS.read_text(encoding="utf-8").splitlines()
    assert read(PARAMS) == overlaid(preset)
    moved = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(moved) == sum(map(len, preset.values()))
    for old, new in moved:
        assert comments(old) == comments(new)
        assert new.index("#") == max(old.index("#"), len(new.partition("#")[0].rstrip()) + 1)


def test_presets_do_not_mix() -> None:
    fresh, written = PARAMS.read_bytes(), {}
    for name in NAMES:
        PARAMS.write_bytes(fresh)
        assert main(["preset", name]) == 0
        written[name] = PARAMS.read_bytes()
    for name in (*NAMES, NAMES[0]):
        assert main(["preset", name]) == 0
        assert PARAMS.read_bytes() == written[name]


def test_diff_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = PARAMS.read_bytes()
    assert main(["preset", "folder", "--diff"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["data.source: sample -> folder", "data.root: null -> my_people"]
    assert {"watch.folders: [] -> [root]", "train.lr: 0.00015 -> 0.0002"} < set(lines)
    assert len(lines) == sum(map(len, read("params/folder.yaml").values()))
    assert main(["preset", "folder", "--diff", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["changed"]["watch.folders"] == {"old": [], "new": ["root"]}
    assert not found["written"]
    assert PARAMS.read_bytes() == before


def test_values_of_the_users_own_are_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preset", "few_people"]) == 0
    edit(r"^(  voices_root: +)\S+", r"\1/home/ann/voices")
    edit(r"^(  batch: +)32 (?=.*clips)", r"\g<1>48 ")
    edit(r"^(  source: +)voxceleb2", r"\1voxceleb1")  # as in the next preset, so it is not lost
    capsys.readouterr()
    line = refused(capsys, "paper")
    assert line.startswith("params.yaml: the preset would overwrite values of your own ")
    assert "(data.voices_root, pretrain.batch)" in line
    assert main(["preset", "paper", "--diff"]) == 0
    assert "data.voices_root: /home/ann/voices -> /data/voxceleb1\n" in capsys.readouterr().out
    assert main(["preset", "paper", "--force"]) == 0
    assert read(PARAMS) == overlaid(read("params/paper.yaml"))


def test_a_file_of_the_users_own_is_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("train:\n  lr: 5e-4\n  augment: false\n", encoding="utf-8")
    assert main(["preset", "mine.yaml"]) == 0
    assert read(PARAMS) == overlaid({"train": {"lr": 0.0005, "augment": False}})
    shutil.rmtree("params")
    edit(r"^(  lr: +)0\.0005 (?=.*generator and)", r"\g<1>0.00015 ")
    assert main(["preset", "mine.yaml"]) == 0
    assert read(PARAMS) == overlaid({"train": {"lr": 0.0005, "augment": False}})
    capsys.readouterr()
    for words in ([], ["paper"]):
        assert refused(capsys, *words) == "params: no presets there; run this in the folder of the project"


def test_the_users_own_layout_stays() -> None:
    edit(r"^  root: +null", "  # mine\n  root:  ")
    edit(r"^  folders: .*", "  folders:  # two\n  - voices_root\n  - faces_root  # of those\n  # below")
    edit(r"^  seed: +17 ", "  seed:   17  ")
    before = PARAMS.read_text(encoding="utf-8").replace("\n", "\r\n")
    PARAMS.write_text(before, encoding="utf-8", newline="")
    assert main(["preset", "folder", "--force"]) == 0
    assert read(PARAMS) == overlaid(read("params/folder.yaml"))
    after = PARAMS.read_bytes().decode()
    assert set(comments(before)) - set(comments(after)) == set()
    assert "  seed:   17  " in after
    assert "\r\n  # below\r\n" in after
    assert after.count("\n") == after.count("\r\n")


BAD = {
    "train: {lrr: 1}": "train.lrr: unknown parameter",
    "trains: {lr: 1}": "trains: unknown parameter",
    "train: {lr: fast}": "train.lr must be a number",
    "train: {steps: 0}": "train.steps must lie between",
    "train: 3": "train must be a mapping",
    "train: {lr: 1e-3, lr: 1e-4}": "not valid YAML (line 1: lr ",
    "train: [": "not valid YAML (line ",
    "": "must be a mapping of sections",
    "data: {source: voxceleb2}": "data.voices_root must name a folder",
}


@pytest.mark.parametrize("text", BAD)
def test_a_preset_that_is_not_valid_is_named(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text(text, encoding="utf-8")
    for words in (["mine.yaml"], ["mine.yaml", "--force"], ["mine.yaml", "--diff"]):
        assert refused(capsys, *words).startswith(f"mine.yaml: {BAD[text]}")


def test_a_preset_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    listed = ", ".join(NAMES)
    assert refused(capsys, "few_peple").startswith(f"few_peple: no such preset (there are {listed};")
    assert refused(capsys, "none.yaml").startswith("none.yaml: no such parameter file")
    Path("folder.yaml").mkdir()
    assert refused(capsys, "folder.yaml").startswith("folder.yaml: not a parameter file that can be read")


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        (r"^(  lr: +)0\.00015 (?=.*generator and)", r"\1much ", "train.lr must be a number"),
        (r"^  folders: .*\n", "  other: 1\n", "watch.other: unknown parameter"),
        (r"^watch:\n  folders: .*\n", "", "has no watch.folders; restore the file"),
        (r"^  root: +null", "  root: &nowhere null\n  same_people: *nowhere", "not valid YAML"),
        (r"^  same_people: +null", "  same_people: *nowhere", "not valid YAML"),
    ],
)
def test_params_that_cannot_be_changed_are_named(
    pattern: str, replacement: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(pattern, replacement)
    assert refused(capsys, "folder").startswith(f"params.yaml: {message}")


def test_an_alias_is_never_half_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    edit(r"^  voices_root: +null", "  voices_root: &where null")
    edit(r"^  faces_root: +null", "  faces_root: *where")
    assert refused(capsys, "few_people").startswith("params.yaml: an alias, a tag or braces")


def test_params_that_are_not_there_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    PARAMS.unlink()
    assert main(["preset", "paper"]) == 1
    assert capsys.readouterr().err == "deepfacegen: params.yaml: no such parameter file\n"


@pytest.mark.parametrize("name", NAMES)
def test_dvc_reads_and_changes_it_as_before(name: str) -> None:
    """`dvc exp run -S` goes through `apply_overrides`."""
    assert main(["preset", name]) == 0
    expected = read(PARAMS)
    assert load_yaml("params.yaml") == expected
    apply_overrides(PARAMS, ["train.steps=7", "data.root=elsewhere"])
    expected["train"]["steps"], expected["data"]["root"] = 7, "elsewhere"
    assert read(PARAMS) == expected
