"""The command `table`: figures of made metrics in each format, what has no figure, and one line for whatever
goes wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from deepfacegen.cli import table
from deepfacegen.cli.main import main
from deepfacegen.report import paper

# Accuracy, low, high of unseen ungrouped, unseen gender, seen ungrouped, seen gender.
PLAIN = ((0.8904, 0.865, 0.911), (0.8061, 0.7706, 0.839), (0.922, 0.902, 0.94), (0.848, 0.817, 0.876))
CENTRED = ((0.91, 0.9, 0.92), (0.83, 0.82, 0.84), (0.95, 0.94, 0.96), (0.87, 0.86, 0.88))
OWN = ((0.61, 0.6, 0.62), (0.51, 0.5, 0.52), (0.71, 0.7, 0.72), (0.81, 0.8, 0.82))
CELLS = (("unseen", "ungrouped"), ("unseen", "gender"), ("seen", "ungrouped"), ("seen", "gender"))


def matching(values: tuple[tuple[float, float, float], ...]) -> dict[str, Any]:
    tree: dict[str, Any] = {"unseen": {}, "seen": {}}
    for (population, group), (value, low, high) in zip(CELLS, values, strict=True):
        counts = {"trials": 4920, "identities": 82}
        tree[population][group] = {"accuracy": value, "ci95_low": low, "ci95_high": high, **counts}
    return {"voice_to_face": tree}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    data = {"data": {"digest": "d1"}}
    write(
        tmp_path,
        cgan={"judge": "sface", "matching": matching(PLAIN), "matching_centred": matching(CENTRED), **data},
        a_b={"judge": "sface", "matching": matching(OWN), **data},
        cyclegan={"refinement": {"psnr_db": 1}},
        svhf={"skipped": "too few people"},
    )
    return tmp_path


def write(root: Path, **systems: dict[str, Any]) -> None:
    (root / "metrics" / "evaluate").mkdir(parents=True, exist_ok=True)
    for name, metrics in systems.items():
        (root / "metrics" / "evaluate" / f"{name}.json").write_text(json.dumps(metrics), encoding="utf-8")


def test_every_format_can_be_asked_for() -> None:
    assert tuple(paper.FORMATS) == table.FORMATS


def test_markdown_has_unseen_beside_seen(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--project", str(project)]) == 0
    result = capsys.readouterr()
    assert result.out.splitlines() == [
        "| system | unseen, ungrouped | unseen, gender | seen, ungrouped | seen, gender |",
        "|---|---|---|---|---|",
        "| cgan, plain cosine | 89.0 [86.5, 91.1] | 80.6 [77.1, 83.9] | 92.2 [90.2, 94.0] "
        "| 84.8 [81.7, 87.6] |",
        "| cgan, centred cosine | 91.0 [90.0, 92.0] | 83.0 [82.0, 84.0] | 95.0 [94.0, 96.0] "
        "| 87.0 [86.0, 88.0] |",
        "| a_b, own score | 61.0 [60.0, 62.0] | 51.0 [50.0, 52.0] | 71.0 [70.0, 72.0] | 81.0 [80.0, 82.0] |",
    ]
    assert result.err == ""


def test_latex_is_a_tabular_with_escaped_names(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--project", str(project), "--format", "latex"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == (r"\begin{tabular}{lcccc}", r"\end{tabular}")
    assert r" & \multicolumn{2}{c}{Unseen people} & \multicolumn{2}{c}{Seen people} \\" in lines
    own = (
        r"a\_b, own score & 61.0 [60.0, 62.0] & 51.0 [50.0, 52.0] & 71.0 [70.0, 72.0] & 81.0 [80.0, 82.0] \\"
    )
    assert own in lines


def test_csv_has_all_digits_of_the_metrics(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--project", str(project), "--format", "csv"]) == 0
    first, _, last = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["system"], first["comparison"], first["judge"]) == ("cgan", "plain cosine", "sface")
    assert (last["system"], last["judge"]) == ("a_b", "")
    for (population, group), values in zip(CELLS, PLAIN, strict=True):
        name = f"{population}_{group}"
        assert tuple(float(first[f"{name}{end}"]) for end in ("", "_ci95_low", "_ci95_high")) == values
        assert (first[f"{name}_trials"], first[f"{name}_identities"]) == ("4920", "82")


def test_what_is_missing_stays_empty_beside_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    without = matching(OWN)
    del without["voice_to_face"]["seen"]
    write(tmp_path, pins={"matching": without})
    assert main(["table", "--project", str(tmp_path)]) == 0
    assert "| 61.0 [60.0, 62.0] | 51.0 [50.0, 52.0] | -- | -- |" in capsys.readouterr().out


def test_other_data_and_another_judge_are_warned_of(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"judge": "dlib", "matching": matching(OWN), "matching_centred": matching(OWN)}
    write(project, speech2face={**other, "data": {"digest": "d2"}})
    assert main(["table", "--project", str(project)]) == 0
    warned = capsys.readouterr().err
    assert "different data" in warned
    assert "different recognisers" in warned


def test_without_metrics_or_with_damaged_ones_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", "--project", str(tmp_path)]) == 1
    assert "no system has been evaluated yet" in capsys.readouterr().err
    write(tmp_path, cgan={})
    (tmp_path / "metrics" / "evaluate" / "cgan.json").write_text("{", encoding="utf-8")
    assert main(["table", "--project", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cgan.json: not valid JSON" in error
