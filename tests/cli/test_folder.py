"""A folder of recordings: each one accounted for, and nothing done twice."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from deepfacegen.api import files, folder
from deepfacegen.api.folder import Tally, generate_folder, plan
from deepfacegen.api.results import read_results
from deepfacegen.api.speech import read_speech
from deepfacegen.api.voice_report import ReadyGenerator
from deepfacegen.data.audio.decoding import decode_audio
from deepfacegen.data.files.media import MediaError
from deepfacegen.errors import UserError
from deepfacegen.release.generator import FromVoices
from tests.shared.sounds import RATE_HZ, FakeSystem, write_wav

# What the fixture `source` holds besides recordings.
PASSED = {"hidden_files": 1, "hidden_folders": 1, "other_files": 1}


def sound(path: Path) -> np.ndarray:
    """Listening without a speech detector, so that any sound counts."""
    try:
        return decode_audio(path)
    except MediaError as error:
        raise UserError(str(error)) from None


def draw(source: Path, target: Path, system: FakeSystem, **changed: Any) -> Tally:
    settings_ = {"count": 1, "seed": 0, "model": "model", "workers": 2, "read": sound, **changed}
    return generate_folder(source, target, lambda: ReadyGenerator(system), **settings_)


def tone(path: Path, hz: float = 200.0) -> Path:
    return write_wav(
        path, (8000 * np.sin(2 * np.pi * hz * np.arange(RATE_HZ // 10) / RATE_HZ)).astype(np.int16)
    )


def rows(target: Path) -> list[dict[str, str]]:
    with (target / "results.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Five tones in three folders, and files that are no recordings."""
    root = tmp_path / "recordings"
    for k, name in enumerate(["b.wav", "a.wav", "deep/er/c.WAV", "deep/d.wav", "deep/b.wav"]):
        tone(root / name, 200.0 + 50 * k)
    (root / "notes.txt").write_text("none of these is a recording", encoding="utf-8")
    tone(root / ".hidden.wav")
    tone(root / ".cache" / "e.wav")
    return root


def test_every_recording_becomes_a_face_in_its_subfolder(
    source: Path, tmp_path: Path, system: FakeSystem
) -> None:
    target = tmp_path / "faces"
    assert draw(source, target, system) == Tally(
        recordings=5, already_done=0, ok=5, rejected=0, passed_over=PASSED
    )
    pictures = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    assert pictures == [
        "a.png",
        "b.png",
        "deep/b.png",
        "deep/d.png",
        "deep/er/c.png",
        "passed_over.csv",
        "results.csv",
    ]
    assert [row["recording"] for row in rows(target)] == [
        "a.wav",
        "b.wav",
        "deep/b.wav",
        "deep/d.wav",
        "deep/er/c.WAV",
    ]
    assert {row["speech_seconds"] for row in rows(target)} == {"0.10"}
    for row in rows(target):
        expected = system.run([sound(source / row["recording"])], system.latents(1, 0)).faces[0, 0]
        assert np.array_equal(np.asarray(Image.open(target / row["faces"])), expected)


def test_bad_recordings_become_rows_with_a_reason(source: Path, tmp_path: Path, system: FakeSystem) -> None:
    (source / "empty.wav").touch()
    (source / "text.wav").write_text("hello\n" * 100, encoding="utf-8")
    (source / "dangling.mp3").symlink_to(tmp_path / "nowhere")
    write_wav(source / "silent.wav", np.zeros(2 * RATE_HZ, np.int16))
    tally = draw(source, tmp_path / "faces", system, read=read_speech)
    result = {
        row["recording"]: row["reason"] for row in rows(tmp_path / "faces") if row["status"] == "rejected"
    }
    assert (tally.recordings, tally.ok + tally.rejected) == (9, 9)
    assert result["empty.wav"] == "the file is empty"
    assert result["dangling.mp3"] == "no such file"
    assert "cannot be read as sound" in result["text.wav"]
    assert "0.0 s of speech in 2.0 s of sound" in result["silent.wav"]
    assert str(source) not in "".join(result.values())


