"""Photos of people without voices through their stage and the manifest: nobody who is held out is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from deepfacegen.config.schema import Config, from_dict
from deepfacegen.data import voiceless
from deepfacegen.data.faces import photos
from deepfacegen.data.manifest import held_out
from deepfacegen.data.shards import FaceShards, shard_path, write_array
from deepfacegen.synthetic.people import Person
from deepfacegen.synthetic.portrait import render_portrait

ROOT = Path(__file__).resolve().parents[2]
SIDE_PX = 96
COLUMNS = ["photo_id", "face_id", "shard", "row", "label"]


def stage(folder: Path, **data: object) -> str:
    """The summary line of the stage, run in `folder`."""
    (folder / "params.yaml").write_text(yaml.safe_dump({"data": data}))
    done = subprocess.run(
        [sys.executable, ROOT / "stages/photos.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "DEEPFACEGEN_TRACKING": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_the_stage_keeps_faces_and_counts_the_rest(tmp_path: Path, people: list[Person], write: dict) -> None:
    for number, name in enumerate(("Ann/1.jpg", "Ann/2.jpg", "Bob/1.jpg", "flat.jpg")):
        picture = render_portrait(people[number // 2], np.random.default_rng(number), 224)
        write["photo"](tmp_path / "faces" / name, picture)
    write["photo"](tmp_path / "faces/Bob/room.jpg", np.full((224, 224, 3), 140, dtype=np.uint8))
    (tmp_path / "faces/Bob/notes.txt").write_text("x")
    line = stage(tmp_path, photos_root="faces")
    assert "5 files: 4 faces kept, 1 rejected (no_face 1), list in data/voiceless/rejects.parquet" in line
    assert "3 people without voices; passed over: other_files 1" in line
    metrics = json.loads((tmp_path / "metrics/photos.json").read_text())
    assert (metrics["seen"], metrics["kept"], metrics["people"]) == (5, 4, 3)
    assert metrics["rejected"] == {"all": 1, "no_face": 1}
    table = pd.read_parquet(tmp_path / "data/voiceless/faces.parquet")
    assert table["face_id"].tolist() == ["Ann", "Ann", "Bob", "flat"]
    assert FaceShards(tmp_path / "data/voiceless").rows(table).shape == (4, 128, 128, 3)
    rejects = pd.read_parquet(tmp_path / "data/voiceless/rejects.parquet")
    assert rejects.values.tolist() == [["Bob/room", "Bob/room.jpg", "no_face"]]


def test_without_a_folder_the_stage_leaves_empty_tables(tmp_path: Path) -> None:
    assert "none of people without voices (data.photos_root is null)" in stage(tmp_path)
    table = pd.read_parquet(tmp_path / "data/voiceless/faces.parquet")
    assert table.empty
    assert table.dtypes.astype(str).to_dict().keys() == photos.FACE_COLUMNS.keys()
    assert pd.read_parquet(tmp_path / "data/voiceless/rejects.parquet").empty
    assert json.loads((tmp_path / "metrics/photos.json").read_text())["seen"] == 0


class World:
    """A manifest of Ann (train), Bob (val) and Cy (test), a photo of each, and photos without voices."""

    def __init__(self, root: Path, people: list[Person]) -> None:
        self.root, self.people = root, people
        (root / "manifest").mkdir()
        pd.DataFrame(
            {
                "identity_id": ["id00001", "id00002", "id00003"],
                "voice_id": ["id00001", "id00002", "id00003"],
                "face_id": ["Ann_A.", "Bob_B.", "n000003"],
                "split": ["train", "val", "test"],
            }
        ).to_parquet(root / "manifest/identities.parquet")
        write_array(shard_path(root / "faces", 0), np.stack([self.portrait(k) for k in range(3)]))
        table = {"split": ["train", "val", "test"], "shard": 0, "row": range(3)}
        pd.DataFrame(table).to_parquet(root / "manifest/faces.parquet")
        (root / "meta").mkdir()
        (root / "meta/vox2_meta.csv").write_text(
            "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n"
            + "".join(f"id0000{k} ,n00000{k} ,f ,dev \n" for k in (1, 2, 3))
        )
        (root / "meta/identity_meta.csv").write_text(
            'Class_ID, Name, Sample_Num, Flag, Gender\nn000003, "Zoë_Cy", 3, 1, f\n'
        )

    def portrait(self, person: int, seed: int = 0) -> np.ndarray:
        return render_portrait(self.people[person], np.random.default_rng(seed), SIDE_PX)

    def build(self, own: dict[str, np.ndarray], config: Config | None = None) -> tuple[dict, pd.DataFrame]:
        """Metrics, and what is left of photos (id -> picture)."""
        out = self.root / "voiceless"
        if own:
            out.mkdir(exist_ok=True)
            write_array(shard_path(out, 0), np.stack(list(own.values())))
            rows = [(name, name.rpartition("/")[0] or name, 0, row) for row, name in enumerate(own)]
            pd.DataFrame(rows, columns=COLUMNS[:-1]).to_parquet(out / "faces.parquet", index=False)
        else:
            photos.nothing(out)
        config = config or from_dict(
            {
                "data": {
                    "source": "voxceleb2",
                    "voices_root": "v",
                    "faces_root": "f",
                    "metadata": str(self.root / "meta"),
                }
            }
        )
        metrics = held_out.build(config, self.root, out, self.root / "faces", self.root / "manifest")
        return metrics, pd.read_parquet(self.root / "manifest/photos.parquet")


@pytest.fixture
def world(tmp_path: Path, people: list[Person]) -> World:
    return World(tmp_path, people)


def test_held_out_people_are_removed_by_every_name(world: World) -> None:
    names = ("bob b/1", "Zoe Cy/1", "N000003/1", "ID00002/1", "Ann A/1", "Bobby/1", "id00001/1", "id00001/2")
    own = {name: world.portrait(3 + k // 2, k) for k, name in enumerate(names)}
    metrics, left = world.build(own)
    assert left["photo_id"].tolist() == ["Ann A/1", "Bobby/1", "id00001/1", "id00001/2"]
    assert left["label"].tolist() == [0, 1, 2, 2]
    assert left.columns.tolist() == COLUMNS
    assert left["row"].tolist() == [4, 5, 6, 7]
    assert metrics["photos"] == {
        "all": 4,
        "people": 3,
        "people_removed": 4,
        "removed": {"all": 4, "held_out_by_name": 4, "held_out_by_copy": 0},
    }


def test_who_shares_a_photo_with_a_held_out_person_is_removed(world: World) -> None:
    brighter = np.clip(world.portrait(2).astype(np.float64) * 1.1, 0, 255).astype(np.uint8)
    own = {
        "stranger/1": world.portrait(5),
        "stranger/2": brighter[:, ::-1],
        "training/1": world.portrait(0),
        "another/1": world.portrait(2, seed=9),
    }
    metrics, left = world.build(own)
    assert left["photo_id"].tolist() == ["another/1", "training/1"]
    assert metrics["photos"]["removed"] == {"all": 2, "held_out_by_name": 0, "held_out_by_copy": 2}
    assert metrics["photos"]["people_removed"] == 1


def test_copies_are_found_across_blocks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out, "BLOCK_FACES", 2)
    own = {f"p{k}/1": world.portrait(3 + k, k) for k in range(5)} | {"p5/1": world.portrait(1)}
    _, left = world.build(own)
    assert left["face_id"].tolist() == ["p0", "p1", "p2", "p3", "p4"]


def test_nothing_may_be_left(world: World) -> None:
    metrics, left = world.build({"n000003/1": world.portrait(4)})
    assert left.empty
    assert left.columns.tolist() == COLUMNS
    assert metrics["photos"]["removed"]["all"] == 1
    assert voiceless.read(world.root / "manifest", world.root / "voiceless") is None


def test_without_photos_there_is_an_empty_table_and_no_metric(world: World) -> None:
    (world.root / "meta/vox2_meta.csv").unlink()  # is not looked at then
    assert voiceless.read(world.root / "manifest") is None  # nor is there a table in an older manifest
    metrics, left = world.build({})
    assert metrics == {}
    assert left.columns.tolist() == COLUMNS
    assert left.empty


def test_names_of_own_people_and_of_sample_people(world: World) -> None:
    own = {"Zoe Cy/1": world.portrait(4), "Bob B/1": world.portrait(5)}
    _, left = world.build(own, from_dict({"data": {"source": "folder", "root": "x"}}))
    assert left["face_id"].tolist() == ["Zoe Cy"]  # own people have no other names than their folders'
    _, left = world.build(own, Config())
    assert left.empty


def test_read_gives_places_and_a_record_of_the_people(world: World) -> None:
    world.build({"b/1": world.portrait(3), "b/2": world.portrait(3, 4), "a/1": world.portrait(4)})
    found = voiceless.read(world.root / "manifest", world.root / "voiceless")
    assert found is not None
    faces, shards = found.source
    assert faces["label"].tolist() == [0, 1, 1]
    assert (shards.rows(faces.iloc[:1])[0] == world.portrait(4)).all()
    # printf "a\nb" | sha256sum
    digest = "7e18f737311b2dc3b2f269dd78396b0351f14fb66efa879f768cb23181883c78"
    assert found.record == {"people": 2, "sha256": digest}


def test_sources_are_joined_under_labels_and_shards_of_their_own(tmp_path: Path) -> None:
    sources = []
    for number, sizes in enumerate(((2, 3), (4,), (1, 2))):
        folder = tmp_path / str(number)
        value = 0
        rows = []
        for shard, size in enumerate(sizes):
            values = np.arange(value, value + size, dtype=np.uint8)[:, None, None, None]
            write_array(shard_path(folder, shard), np.broadcast_to(values + 50 * number, (size, 2, 2, 3)))
            rows += [(shard, row, (value + row) % 2) for row in range(size)]
            value += size
        sources.append((pd.DataFrame(rows, columns=["shard", "row", "label"]), FaceShards(folder)))
    faces, shards = voiceless.joined(sources)
    mixed = faces.sample(frac=1.0, random_state=0)
    values = shards.rows(mixed)[:, 0, 0, 0].astype(int)
    # Of source k the values 50 k, 50 k + 1, ... belong to labels 2 k and 2 k + 1 in turn.
    assert sorted(values) == [0, 1, 2, 3, 4, 50, 51, 52, 53, 100, 101, 102]
    assert mixed["label"].tolist() == [2 * (value // 50) + value % 50 % 2 for value in values]
    assert voiceless.joined(sources[:1]) is sources[0]
