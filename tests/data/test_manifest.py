"""The manifest: who has both, in which split, and nobody in two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.schema import SplitConfig
from deepfacegen.data.manifest import build as manifest
from deepfacegen.data.manifest.splits import SPLITS
from deepfacegen.errors import UserError


def people(genders: list[str | None]) -> pd.DataFrame:
    count = len(genders)
    table = pd.DataFrame(
        {
            "identity_id": [f"id{i:05d}" for i in range(count)],
            "voice_id": [f"id{i:05d}" for i in range(count)],
        }
    )
    table["face_id"] = [f"n{count - i:05d}" for i in range(count)]
    table["gender"] = pd.Series(genders, dtype="str")
    return table.assign(age_years=np.nan, nationality=pd.Series([None] * count, dtype="str"))


def world(
    root: Path, identities: pd.DataFrame, voiceless: tuple[int, ...] = (), faceless: tuple[int, ...] = ()
) -> Path:
    for folder in ("raw/meta", "audio", "faces"):
        (root / folder).mkdir(parents=True)
    identities.to_parquet(root / "raw/meta/identities.parquet")
    clips = [
        (f"{v}/v/{k}", v, "v", 0, 10 * k, 10)
        for i, v in enumerate(identities["voice_id"])
        if i not in voiceless
        for k in range(1 + i % 3)
    ]
    photos = [
        (f"{f}/{k}", f, 0, k)
        for i, f in enumerate(identities["face_id"])
        if i not in faceless
        for k in range(2)
    ]
    pd.DataFrame(
        clips, columns=["clip_id", "voice_id", "video_id", "shard", "offset_samples", "length_samples"]
    ).to_parquet(root / "audio/clips.parquet")
    pd.DataFrame(photos, columns=["photo_id", "face_id", "shard", "row"]).to_parquet(
        root / "faces/faces.parquet"
    )
    return root


def build(root: Path, config: SplitConfig = SplitConfig(), out: str = "out") -> dict:  # noqa: B008
    return manifest.build(config, root / "raw", root / "audio", root / "faces", root / out)


def tables(root: Path, out: str = "out") -> tuple[pd.DataFrame, ...]:
    return tuple(pd.read_parquet(root / out / f"{name}.parquet") for name in ("identities", "clips", "faces"))


GENDERS = ["f", "m", None, "m"] * 10


def test_tables_follow_the_contract(tmp_path: Path) -> None:
    metrics = build(world(tmp_path, people(GENDERS), voiceless=(3,), faceless=(5, 6)))
    identities, clips, faces = tables(tmp_path)
    assert len(identities) == 37
    assert not set(identities["identity_id"]) & {"id00003", "id00005", "id00006"}
    assert identities["identity_id"].is_monotonic_increasing
    assert list(identities.columns) == [
        "identity_id",
        "voice_id",
        "face_id",
        "gender",
        "age_years",
        "nationality",
        "split",
        "label",
    ]
    train = identities[identities["split"] == "train"]
    assert train["label"].tolist() == list(range(len(train)))
    assert set(identities[identities["split"] != "train"]["label"]) == {-1}
    by_id = identities.set_index("identity_id")
    for table, key in ((clips, "voice_id"), (faces, "face_id")):
        assert table["identity_id"].is_monotonic_increasing
        for column in (key, "split", "label"):
            assert (table[column].to_numpy() == by_id.loc[table["identity_id"], column].to_numpy()).all()
        assert set(table["identity_id"]) == set(identities["identity_id"])
    assert len(faces) == 74
    assert metrics["identities"]["all"] == 37
    assert metrics["identities"]["dropped"] == 3
    assert metrics["leaks"] == 0
    assert metrics["clips"]["all"] == len(clips) == sum(metrics["clips"][name] for name in SPLITS)


def test_no_voice_and_no_face_is_in_two_splits(tmp_path: Path) -> None:
    build(world(tmp_path, people(GENDERS)))
    _, clips, faces = tables(tmp_path)
    for table, key in ((clips, "voice_id"), (faces, "face_id")):
        owners = {name: set(table[table["split"] == name][key]) for name in SPLITS}
        assert all(owners.values())
        assert sum(map(len, owners.values())) == len(set.union(*owners.values()))


def test_the_seed_alone_decides(tmp_path: Path) -> None:
    root = world(tmp_path, people(GENDERS))
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        build(root, SplitConfig(seed=seed), out)
    for name in ("identities", "clips", "faces"):
        assert (root / f"a/{name}.parquet").read_bytes() == (root / f"b/{name}.parquet").read_bytes()
    assert (tables(root, "a")[0]["split"] != tables(root, "c")[0]["split"]).any()


def test_who_is_not_in_the_split_file_is_left_out_and_counted(tmp_path: Path) -> None:
    root = world(tmp_path, people(GENDERS), voiceless=(3,))
    rows = [f"id{i:05d},{('train', 'val', 'test')[i % 3]}" for i in range(30)]
    (tmp_path / "split.csv").write_text("\n".join(["identity_id,split", *rows, "id99999,test"]))
    counts = build(root, SplitConfig(rule="file", file=str(tmp_path / "split.csv")))["identities"]
    identities, clips, faces = tables(root)
    # Of 40 people one has no voice, and the file names the first 30; 99999 and the voiceless one are in the
    # file only.
    assert (counts["all"], counts["dropped"], counts["not_in_split_file"], counts["only_in_split_file"]) == (
        29,
        1,
        10,
        2,
    )
    assert [counts[name]["all"] for name in SPLITS] == [9, 10, 10]
    assert (
        identities["identity_id"].max()
        == clips["identity_id"].max()
        == faces["identity_id"].max()
        == "id00029"
    )
    assert identities.loc[identities["split"] == "train", "label"].tolist() == list(range(9))
    assert identities["label"].dtype == np.int64


def test_the_random_rule_counts_nothing_of_a_split_file(tmp_path: Path) -> None:
    assert build(world(tmp_path, people(GENDERS)))["identities"].keys() == {"all", "dropped", *SPLITS}


def test_nobody_with_both_is_an_error(tmp_path: Path) -> None:
    root = world(tmp_path, people(["f", "m"] * 4), voiceless=(0, 1, 2, 3), faceless=(4, 5, 6, 7))
    with pytest.raises(UserError, match="nobody of 8 identities has both"):
        build(root)


@pytest.mark.parametrize(
    ("count", "val", "fine"), [(9, 0.08, False), (10, 0.08, True), (7, 0.0, False), (8, 0.0, True)]
)
def test_too_few_people_are_an_error(tmp_path: Path, count: int, val: float, fine: bool) -> None:
    root = world(tmp_path, people(["f"] * count))
    config = SplitConfig(val_share=val)
    if fine:
        assert build(root, config)["identities"]["train"]["all"] == 4
    else:
        with pytest.raises(UserError, match=f"^{count} people have both .* at least {count + 1} are needed"):
            build(root, config)


def test_a_face_shared_by_two_identities_is_refused(tmp_path: Path) -> None:
    table = people(GENDERS)
    table.loc[1, "face_id"] = table.loc[0, "face_id"]
    with pytest.raises(ValueError, match="unique"):
        build(world(tmp_path, table))


def test_plot_counts_people(tmp_path: Path) -> None:
    root = world(tmp_path, people(GENDERS))
    build(root)
    manifest.plot(root / "out", root / "plots")
    assert pd.read_csv(root / "plots/identities.csv", index_col="split").loc[
        :, ["f", "m", "unknown"]
    ].sum().tolist() == [10, 20, 10]
    assert (root / "plots/identities.png").is_file()


def test_a_note_of_who_selected_faces_goes_along(tmp_path: Path) -> None:
    root = world(tmp_path, people(GENDERS))
    build(root, out="plain")
    assert not (root / "plain/selection.json").exists()
    (root / "faces/selection.json").write_text('{"selected_with": ["dlib"]}', encoding="utf-8")
    build(root)
    assert (root / "out/selection.json").read_text(encoding="utf-8") == '{"selected_with": ["dlib"]}'
