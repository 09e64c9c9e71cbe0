"""The line with which each stage ends: what it found, kept and rejected, and where the list or the result
lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deepfacegen.summary import count, line, reasons
from deepfacegen.training.loop import Effort

ROOT = Path(__file__).resolve().parents[1]
DOWNLOAD: dict[str, Any] = {
    "identities": {"listed": 1, "voice_only": 0, "face_only": 0, "without_files": 0},
    "voices": {"files": 1, "audio": 1},
    "faces": {"files": 1, "photo": 1},
    "unlisted": {"voice_files": 0, "face_files": 0, "unpaired_files": 0},
    "ignored": {},
}
AUDIO: dict[str, Any] = {"seen": 3, "kept": 3, "rejected": {"all": 0}, "voices": 2, "speech_hours": 0.05}
FACES: dict[str, Any] = {
    "seen": 120,
    "kept": 118,
    "faces": 118,
    "people": 12,
    "rejected": {"all": 2, "extreme_pose": 1, "no_face": 1},
}
MANIFEST: dict[str, Any] = {
    "identities": {"all": 6, "dropped": 0, "train": {"all": 2}, "val": {"all": 2}, "test": {"all": 2}},
    "clips": {"all": 12},
    "faces": {"all": 11},
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_one_is_not_called_many() -> None:
    assert [count(number, "person") for number in (0, 1, 2)] == ["0 people", "1 person", "2 people"]
    assert count(1200, "file") == "1,200 files"


def test_reasons_come_by_how_often_and_the_sum_is_none_of_them() -> None:
    assert reasons({"all": 9, "b": 2, "c": 0, "a": 2, "often": 5, "list": "x.csv"}) == "often 5, a 2, b 2"


def test_a_folder_of_which_everything_is_used() -> None:
    assert line("download", DOWNLOAD, {}, 0.44) == "download: 1 person listed, 1 clip, 1 photo (0.4 s)"


def test_what_is_passed_over_is_named_whatever_the_reason_is_called() -> None:
    people = {"listed": 12, "voice_only": 0, "face_only": 1, "without_files": 1}
    unlisted = {"voice_files": 0, "face_files": 0, "unpaired_files": 2}
    metrics = {
        **DOWNLOAD,
        "identities": people,
        "voices": {"files": 14, "audio": 12, "video": 2},
        "faces": {"files": 22, "photo": 20, "video": 2},
        "unlisted": unlisted,
        "ignored": {"other_files": 3},
        "passed_over": {"thumbnails": 1},
    }
    assert line("download", metrics, {}, 1.0) == (
        "download: 12 people listed, 14 clips, 20 photos, 2 films with a face; "
        "not listed: 2 people (face_only 1, without_files 1); "
        "passed over: other_files 3, unpaired_files 2, thumbnails 1, counted in metrics/download.json (1.0 s)"
    )
    listed = line("download", {**metrics, "ignored_list": "data/raw/meta/passed_over.csv"}, {}, 1.0)
    assert "thumbnails 1, list in data/raw/meta/passed_over.csv (" in listed
    fetched = line(
        "download", {**DOWNLOAD, "fetched": {"objects": 3, "bytes": 9, "ok": 2, "refused": 1}}, {}, 1.0
    )
    assert "; fetched: ok 2, refused 1 (" in fetched


def test_nothing_rejected_names_no_list() -> None:
    assert (
        line("audio", AUDIO, {}, 2.0)
        == "audio: 3 files: 3 clips kept, none rejected; 3.0 minutes of speech of 2 people (2.0 s)"
    )


def test_rejects_are_counted_by_reason_and_the_list_is_named() -> None:
    assert line("faces", FACES, {}, 3.1) == (
        "faces: 120 files: 118 faces kept, 2 rejected (extreme_pose 1, no_face 1), "
        "list in data/faces/rejects.parquet; 12 people (3.1 s)"
    )


def test_the_manifest_says_what_was_lost_before_it() -> None:
    alone = "manifest: 6 people (2 train, 2 val, 2 test), 12 clips, 11 faces"
    assert line("manifest", MANIFEST, {}, 0.4) == f"{alone} (0.4 s)"
    Path("metrics").mkdir()
    Path("metrics/audio.json").write_text(json.dumps(AUDIO))
    Path("metrics/faces.json").write_text(json.dumps({**FACES, "rejected": {"all": 1, "extreme_pose": 1}}))
    assert (
        line("manifest", MANIFEST, {}, 0.4)
        == f"{alone}; 1 face file rejected before (extreme_pose 1: data/faces/rejects.parquet) (0.4 s)"
    )


def test_photos_of_people_without_voices() -> None:
    assert line("photos", {"seen": 0}, {}, 0.1) == (
        "photos: none of people without voices (data.photos_root is null) (0.1 s)"
    )
    assert line("photos", {**FACES, "ignored": {"other_files": 2}}, {}, 3.1) == (
        "photos: 120 files: 118 faces kept, 2 rejected (extreme_pose 1, no_face 1), "
        "list in data/voiceless/rejects.parquet; 12 people without voices; passed over: other_files 2 (3.1 s)"
    )
    removed = {"all": 3, "held_out_by_name": 2, "held_out_by_copy": 1}
    photos = {"all": 7, "people": 5, "people_removed": 2, "removed": removed}
    assert line("manifest", {**MANIFEST, "photos": photos}, {}, 0.4).endswith(
        "; 7 photos of 5 people without voices, 3 of held-out people removed "
        "(held_out_by_name 2, held_out_by_copy 1) (0.4 s)"
    )


def test_a_training_says_steps_and_figures_and_where_its_weights_are() -> None:
    metrics = {
        "train": {"loss": 2.2145, "accuracy": 0.895},
        "verification": {"unseen": {"eer": 0.034}},
        "effort": {"steps": 500},
    }
    assert line("pretrain", metrics, {"pretrain.steps": 500}, 54.7) == (
        "pretrain: 500 steps, loss 2.21, accuracy 0.895; "
        "equal error rate on unseen people 3.4 %; weights in models/voice (54.7 s)"
    )
    refined = {"losses": {"d/accuracy": 0.5}, "effort": {"steps": 1}}
    assert line("refine", refined, {"cyclegan.steps": 1}, 1.0) == (
        "refine: 1 step, d/accuracy 0.5; weights in models/cyclegan (1.0 s)"
    )
    chosen = {"losses": {"loss": 1.935}, "effort": {"steps": 400}}
    assert line("baseline@svhf", chosen, {"svhf.steps": 400}, 1.0) == (
        "baseline@svhf: 400 steps, loss 1.94; weights in models/svhf (1.0 s)"
    )


@pytest.mark.parametrize(
    ("stage", "weights"), [("pretrain", "models/voice"), ("prior", "models/prior"), ("face", "models/face")]
)
def test_what_is_ready_made_is_not_called_trained_and_a_short_training_not_ready_made(
    stage: str, weights: str
) -> None:
    """Curves have a row for every 25 steps, so a shorter training has losses of none."""
    params = {f"{stage}.steps": 500}
    ready_made, resumed = Effort(0, 0.0, 0.0, 0), Effort(2, 0.01, 0.0, resumed_at=10)
    assert line(stage, {"losses": {}, "effort": ready_made.metrics(8)}, params, 1.0) == (
        f"{stage}: ready-made, nothing trained; weights in {weights} (1.0 s)"
    )
    assert line(stage, {"losses": {}, "effort": resumed.metrics(8)}, {f"{stage}.steps": 12}, 1.0) == (
        f"{stage}: 12 steps; weights in {weights} (1.0 s)"
    )


def test_a_start_in_closed_form_is_not_called_ready_made() -> None:
    metrics = {"losses": {}, "effort": Effort(0, 0.0, 0.0, 0).metrics(1)}
    assert line("baseline@contrastive", metrics, {"contrastive.steps": 0}, 1.0) == (
        "baseline@contrastive: 0 steps; weights in models/contrastive (1.0 s)"
    )


def test_an_evaluation_says_unseen_beside_seen() -> None:
    cells = {
        "unseen": {"ungrouped": {"accuracy": 0.891}, "gender": {"accuracy": 0.8107}},
        "seen": {"ungrouped": {"accuracy": 0.95}},
    }
    assert line("evaluate@cgan", {"matching": {"voice_to_face": cells}}, {}, 9.0) == (
        "evaluate@cgan: matching accuracy (chance 50 %): ungrouped 89.1 % unseen, 95.0 % seen; "
        "grouped by gender 81.1 % unseen; "
        "figures in metrics/evaluate/cgan.json (9.0 s)"
    )
    psnr = {"bicubic": 26.27, "given": {"refined": 28.29}, "guessed": {"refined": 28.92}}
    assert (
        "bicubic 26.3 dB, refined with known attributes 28.3 dB, with guessed ones 28.9 dB; figures"
        in line("evaluate@cyclegan", {"refinement": {"psnr_db": psnr}}, {}, 9.0)
    )


def test_a_stage_that_was_skipped_says_why() -> None:
    assert (
        line("evaluate@svhf", {"skipped": "needs 16 people"}, {}, 0.1)
        == "evaluate@svhf: skipped: needs 16 people (0.1 s)"
    )


def test_report_and_release_say_where_they_are() -> None:
    assert line("report", {"systems": {"cgan": {}}}, {}, 1.0) == "report: report/index.html, 1 system (1.0 s)"
    assert (
        line("release", {"bytes": {"all": 15_786_398}}, {}, 1.0) == "release: models/release, 15.8 MB (1.0 s)"
    )


@pytest.mark.parametrize("metrics", [{}, {"identities": 3}, {"losses": {"loss": None}}])
def test_figures_of_another_shape_fail_nothing(metrics: dict[str, Any]) -> None:
    for stage in ("download", "audio", "faces", "manifest", "train", "evaluate@cgan", "release", "unknown"):
        assert line(stage, metrics, {}, 1.0).startswith(f"{stage}: ")


def test_every_stage_of_the_recorded_run_has_its_line() -> None:
    """The figures in metrics/ are those of the sample run: each gives more than `done`."""
    for path in sorted((ROOT / "metrics").rglob("*.json")):
        stage = "@".join(path.relative_to(ROOT / "metrics").with_suffix("").parts).replace(
            "summary", "report"
        )
        if "plots" not in path.parts and stage != "headline":
            assert not line(stage, json.loads(path.read_text()), {}, 1.0).endswith(": done (1.0 s)"), stage
