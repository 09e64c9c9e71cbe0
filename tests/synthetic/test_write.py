"""Sample people on disk: layouts, metadata, bad files, and bytes that do not depend on the number of
workers."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deepfacegen.config.schema import SampleConfig
from deepfacegen.errors import UserError
from deepfacegen.synthetic.people import sample_people
from deepfacegen.synthetic.write import BAD_FILES, write_sample

CONFIG = SampleConfig(
    identities=12,
    clips_per_identity=3,
    photos_per_identity=2,
    clip_seconds=2.0,
    video_share=0.1,
    photo_px=128,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, int]]:
    root = tmp_path_factory.mktemp("sample")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPFACEGEN_WORKERS", "2")
        return root, write_sample(CONFIG, root)


def files(root: Path) -> dict[str, str]:
    """Path -> sha256 of everything below root."""
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def rejects(root: Path) -> dict[str, str]:
    table = pd.read_csv(root / "meta/expected_rejects.csv")
    return dict(zip(table["path"], table["reason"], strict=True))


def sound_seconds(path: Path) -> tuple[float, int]:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        samples = [frame.to_ndarray() for frame in container.decode(stream)]
        return sum(s.shape[-1] for s in samples) / stream.rate, stream.rate


def test_counts_and_layout(written: tuple[Path, dict[str, int]]) -> None:
    root, counts = written
    good = set(files(root)) - set(rejects(root))
    people = sample_people(CONFIG)
    assert counts["identities"] == 12
    assert counts["clips"] == 36
    assert counts["photos"] == 24
    assert counts["videos"] == 1
    assert counts["bad_files"] == len(BAD_FILES)
    assert counts["bytes"] == sum(p.stat().st_size for p in root.rglob("*") if p.is_file())
    for row in people.to_dict("records"):
        clips = [p for p in good if f"/{row['voice_id']}/" in p]
        assert len(clips) == 3
        assert all(len(Path(p).parts) == 6 and len(Path(p).parts[4]) == 11 for p in clips)
        assert sorted(p for p in good if f"/{row['face_id']}/" in p) == [
            f"faces/train/{row['face_id']}/000{k}_01.jpg" for k in (1, 2)
        ]


def test_clips_are_16_khz_sound_and_photos_are_pictures(written: tuple[Path, dict[str, int]]) -> None:
    root, _ = written
    bad = rejects(root)
    for path in sorted(files(root)):
        if path in bad:
            continue
        if path.endswith(".m4a"):
            seconds, rate = sound_seconds(root / path)
            assert rate == 16_000
            assert 0.8 < seconds < 5.0
        elif path.endswith(".jpg"):
            picture = Image.open(root / path)
            assert picture.size == (128, 128)
            assert not picture.getexif()


def test_video_has_a_moving_face_and_its_sound(written: tuple[Path, dict[str, int]]) -> None:
    root, _ = written
    (path,) = [p for p in files(root) if p.endswith(".mp4") and p not in rejects(root)]
    with av.open(str(root / path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (224, 224, 25)
        frames = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(stream)]).astype(float)
    seconds, _ = sound_seconds(root / path)
    assert len(frames) / 25 == pytest.approx(seconds, abs=0.15)
    assert np.abs(np.diff(frames, axis=0)).mean() > 0.5


def test_bad_files_are_as_bad_as_listed(written: tuple[Path, dict[str, int]]) -> None:
    root, _ = written
    bad = rejects(root)
    assert sorted(bad.values()) == sorted(BAD_FILES.values())
    reasons: dict[str, list[Path]] = {}
    for path, reason in bad.items():
        assert (root / path).is_file()
        reasons.setdefault(reason, []).append(root / path)
    with av.open(str(reasons["no_audio"][0])) as container:
        assert not container.streams.audio
        assert container.streams.video
    with av.open(str(reasons["no_speech"][0])) as container:
        assert max(np.abs(f.to_ndarray()).max() for f in container.decode(audio=0)) < 1e-3
    for path in reasons["corrupt"]:
        if path.suffix == ".m4a":
            with pytest.raises(av.FFmpegError):
                av.open(str(path))
        else:
            with pytest.raises(OSError):  # noqa: PT011  (PIL's own messages differ by kind of damage)
                Image.open(path).load()
    assert Image.open(reasons["several_faces"][0]).size == (256, 128)
    assert Image.open(reasons["no_face"][0]).size == (128, 128)


def test_vox2_metadata_has_the_quirks_of_the_original(written: tuple[Path, dict[str, int]]) -> None:
    root, _ = written
    lines = (root / "meta/vox2_meta.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].rstrip() == "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set"
    assert all(line.endswith(" ") and line.count(" ,") == 3 for line in lines)
    truth = sample_people(CONFIG)
    rows = [[field.strip() for field in line.split(",")] for line in lines[1:]]
    assert [r[0] for r in rows] == truth["voice_id"].tolist()
    assert [r[1] for r in rows] == truth["face_id"].tolist()
    assert [r[2] for r in rows] == truth["gender_listed"].tolist()
    assert "" in [r[2] for r in rows]
    assert any(r[0][2:] != r[1][2:] for r in rows)


def test_vggface2_metadata(written: tuple[Path, dict[str, int]]) -> None:
    root, _ = written
    with (root / "meta/identity_meta.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, skipinitialspace=True))
    assert list(rows[0]) == ["Class_ID", "Name", "Sample_Num", "Flag", "Gender"]
    assert [r["Class_ID"] for r in rows] == sorted(sample_people(CONFIG)["face_id"])
    assert {r["Sample_Num"] for r in rows} == {"2"}


def test_truth_is_what_was_drawn(written: tuple[Path, dict[str, int]]) -> None:
    root, _ = written
    pd.testing.assert_frame_equal(pd.read_parquet(root / "meta/truth.parquet"), sample_people(CONFIG))


def test_bytes_do_not_depend_on_the_number_of_workers(
    written: tuple[Path, dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", "1")
    write_sample(CONFIG, tmp_path)
    assert files(tmp_path) == files(written[0])


def test_refuses_to_write_into_a_used_folder(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces/holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match="faces: not empty"):
        write_sample(CONFIG, tmp_path)


@pytest.mark.parametrize("text", ["0", "-2", "many"])
def test_refuses_a_senseless_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("DEEPFACEGEN_WORKERS", text)
    with pytest.raises(UserError, match="DEEPFACEGEN_WORKERS"):
        write_sample(CONFIG, tmp_path)
