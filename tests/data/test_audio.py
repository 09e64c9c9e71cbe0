"""The audio stage on real files, good and bad: every one accounted for, the same bytes from any number of
workers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.schema import AudioConfig
from deepfacegen.data.audio import clips as audio
from deepfacegen.data.shards import AudioShards
from deepfacegen.errors import UserError

CONFIG = AudioConfig(clips_per_shard=4, max_speech_seconds=3.0, min_speech_seconds=1.0)


@pytest.fixture(scope="module")
def voices(
    tmp_path_factory: pytest.TempPathFactory, speech: np.ndarray, write: dict
) -> tuple[Path, pd.DataFrame, dict[str, str]]:
    """A voices root, its inventory, and the reason expected for each path ("" where it is to be kept)."""
    root = tmp_path_factory.mktemp("voices")
    whole = write["sound"](root / "aac/a.m4a", speech).read_bytes()
    write["sound"](root / "aac/b.wav", speech)
    write["sound"](root / "aac/silent.m4a", np.zeros(64_000, dtype=np.int16))
    write["sound"](root / "aac/short.m4a", speech[:9_600])
    write["film"](root / "mp4/mute.mp4", np.zeros((5, 64, 64, 3), dtype=np.uint8))
    write["film"](root / "mp4/a.mp4", np.zeros((20, 64, 64, 3), dtype=np.uint8), root / "aac/a.m4a")
    (root / "aac/empty.m4a").write_bytes(b"")
    (root / "aac/cut.m4a").write_bytes(whole[: len(whole) // 2])
    (root / "aac/text.m4a").write_text("hello")
    (root / "mp4/cut.mp4").write_bytes((root / "mp4/a.mp4").read_bytes())
    expected = {
        "aac/a.m4a": "",
        "mp4/a.mp4": "duplicate",
        "aac/b.wav": "",
        "aac/cut.m4a": "corrupt",
        "mp4/cut.mp4": "",  # the same clip, whole
        "aac/empty.m4a": "corrupt",
        "mp4/mute.mp4": "no_audio",
        "aac/short.m4a": "too_short",
        "aac/silent.m4a": "no_speech",
        "aac/text.m4a": "corrupt",
        "aac/gone.m4a": "corrupt",
    }
    rows = [
        (f"id1/v/{Path(path).stem}", "id1", "v", path, "video" if path.endswith("mp4") else "audio", 1)
        for path in expected
    ]
    table = pd.DataFrame(rows, columns=["clip_id", "voice_id", "video_id", "path", "kind", "size_bytes"])
    return root, table.sort_values(["clip_id", "path"], ignore_index=True), expected


def test_every_file_is_kept_or_rejected_for_the_right_reason(tmp_path: Path, voices: tuple) -> None:
    root, inventory, expected = voices
    metrics = audio.extract(CONFIG, inventory, root, tmp_path)
    clips, rejects = (
        pd.read_parquet(tmp_path / "clips.parquet"),
        pd.read_parquet(tmp_path / "rejects.parquet"),
    )
    assert dict(zip(rejects["path"], rejects["reason"], strict=True)) == {
        path: why for path, why in expected.items() if why
    }
    assert clips["clip_id"].tolist() == ["id1/v/a", "id1/v/b", "id1/v/cut"]
    assert (metrics["seen"], metrics["kept"]) == (len(expected), 3)
    counts = Counter(why for why in expected.values() if why)
    assert metrics["rejected"] == {"all": sum(counts.values()), **counts}
    assert list(clips.columns) == [
        "clip_id",
        "voice_id",
        "video_id",
        "shard",
        "offset_samples",
        "length_samples",
    ]
    assert set(clips["shard"]) <= set(range(metrics["shards"]))


def test_the_speech_itself_is_stored_and_cut(tmp_path: Path, voices: tuple, speech: np.ndarray) -> None:
    root, inventory, _ = voices
    audio.extract(CONFIG, inventory, root, tmp_path)
    row = pd.read_parquet(tmp_path / "clips.parquet").set_index("clip_id").loc["id1/v/b"]
    assert row["length_samples"] == 3 * 16_000
    stored = AudioShards(tmp_path).read(row["shard"], row["offset_samples"], row["length_samples"])
    begin = next(i for i in range(len(speech) - 8000) if np.array_equal(speech[i : i + 8000], stored[:8000]))
    assert begin < 16_000  # the wav was not changed, only trimmed


def test_the_same_bytes_with_one_worker_and_two(
    tmp_path: Path, voices: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, inventory, _ = voices
    for workers in "12":
        monkeypatch.setenv("DEEPFACEGEN_WORKERS", workers)
        audio.extract(CONFIG, inventory, root, tmp_path / workers)
    names = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert len(names) > 4
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_nothing_usable_at_all_is_an_error(tmp_path: Path, voices: tuple) -> None:
    root, inventory, _ = voices
    bad = inventory[inventory["path"].isin(["aac/silent.m4a", "aac/empty.m4a", "aac/text.m4a"])]
    with pytest.raises(UserError, match=r"none of 3 voice files gave speech.*corrupt': 2, 'no_speech': 1"):
        audio.extract(CONFIG, bad, root, tmp_path)


def test_plots_tell_lengths_and_rejects(tmp_path: Path, voices: tuple) -> None:
    root, inventory, _ = voices
    audio.extract(CONFIG, inventory, root, tmp_path / "out")
    for plots in ("p", "q"):
        audio.plot(tmp_path / "out", tmp_path / plots)
    assert pd.read_csv(tmp_path / "p/durations.csv")["clips"].sum() == 3
    assert pd.read_csv(tmp_path / "p/rejects.csv").set_index("reason")["files"]["corrupt"] == 4
    assert (tmp_path / "p/durations.png").read_bytes() == (tmp_path / "q/durations.png").read_bytes()