def test_a_second_run_does_nothing(source: Path, tmp_path: Path, system: FakeSystem) -> None:
    (source / "text.wav").write_text("hello\n" * 100, encoding="utf-8")
    draw(source, tmp_path / "faces", system)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "faces").rglob("*.png")}
    table = (tmp_path / "faces" / "results.csv").read_bytes()

    def load() -> ReadyGenerator:
        raise AssertionError("nothing is left to draw")

    tally = generate_folder(source, tmp_path / "faces", load, count=1, seed=0, model="model", read=sound)
    assert tally == Tally(recordings=6, already_done=6, ok=5, rejected=1, passed_over=PASSED)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (tmp_path / "faces" / "results.csv").read_bytes() == table


def test_an_interrupted_run_goes_on_and_ends_the_same(
    source: Path, tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "BATCH", 2)
    draw(source, tmp_path / "whole", system)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw(source, tmp_path / "cut", system, advance=stop)
    with (tmp_path / "cut" / "results.csv").open("a", encoding="utf-8") as stream:
        stream.write("deep/d.wav,ok,,0.")  # the row that was being written when the power went
    assert draw(source, tmp_path / "cut", system).already_done == 2
    whole, cut = (
        {p.relative_to(t): p.read_bytes() for p in t.rglob("*") if p.is_file()}
        for t in (tmp_path / "whole", tmp_path / "cut")
    )
    assert cut == whole


def test_a_torn_row_never_counts_as_finished(source: Path, tmp_path: Path, system: FakeSystem) -> None:
    draw(source, tmp_path / "faces", system)
    table = tmp_path / "faces" / "results.csv"
    whole = table.read_bytes()
    complete = read_results(table)
    for length in range(len(whole)):
        table.write_bytes(whole[:length])
        if length >= len(whole.splitlines()[0]):
            assert set(read_results(table).values()) <= set(complete.values())


@pytest.mark.parametrize("changed", [{"seed": 1}, {"model": "another model"}, {"count": 2}])
def test_other_settings_draw_anew(
    source: Path, tmp_path: Path, system: FakeSystem, changed: dict[str, Any]
) -> None:
    draw(source, tmp_path / "faces", system)
    assert draw(source, tmp_path / "faces", system, **changed).already_done == 0


def test_only_what_changed_is_drawn_anew(source: Path, tmp_path: Path, system: FakeSystem) -> None:
    draw(source, tmp_path / "faces", system)
    tone(source / "a.wav", 999.0)
    os.utime(source / "a.wav", ns=(1, 1))
    (tmp_path / "faces" / "deep" / "d.png").unlink()
    tone(source / "new.wav")
    system.batches.clear()
    assert draw(source, tmp_path / "faces", system) == Tally(
        recordings=6, already_done=3, ok=6, rejected=0, passed_over=PASSED
    )
    assert sum(system.batches) == 3


def test_a_recording_that_went_away_leaves_the_table(
    source: Path, tmp_path: Path, system: FakeSystem
) -> None:
    draw(source, tmp_path / "faces", system)
    (source / "a.wav").unlink()
    draw(source, tmp_path / "faces", system)
    assert "a.wav" not in {row["recording"] for row in rows(tmp_path / "faces")}


def test_several_faces_of_each(source: Path, tmp_path: Path, system: FakeSystem) -> None:
    draw(source, tmp_path / "faces", system, count=3)
    assert rows(tmp_path / "faces")[0]["faces"] == "a-1.png;a-2.png;a-3.png"
    assert len(list((tmp_path / "faces").rglob("*.png"))) == 15


