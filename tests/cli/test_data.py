"""`deepfacegen data` as a user runs it, against a server on this machine, and the stage that fetches before
it lists."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from deepfacegen.cli.main import main
from tests.data.download import made
from tests.data.download.server import Server, serving
from tests.data.download.test_links import photo

ROOT = Path(__file__).resolve().parents[2]
SETS = ["vox2_test_mp4", "vggface2_meta", "vggface2_test"]
VOICES = {f"mp4/id0000{k}/video/00001.mp4": os.urandom(9000) for k in range(3)}


def params(folder: Path, host: str, **more: Any) -> Path:
    """The section download of the project's params.yaml, with what is fetched from the server of a test."""
    raw = {"download": yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["download"]}
    raw["download"] |= {
        "official": False,
        "mirrors": [f"*=http://{host}/{{file}}"],
        "retries": 1,
        "back_off_seconds": 0.01,
        "timeout_seconds": 5.0,
        **more,
    }
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return path


def test_status_of_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    params(tmp_path, "127.0.0.1:1")
    assert main(["data", "status"]) == 0
    out = capsys.readouterr().out
    assert "vox1_dev_wav     missing" in out
    assert "0 people with voices in downloads/voices" in out
    assert main(["data", "status", "--sets", "vox1_meta"]) == 1
    assert not (tmp_path / "downloads").exists()


def test_terms_are_shown_and_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "terms"]) == 0
    assert "https://mm.kaist.ac.kr/datasets/voxceleb/" in capsys.readouterr().out
    params(tmp_path, "127.0.0.1:1")
    assert main(["data", "fetch", "--sets", "vggface1"]) == 1
    assert "the terms of vggface1 are not accepted" in capsys.readouterr().err
    assert main(["data", "fetch"]) == 1
    assert "download.sets" in capsys.readouterr().err
    assert main(["data", "fetch", "--sets", "vox9"]) == 1
    assert "unknown 'vox9'" in capsys.readouterr().err


def test_fetch_tells_what_is_there_and_what_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """vggface2_test has a published checksum, which nothing served here can have."""
    monkeypatch.chdir(tmp_path)
    with serving() as server:
        server.add("vox2_test_mp4.zip", made.zipped(VOICES))
        server.add("identity_meta.csv", b"Class_ID, Name, Sample_Num, Flag, Gender\n")
        server.add("class_overlap_vgg1_2.txt", b"n000001 A_B\n")
        server.add("vggface2_test.tar.gz", made.tarred({"test/n000001/0001_01.jpg": photo(1)}))
        params(tmp_path, server.host, sets=SETS, accept_terms=["voxceleb2", "vggface2"])
        assert main(["data", "fetch", "--json"]) == 1
        result = json.loads(capsys.readouterr().out)
        found = {row["object"]: row["status"] for row in result["objects"]}
        assert found == {
            "vox2_test_mp4.zip": "ok",
            "identity_meta.csv": "ok",
            "class_overlap_vgg1_2.txt": "ok",
            "bb_landmark.tar.gz": "dead",
            "vggface2_test.tar.gz": "wrong_hash",
        }
        assert (result["counts"]["ok"], result["counts"]["dead"], result["counts"]["wrong_hash"]) == (3, 1, 1)
        assert main(["data", "status", "--json"]) == 1
    status = json.loads(capsys.readouterr().out)
    states = {entry["name"]: entry["state"] for entry in status["sets"]}
    assert (
        states["vox2_test_mp4"],
        states["vggface2_meta"],
        states["vggface2_test"],
        states["vox1_meta"],
    ) == ("there", "partly", "missing", "missing")
    assert status["usable"]["voices"] == 3
    assert {path.name for path in (tmp_path / "downloads/voices/voxceleb2/test/mp4").iterdir()} == {
        "id00000",
        "id00001",
        "id00002",
    }
    assert main(["data", "status"]) == 1
    assert "wrong_hash" in capsys.readouterr().out


def lay_out(server: Server) -> None:
    """Ten people of VoxCeleb2's videos who are in the metadata that lie in the download folder; another is
    not."""
    server.add(
        "vox2_test_mp4.zip",
        made.zipped({f"mp4/id000{k:02d}/video/00001.mp4": os.urandom(9000) for k in range(11)}),
    )


def test_stage_fetches_and_lists_part_of_a_set(tmp_path: Path) -> None:
    """A real process; the metadata were put there by hand, and the photos are frames of the videos, which
    this stage only lists."""
    with serving() as server:
        lay_out(server)
        path = params(
            tmp_path, server.host, sets=["vox2_test_mp4", "vox2_test_txt"], accept_terms=["voxceleb2"]
        )
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        raw["data"] = {"source": "voxceleb2", "faces_from": "video"}
        path.write_text(yaml.safe_dump(raw), encoding="utf-8")
        meta = tmp_path / "downloads/meta"
        meta.mkdir(parents=True)
        rows = "".join(f"id000{k:02d} ,n0001{k:02d} ,{'fm'[k % 2]} ,test \n" for k in range(10))
        (meta / "vox2_meta.csv").write_text(
            f"VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n{rows}", encoding="utf-8"
        )
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}",
        }
        command = [sys.executable, str(ROOT / "stages/download.py")]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "1 of 2 objects are not there; vox2_test_txt.zip: dead" in done.stderr
        metrics = json.loads((tmp_path / "metrics/download.json").read_text(encoding="utf-8"))
    assert metrics["identities"]["listed"] == 10
    assert metrics["voices"]["video"] == 10
    assert (metrics["fetched"]["objects"], metrics["fetched"]["ok"], metrics["fetched"]["dead"]) == (2, 1, 1)
