"""Real files in the official layouts through download, audio, faces and manifest: who comes out, with how
many clips and faces."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.schema import Config, from_dict
from deepfacegen.data.audio import clips as audio
from deepfacegen.data.faces import photos
from deepfacegen.data.manifest import build, splits
from deepfacegen.data.sources import prepare, roots
from deepfacegen.synthetic.people import Person
from deepfacegen.synthetic.portrait import render_portrait

SPLIT = {"split": {"val_share": 0.0, "test_share": 0.5}, "audio": {"max_speech_seconds": 3.0}}


@pytest.fixture(autouse=True)
def _few_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four people are enough to see who comes out of which file."""
    monkeypatch.setattr(splits, "SMALLEST", {"train": 2, "val": 2, "test": 2})


@pytest.fixture(scope="module")
def media(
    tmp_path_factory: pytest.TempPathFactory, speech: np.ndarray, people: list[Person], write: dict
) -> Path:
    """One recording in every form, and photos and films of four people."""
    root = tmp_path_factory.mktemp("media")
    write["sound"](root / "a.wav", speech)
    write["sound"](root / "a.m4a", speech)
    write["sound"](root / "silent.m4a", np.zeros(32_000, dtype=np.int16))
    (root / "broken.m4a").write_bytes(b"\0" * 300)
    portraits = [
        render_portrait(person, np.random.default_rng(k), 224) for k, person in enumerate(people[:4])
    ]
    for k, picture in enumerate(portraits):
        write["photo"](root / f"{k}.jpg", picture)
    write["photo"](root / "couple.jpg", np.concatenate([portraits[0], portraits[1]], axis=1))
    write["photo"](root / "room.jpg", np.full((224, 224, 3), 140, dtype=np.uint8))
    wide = np.full((12, 224, 448, 3), 120, dtype=np.uint8)
    wide[:, :, 112:336] = portraits[3]
    wide[5:7, :224, 336:] = portraits[2][:, 56:168]  # half a passer-by, in a tenth of the film
    write["film"](root / "film.mp4", np.repeat(wide, 2, axis=0), root / "a.wav")
    write["film"](root / "face.mp4", np.repeat(portraits[3][None], 20, axis=0), root / "a.wav")
    return root


def lay(media: Path, root: Path, files: dict[str, str]) -> None:
    for path, source in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(media / source, root / path)


def run(config: Config, root: Path) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Metrics of the four stages, and the manifest's tables."""
    raw = root / "raw"
    metrics = {"download": prepare.prepare(config, raw)}
    inventories = [pd.read_parquet(raw / f"{name}/inventory.parquet") for name in ("voices", "faces")]
    metrics["audio"] = audio.extract(
        config.audio, inventories[0], roots.voices_root(config, raw), root / "audio"
    )
    metrics["faces"] = photos.extract(
        config.faces,
        inventories[1],
        roots.faces_root(config, raw),
        roots.voices_root(config, raw),
        root / "faces_out",
    )
    metrics["manifest"] = build.build(
        config.split, raw, root / "audio", root / "faces_out", root / "manifest"
    )
    for stage in ("audio", "faces"):
        assert metrics[stage]["kept"] + metrics[stage]["rejected"]["all"] == metrics[stage]["seen"]
    return metrics, {
        name: pd.read_parquet(root / f"manifest/{name}.parquet") for name in ("identities", "clips", "faces")
    }


def counted(tables: dict[str, pd.DataFrame]) -> dict[str, tuple[int, int]]:
    """Identity -> clips and faces."""
    clips, faces = (tables[name]["identity_id"].value_counts() for name in ("clips", "faces"))
    return {name: (int(clips[name]), int(faces[name])) for name in tables["identities"]["identity_id"]}


def test_voxceleb1_with_vggface(tmp_path: Path, media: Path) -> None:
    names = ["A.J._Buckley", "Billy_Zane", "Emma_Roberts", "Harry_Connick_Jr."]
    rows = "".join(f"id1000{k}\t{name}\tm\tUSA\tdev\n" for k, name in enumerate(names, start=1))
    lay(
        media,
        tmp_path,
        {
            f"vox/wav/id1000{k}/1zcIwhmdeo4/0000{n}.wav": "a.wav"
            for k in range(1, 5)
            for n in range(1, 1 + k % 2 + 1)
        },
    )
    lay(media, tmp_path, {f"vgg/{name}/0000000{k}.jpg": f"{k}.jpg" for k, name in enumerate(names)})
    lay(
        media,
        tmp_path,
        {
            "vgg/A.J._Buckley/00000009.jpg": "couple.jpg",
            "vgg/Billy_Zane/1.6/1zcIwhmdeo4/0000650.jpg": "1.jpg",
            "vgg/Emma_Roberts/00000008.jpg": "room.jpg",
        },
    )
    (tmp_path / "boxes/files").mkdir(parents=True)
    (tmp_path / "boxes/files/A.J._Buckley.txt").write_text("00000009 http://a/b.jpg 30 10 200 220 1 2.5 1\n")
    (tmp_path / "vox1_meta.csv").write_text("VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n" + rows)
    data = {
        "source": "voxceleb1",
        "voices_root": str(tmp_path / "vox"),
        "faces_root": str(tmp_path / "vgg"),
        "metadata": str(tmp_path / "vox1_meta.csv"),
    }
    metrics, tables = run(
        from_dict({"data": data | {"face_hints": str(tmp_path / "boxes")}, **SPLIT}), tmp_path
    )
    # The couple counts, for the box marks one of the two; the room does not.
    assert counted(tables) == {"id10001": (2, 2), "id10002": (1, 2), "id10003": (2, 1), "id10004": (1, 1)}
    assert metrics["faces"]["rejected"] == {"all": 1, "no_face": 1}
    assert metrics["download"]["hints"]["photos"] == 1
    assert metrics["manifest"]["leaks"] == 0


