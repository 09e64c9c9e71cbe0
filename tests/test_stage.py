"""What all stage scripts share: metrics as clean JSON, errors as one line, a dry run, clean outs."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from deepfacegen.config.schema import Config
from deepfacegen.errors import UserError
from deepfacegen.stage import dvc_name, run_stage
from deepfacegen.tracking.run import Tracker

METRICS = Path("metrics/demo.json")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPFACEGEN_TRACKING", "off")
    monkeypatch.delenv("RANK", raising=False)
    Path("params.yaml").write_text("audio:\n  clips_per_shard: 5\nsplit:\n  seed: 4\n")


def run(main: Any, *arguments: str, **more: Any) -> None:
    run_stage("demo", ("audio", "split"), main, METRICS, arguments=arguments, **more)


def test_metrics_are_sorted_finite_json() -> None:
    seen = []

    def main(config: Config, tracker: Tracker) -> dict[str, Any]:
        seen.append((config.audio.clips_per_shard, config.split.seed, tracker.on))
        return {
            "b": np.float32(0.5),
            "a": {"n": np.int64(3), "bad": float("nan"), "list": np.arange(2), "worse": np.float64("inf")},
            "c": "text",
        }

    run(main)
    text = METRICS.read_text()
    assert (
        text
        == json.dumps(
            {"a": {"bad": None, "list": [0, 1], "n": 3, "worse": None}, "b": 0.5, "c": "text"}, indent=2
        )
        + "\n"
    )
    assert seen == [(5, 4, False)]
    assert list(METRICS.parent.iterdir()) == [METRICS]


def test_a_user_error_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    def main(config: Config, tracker: Tracker) -> None:
        raise UserError("x.csv: no such file; name another")

    with pytest.raises(SystemExit) as caught:
        run(main)
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: x.csv: no such file; name another\n"
    assert not METRICS.exists()


@pytest.mark.parametrize(
    ("params", "key"),
    [
        ("audio:\n  clips: 1\n", "audio.clips"),
        (None, "params.yaml"),
        ("audio:\n  vad_threshold: 7\n", "audio.vad_threshold"),
    ],
)
def test_wrong_parameters_stop_before_any_work(
    capsys: pytest.CaptureFixture[str], params: str | None, key: str
) -> None:
    Path("params.yaml").unlink() if params is None else Path("params.yaml").write_text(params)
    Path("out").mkdir()
    Path("out/old").touch()
    with pytest.raises(SystemExit):
        run(lambda *_: pytest.fail("ran"), outs=[Path("out")])
    assert capsys.readouterr().err.startswith("error: ")
    assert Path("out/old").exists()


def test_an_input_that_is_not_there_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    def main(config: Config, tracker: Tracker) -> None:
        Path("data/clips.parquet").read_bytes()

    with pytest.raises(SystemExit):
        run(main)
    assert (
        capsys.readouterr().err
        == "error: data/clips.parquet: no such file; run the stages before demo first, as `dvc repro` does\n"
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(errno.ENOSPC, "x", "data/demo/shard.npy"),
            "data/demo: the disk is full; 2 finished shards kept",
        ),
        (OSError(errno.ENOSPC, "x"), "out: the disk is full; 2 finished shards kept"),
        (
            OSError(errno.EROFS, "x", "models/demo"),
            "models: the file system is read-only; 2 finished shards kept",
        ),
        (
            PermissionError(errno.EACCES, "x", "models/demo"),
            "models/demo: permission denied; 2 finished shards kept",
        ),
        (MemoryError(), "not enough memory; 2 finished shards kept"),
    ],
)
def test_want_of_room_is_one_line_that_says_what_is_kept(
    capsys: pytest.CaptureFixture[str], error: Exception, line: str
) -> None:
    def main(config: Config, tracker: Tracker) -> None:
        error.add_note("2 finished shards kept")
        raise error

    with pytest.raises(SystemExit) as caught:
        run(main, outs=[Path("out")])
    assert (caught.value.code, capsys.readouterr().err) == (1, f"error: {line}\n")


def test_a_stage_ends_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="deepfacegen"):
        run_stage(
            "faces",
            ("faces",),
            lambda *_: {"seen": 1, "faces": 1, "rejected": {"all": 0}, "people": 1},
            METRICS,
            arguments=[],
        )
    (record,) = caplog.records
    assert record.getMessage() == "faces: 1 file: 1 face kept, none rejected; 1 person (0.0 s)"


def test_without_a_metrics_file_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepfacegen.tracking.run.run", lambda *_: pytest.fail("recorded"))
    seen: list[bool] = []

    def main(config: Config, tracker: Tracker) -> dict[str, Any]:
        seen.append(tracker.on)
        return {}

    run_stage("watch", ("data",), main, None, arguments=[])
    assert seen == [False]
    assert not Path("metrics").exists()


def test_other_errors_keep_their_traceback() -> None:
    def main(config: Config, tracker: Tracker) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main)


def test_a_dry_run_shows_the_resolved_parameters_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/old").touch()
    run(lambda *_: pytest.fail("ran"), "--dry-run", outs=[Path("out")])
    shown = yaml.safe_load(capsys.readouterr().out)
    assert list(shown) == ["audio", "split"]
    assert shown["audio"] | {"clips_per_shard": 5, "vad_threshold": 0.5} == shown["audio"]
    assert Path("out/old").exists()
    assert not METRICS.exists()


def test_outs_and_plots_start_empty() -> None:
    for folder in ("out", "metrics/plots/demo", "metrics/plots/other"):
        Path(folder).mkdir(parents=True)
        Path(folder, "old").touch()

    def main(config: Config, tracker: Tracker) -> dict[str, Any]:
        assert list(Path("out").iterdir()) == []
        assert not Path("metrics/plots/demo").exists()
        return {}

    run(main, outs=[Path("out")])
    assert Path("metrics/plots/other/old").exists()


def test_other_ranks_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    Path("out").mkdir()
    Path("out/from-rank-0").touch()
    run(lambda *_: {"a": 1}, outs=[Path("out")])
    assert not METRICS.exists()
    assert Path("out/from-rank-0").exists()


def test_an_unknown_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(lambda *_: pytest.fail("ran"), "--dryrun")
    assert caught.value.code == 2


def test_metrics_and_plots_are_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}

    class Recorder(Tracker):
        def metrics(self, values: Any, step: int | None = None) -> None:
            sent["numbers"] = dict(values)

        def artifact(self, path: Path, folder: str | None = None) -> None:
            sent[str(folder)] = str(path)

    def start(stage: str, params: Any, state: Path, pictures: Path) -> Tracker:
        sent.update(stage=stage, params=params, state=state, pictures=pictures)
        return Recorder()

    monkeypatch.setattr("deepfacegen.tracking.run._start", start)

    def main(config: Config, tracker: Tracker) -> dict[str, Any]:
        Path("metrics/plots/demo").mkdir(parents=True)
        Path("metrics/plots/demo/a.csv").touch()
        return {"kept": 3}

    run(main, state=lambda config: Path(f"resume/{config.split.seed}/state.pt"))
    assert sent["stage"] == "demo"
    assert sent["pictures"] == Path("metrics/plots/demo")
    assert sent["state"] == Path("resume/4/state.pt")
    assert sent["params"]["audio.clips_per_shard"] == 5
    assert sent["numbers"].keys() == {"kept", "stage_seconds"}
    assert (sent["metrics"], sent["plots"]) == ("metrics/demo.json", "metrics/plots/demo")


def test_what_a_run_cost_goes_to_mlflow_and_its_steps_alone_to_the_file_in_git(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: dict[str, Any] = {}

    class Recorder(Tracker):
        def metrics(self, values: Any, step: int | None = None) -> None:
            sent.update(values)

    monkeypatch.setattr("deepfacegen.tracking.run._start", lambda *given: Recorder())
    effort = {"steps": 3, "seconds": 1.5, "items_per_second": 16.0}
    run(lambda config, tracker: {"losses": {"loss": 0.5}, "parameters": 9, "effort": effort})
    assert json.loads(METRICS.read_text()) == {
        "losses": {"loss": 0.5},
        "parameters": 9,
        "effort": {"steps": 3},
    }
    costs = {f"effort.{key}": value for key, value in effort.items()}
    assert {**sent, "stage_seconds": 0} == {"parameters": 9, **costs, "stage_seconds": 0}
    run(lambda config, tracker: {"kept": 1, "effort": {"seconds": 2.0}})
    assert json.loads(METRICS.read_text()) == {"kept": 1}


@pytest.mark.parametrize(
    ("name", "metrics", "expected"),
    [
        ("train", "train", "train"),
        ("evaluate", "evaluate/cgan", "evaluate@cgan"),
        ("svhf", "baseline/svhf", "baseline@svhf"),
        ("report", "summary", "report"),
    ],
)
def test_a_stage_is_called_as_dvc_calls_it(name: str, metrics: str, expected: str) -> None:
    assert dvc_name(name, Path(f"metrics/{metrics}.json")) == expected


def test_of_an_out_that_is_a_link_to_another_disk_the_link_stays(tmp_path: Path) -> None:
    elsewhere, out = tmp_path / "disk", Path("data/audio")
    (elsewhere / "old").mkdir(parents=True)
    (elsewhere / "old.npy").touch()
    out.parent.mkdir()
    out.symlink_to(elsewhere)
    run(lambda config, tracker: {"left": len(list(out.iterdir()))}, outs=[out])
    assert json.loads(METRICS.read_text()) == {"left": 0}
    assert out.is_symlink()


@pytest.mark.parametrize("root", ["data/raw", "data", "./data/raw/voices", "data/faces/mine", "elsewhere"])
def test_what_a_stage_would_empty_is_refused_and_stays(root: str, capsys: pytest.CaptureFixture[str]) -> None:
    names = ("data/raw/voices/Ann/hello.wav", "data/raw/faces/Ann/me.jpg", "data/faces/mine/Ann/me.jpg")
    kept = [Path(name) for name in names]
    for path in kept:
        path.parent.mkdir(parents=True)
        path.touch()
    Path("elsewhere").symlink_to("data/raw")
    Path("params.yaml").write_text(f"data:\n  source: folder\n  root: {root}\n")
    with pytest.raises(SystemExit) as caught:
        run(lambda *_: None, outs=[Path("data/raw/voices"), Path("data/raw/faces"), Path("data/faces")])
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: {Path(root)}: the pipeline empties data/")
    assert all(path.is_file() for path in kept)
