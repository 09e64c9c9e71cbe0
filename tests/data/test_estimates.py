"""What the stages audio and faces will take, looked at before they begin: by the longest clips, and in doubt
by some real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from deepfacegen import room
from deepfacegen.config.schema import AudioConfig, FacesConfig
from deepfacegen.data import estimates
from deepfacegen.data.audio import decoding
from deepfacegen.errors import UserError

SECONDS, CLIPS = 2, 1000


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """1,000 clips, each there twice, of which all are one file of two seconds."""
    wavfile.write(tmp_path / "a.wav", 16_000, np.zeros(SECONDS * 16_000, dtype=np.int16))
    ids = [f"id/{number:05d}" for number in range(CLIPS)]
    table = pd.DataFrame({"clip_id": sorted([*ids, *ids]), "path": "a.wav"})
    table.to_parquet(tmp_path / "inventory.parquet")
    return tmp_path / "inventory.parquet"


def look(inventory: Path, free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free", lambda folder: free)
    estimates.check_audio(AudioConfig(), inventory, inventory.parent, Path("out"), inventory.parent / "bench")


def test_where_the_longest_clips_fit_no_file_is_opened(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(decoding, "decode_audio_files", lambda *_: pytest.fail("decoded"))
    look(inventory, CLIPS * 10 * 32_000 * 2, monkeypatch)  # ten seconds are the most, and DVC keeps a copy
    assert "free" not in caplog.text


def test_in_doubt_real_clips_say_how_long_they_are(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = CLIPS * SECONDS * 32_000
    look(inventory, 2 * whole, monkeypatch)
    assert "free" not in caplog.text
    look(inventory, 2 * whole - 1, monkeypatch)
    assert "out: shards of speech of 1,000 clips may take up to 0.1 GB, and 0.1 GB are free" in caplog.text
    with pytest.raises(
        UserError, match=r"^out: shards of speech of 1,000 clips take at least 0\.0 GB, but 0\.0 GB are free"
    ):
        look(inventory, whole // 2, monkeypatch)


def test_what_is_finished_already_needs_no_more_room(
    inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = inventory.parent / "bench/000000-x/shard-00000.npy"
    shard.parent.mkdir(parents=True)
    shard.write_bytes(b"x" * (CLIPS * SECONDS * 32_000 // 2))
    look(inventory, CLIPS * SECONDS * 32_000 // 2, monkeypatch)


def test_faces_by_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    table = pd.DataFrame(
        {"photo_id": [str(number) for number in range(100)], "kind": ["photo"] * 90 + ["video"] * 10}
    )
    table.to_parquet(tmp_path / "inventory.parquet")

    def check(free: int, **params: int) -> None:
        monkeypatch.setattr(room, "free", lambda folder: free)
        estimates.check_faces(FacesConfig(**params), tmp_path / "inventory.parquet", Path("out"), tmp_path)  # type: ignore[arg-type]

    face = 3 * 64 * 64
    check(2 * (90 + 10 * 4) * face, size_px=64, frames_per_video=4)
    assert "free" not in caplog.text
    check(2 * (90 + 10 * 4) * face - 1, size_px=64, frames_per_video=4)
    assert "shards of faces of 100 files may take up to" in caplog.text
    with pytest.raises(UserError, match=r"lower faces\.size_px"):
        check(50 * face - 1, size_px=64, frames_per_video=4)


def test_workers_that_do_not_fit_into_memory(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "40")
    monkeypatch.setattr(room, "memory", lambda: (64 * room.GB, 4 * room.GB))
    look(inventory, 10**12, monkeypatch)
    assert "audio with 40 workers takes about 8.6 GB of memory, and 4.0 GB are free" in caplog.text