def test_voxceleb2_with_vggface2_and_films(tmp_path: Path, media: Path) -> None:
    rows = "".join(f"id0001{k} ,n00014{9 - k} ,{'fm'[k % 2]} ,dev \n" for k in range(1, 5))
    lay(media, tmp_path, {f"vox/dev/aac/id0001{k}/1zcIwhmdeo4/00001.m4a": "a.m4a" for k in range(1, 4)})
    lay(
        media,
        tmp_path,
        {
            "vox/dev/aac/id00011/1zcIwhmdeo4/00002.m4a": "silent.m4a",
            "vox/test/aac/id00012/1zcIwhmdeo4/00003.m4a": "broken.m4a",
        },
    )
    lay(
        media,
        tmp_path,
        {
            f"vox/dev/mp4/id0001{k}/1zcIwhmdeo4/00001.mp4": "film.mp4" if k == 4 else "face.mp4"
            for k in (3, 4)
        },
    )
    lay(media, tmp_path, {f"vgg/train/n00014{9 - k}/0001_01.jpg": f"{k}.jpg" for k in range(1, 4)})
    lay(media, tmp_path, {"vgg/test/n000148/0002_01.jpg": "couple.jpg"})
    (tmp_path / "bb").mkdir()
    points = "88.0,100,136,100,112,125,95,150,129,150"
    (tmp_path / "bb/loose_bb_train.csv").write_text('NAME_ID,X,Y,W,H\n"n000148/0001_01",40,30,140,180\n')
    (tmp_path / "bb/loose_landmark_test.csv").write_text(
        f'NAME_ID,{",".join(f"P{k}{a}" for k in range(1, 6) for a in "XY")}\n"n000148/0002_01",{points}\n'
    )
    (tmp_path / "vox2_meta.csv").write_bytes(
        b"\xef\xbb\xbf" + b"VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n" + rows.encode()
    )
    data = {
        "source": "voxceleb2",
        "voices_root": str(tmp_path / "vox"),
        "faces_root": str(tmp_path / "vgg"),
        "metadata": str(tmp_path / "vox2_meta.csv"),
    }
    config = from_dict(
        {
            "data": data | {"face_hints": str(tmp_path / "bb"), "faces_from": "both"},
            "faces": {"frames_per_video": 3},
            **SPLIT,
        }
    )
    metrics, tables = run(config, tmp_path)
    # 13 has its clip as sound and as film, which counts once; the films of 4 and 5 s give their best three
    # frames each.
    assert counted(tables) == {"id00011": (1, 2), "id00012": (1, 1), "id00013": (1, 4), "id00014": (1, 3)}
    assert metrics["audio"]["rejected"] == {"all": 3, "corrupt": 1, "duplicate": 1, "no_speech": 1}
    assert metrics["faces"]["rejected"] == {"all": 0}
    film = tables["faces"][tables["faces"]["identity_id"] == "id00014"]
    assert film["photo_id"].str.startswith("n000145/1zcIwhmdeo4/00001#").all()
    assert np.ptp(film["box_height_px"].to_numpy()) < 10  # the speaker's, in every frame


def test_ones_own_people(tmp_path: Path, media: Path) -> None:
    for k, name in enumerate(("Ann", "Bob", "Cy", "Di")):
        lay(media, tmp_path, {f"own/{name}/talk.m4a": "a.m4a", f"own/{name}/me.jpg": f"{k}.jpg"})
    lay(
        media,
        tmp_path,
        {
            "own/Di/film.mp4": "face.mp4",
            "own/Ann/noise.m4a": "silent.m4a",
            "own/Bob/room.jpg": "room.jpg",
            "own/Eve/talk.wav": "a.wav",
        },
    )
    (tmp_path / "own/people.csv").write_text("person,gender,age,nationality\nAnn,f,30,Peru\nBob,m,,\n")
    metrics, tables = run(
        from_dict(
            {"data": {"source": "folder", "root": str(tmp_path / "own"), "faces_from": "both"}, **SPLIT}
        ),
        tmp_path,
    )
    assert counted(tables) == {"Ann": (1, 1), "Bob": (1, 1), "Cy": (1, 1), "Di": (2, 5)}
    assert metrics["download"]["identities"] == {
        "listed": 4,
        "f": 1,
        "m": 1,
        "gender_unknown": 2,
        "voice_only": 1,
        "face_only": 0,
        "without_files": 0,
    }
    assert metrics["audio"]["rejected"] == {"all": 1, "no_speech": 1}
    assert metrics["faces"]["rejected"] == {"all": 1, "no_face": 1}
    assert metrics["manifest"]["identities"]["all"] == 4
