"""The command `compare`: one page of two runs, warnings, and one line for whatever goes wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from deepfacegen.cli.main import main
from tests.report.history import repository


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git and DVC repository with two evaluated revisions and one that is not."""
    return repository(tmp_path_factory.mktemp("history") / "repository")


def test_compare_writes_one_page_and_warns(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(history)
    target = tmp_path / "pages" / "two.html"
    assert run("compare", "first", "tuned", "-o", target) == 0
    result = capsys.readouterr()
    assert result.out == f"{target}\n"
    assert result.err == ""
    page = target.read_text(encoding="utf-8")
    assert "tuned against first" in page
    assert run("compare", "first", "workspace", "--output", target) == 0
    assert "first and workspace were evaluated on different data" in capsys.readouterr().err
    assert not (history / "compare.html").exists()


def test_runs_without_a_difference_get_one_line(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(history)
    target = tmp_path / "same.html"
    assert run("compare", "second", "main", "-o", target) == 0
    line = "No difference: second and main have the same metrics and the same parameters."
    result = capsys.readouterr()
    assert (result.out, result.err) == (f"{line}\n{target}\n", "")
    assert run("compare", "second", "main", "-o", target, "--json") == 0
    assert json.loads(capsys.readouterr().out)["differ"] is False


def test_compare_writes_where_no_stage_does(history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC owns the outputs of stages: a file put there would make a stage out of date, and be deleted by
    it."""
    monkeypatch.chdir(history)
    assert run("compare", "first", "second") == 0
    (history / "compare.html").unlink()
    stages = yaml.safe_load((Path(__file__).parents[2] / "dvc.yaml").read_text(encoding="utf-8"))[
        "stages"
    ].values()
    outs = {
        str(next(iter(out))) if isinstance(out, dict) else out
        for stage in stages
        for out in stage.get("do", stage).get("outs", [])
    }
    assert "report" in outs
    assert not outs & {"compare.html", "."}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "first"], "nowhere: no such experiment, branch, tag or commit"),
        (["first", "empty"], "empty: no evaluation metrics"),
        (["first", "first"], "first: named twice"),
        (["first", "second", "-o", "dvc.yaml/page.html"], "dvc.yaml"),
    ],
)
def test_compare_says_in_one_line_what_is_wrong(
    history: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(history)
    assert run("compare", *words) == 1
    result = capsys.readouterr()
    assert result.out == ""
    assert result.err.startswith(f"deepfacegen: {message}")
    assert result.err.count("\n") == 1