@pytest.mark.parametrize(
    ("names", "faces"),
    [
        (["a.wav", "a.mp3"], {"a.wav.png", "a.mp3.png"}),
        (["a.wav", "b/a.wav"], {"a.png", "b/a.png"}),
        (["Talk.wav", "talk.mp3"], {"Talk.wav.png", "talk.mp3.png"}),
        (["a.wav", "a.mp3", "a.wav.mp3"], {"a.wav.png", "a.mp3.png", "a.wav.mp3.png"}),
    ],
)
def test_no_two_recordings_share_a_face(tmp_path: Path, names: list[str], faces: set[str]) -> None:
    for name in names:
        tone(tmp_path / "in" / name)
    jobs = plan(
        files.find(tmp_path / "in", files.RECORDINGS), tmp_path / "in", tmp_path / "out", count=1, settings=""
    )
    assert {job.files[0].relative_to(tmp_path / "out").as_posix() for job in jobs} == faces


@given(st.sets(st.text("ab.-1é ,\n\"';", min_size=1, max_size=6), min_size=1, max_size=6), st.integers(1, 3))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_name_survives_the_table(
    tmp_path_factory: pytest.TempPathFactory, stems: set[str], count: int
) -> None:
    root = tmp_path_factory.mktemp("names")
    wanted = {f"x{stem}.wav" for stem in stems}
    for name in wanted:
        tone(root / "in" / name)
    draw(root / "in", root / "out", FakeSystem(), count=count)
    table = read_results(root / "out" / "results.csv")
    assert set(table) == wanted
    assert len(list((root / "out").rglob("*.png"))) == count * len(wanted)
    assert draw(root / "in", root / "out", FakeSystem(), count=count).already_done == len(wanted)


def test_batches_are_small_whatever_the_number(
    tmp_path: Path, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "BATCH", 4)
    for k in range(11):
        tone(tmp_path / "in" / f"{k:02d}.wav", 100 + k)
    result: list[tuple[int, int]] = []
    draw(tmp_path / "in", tmp_path / "out", system, advance=lambda done, total: result.append((done, total)))
    assert system.batches == [4, 4, 3]
    assert result == [(4, 11), (8, 11), (11, 11)]


def test_decoding_runs_ahead_only_a_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "BATCH", 2)
    for k in range(40):
        tone(tmp_path / "in" / f"{k:02d}.wav")
    heard: list[Path] = []

    def read(path: Path) -> np.ndarray:
        heard.append(path)
        return sound(path)

    drawn = 0

    class Watching(FakeSystem):
        def run(self, voices: Any, latents: np.ndarray) -> FromVoices:
            nonlocal drawn
            assert len(heard) - drawn <= 2 + 2 * 2 + 2
            drawn += len(voices)
            return super().run(voices, latents)

    draw(tmp_path / "in", tmp_path / "out", Watching(), read=read)
    assert drawn == 40


def test_a_folder_without_recordings_is_refused(tmp_path: Path, system: FakeSystem) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").touch()
    with pytest.raises(UserError, match=r"in: no recordings"):
        draw(tmp_path / "in", tmp_path / "out", system)
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_folder_is_refused(source: Path, tmp_path: Path, system: FakeSystem) -> None:
    (tmp_path / "faces").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="faces: is a file"):
        draw(source, tmp_path / "faces", system)


def test_somebody_elses_table_is_not_overwritten(source: Path, tmp_path: Path, system: FakeSystem) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "results.csv").write_text("name,score\nme,1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"results\.csv: not written by deepfacegen"):
        draw(source, tmp_path / "faces", system)
    assert (tmp_path / "faces" / "results.csv").read_text(encoding="utf-8") == "name,score\nme,1\n"


def test_model_digest_follows_the_weights(tmp_path: Path) -> None:
    for part in ("voice", "cgan"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text("{}", encoding="utf-8")
    before = folder.model_digest(tmp_path)
    assert folder.model_digest(tmp_path) == before
    (tmp_path / "cgan" / "generator.safetensors").write_bytes(b"new")
    assert folder.model_digest(tmp_path) != before
