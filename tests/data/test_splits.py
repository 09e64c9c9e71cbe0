"""How people are split: by shares, by the first letter of the name, by published files; and what is
refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepfacegen.config.schema import SplitConfig
from deepfacegen.data.manifest.splits import (
    LEFT_OUT,
    SPLITS,
    assign,
    require_enough,
    require_file,
    require_sizes,
)
from deepfacegen.errors import UserError

GENDERS = ["f", "m", None, "m"] * 10
NAMES = ["Ada_Ash", "B.B._Bo", "Cy_Orr_Jr", "Di_Dee", "Ed_Elm", "Flo_Fox", "Gus_Gar", "Zoe_Zed"]


def people(genders: list[str | None]) -> pd.DataFrame:
    ids = [f"id{i:05d}" for i in range(len(genders))]
    table = pd.DataFrame(
        {"identity_id": ids, "voice_id": ids, "face_id": [f"n{i:06d}" for i in range(len(genders))]}
    )
    return table.assign(gender=pd.Series(genders, dtype="str"))


def named(names: list[str]) -> pd.DataFrame:
    return people([None] * len(names)).assign(face_id=names)


def by_file(path: Path, text: str, table: pd.DataFrame) -> list[str]:
    path.write_text(text, encoding="utf-8")
    return assign(table, SplitConfig(rule="file", file=str(path))).split.tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["f", "m", None]), min_size=10, max_size=200),
    st.integers(0, 99),
    st.floats(0.0, 0.3),
    st.floats(0.05, 0.5),
)
def test_every_split_has_its_size_and_each_genders_share(
    genders: list[str | None], seed: int, val: float, test: float
) -> None:
    config = SplitConfig(val_share=val, test_share=test, seed=seed)
    chosen = assign(people(genders), config).split
    count = len(genders)
    in_val = max(2, round(count * val)) if val else 0
    assert (chosen == "val").sum() == in_val
    assert (chosen == "test").sum() == min(max(4, round(count * test)), count - in_val - 4)
    assert (chosen == "train").sum() >= 4
    for group in ("f", "m", None):
        members = np.array([gender == group for gender in genders])
        for name in SPLITS:
            share = members.sum() * (chosen == name).sum() / count
            assert abs((members & (chosen == name)).sum() - share) <= 2


def test_some_people_can_be_kept_in_training() -> None:
    table = people(GENDERS)
    chosen = assign(table, SplitConfig(train_only="^id0000", test_share=0.5, val_share=0.2)).split
    assert (chosen[:10] == "train").all()
    assert [(chosen == name).sum() for name in ("test", "val", "train")] == [20, 8, 12]
    with pytest.raises(UserError, match=r"train_only keeps 10 of them.*20 in test and 12 in val"):
        assign(table, SplitConfig(train_only="^id0000", test_share=0.5, val_share=0.3))
    assert (
        assign(table, SplitConfig(train_only="^nobody$")).split == assign(table, SplitConfig()).split
    ).all()


def test_the_shares_still_give_the_split_that_published_runs_used() -> None:
    """The split of 12 people, written down when it was the only rule."""
    chosen = assign(people(["f", "m", None] * 4), SplitConfig(val_share=0.2, test_share=0.3, seed=12)).split
    assert " ".join(chosen) == "train test train test train test test train val train val train"


def test_first_letters_are_those_of_wen() -> None:
    table = named([*NAMES, "Bea", "eve_e", "young_y"])
    found = assign(table, SplitConfig(rule="first_letter"))
    assert found.split.tolist() == [
        "val",
        "val",
        "test",
        "test",
        "test",
        "train",
        "train",
        "train",
        "val",
        "test",
        "train",
    ]
    assert found.counts == {}


@pytest.mark.parametrize("face_id", ["n000123", "N12", "50_Cent", "_A", "id00012", ""])
def test_an_id_that_is_no_name_has_no_first_letter(face_id: str) -> None:
    with pytest.raises(
        UserError, match=rf"first_letter needs VGGFace names.*1 of 9 are none.*such as {face_id}\)"
    ):
        assign(named([*NAMES, face_id]), SplitConfig(rule="first_letter"))


@pytest.mark.parametrize(
    ("train", "val", "test", "enough"),
    [(4, 0, 4, True), (4, 2, 4, True), (3, 2, 9, False), (9, 1, 4, False), (9, 2, 3, False)],
)
def test_each_split_needs_its_least_number_of_people(train: int, val: int, test: int, enough: bool) -> None:
    split, config = np.repeat(SPLITS, [train, val, test]), SplitConfig(rule="first_letter")
    if enough:
        return require_sizes(split, config)
    with pytest.raises(
        UserError,
        match=f"first_letter puts {train} in train, {val} in val, {test} in test of "
        f"{len(split)} people: too few",
    ):
        require_sizes(split, config)


@pytest.mark.parametrize(
    ("config", "least"),
    [(SplitConfig(), 10), (SplitConfig(val_share=0.0), 8), (SplitConfig(rule="first_letter"), 8)],
)
def test_the_least_number_of_people_is_the_sum_of_the_splits(config: SplitConfig, least: int) -> None:
    require_enough(least, config)
    with pytest.raises(
        UserError, match=f"{least - 1} people have both a voice and a face, and at least {least} are needed"
    ):
        require_enough(least - 1, config)


def test_nobody_need_be_in_val() -> None:
    assert (
        assign(named(NAMES[2:]), SplitConfig(rule="first_letter")).split.tolist()
        == ["test"] * 3 + ["train"] * 3
    )


@pytest.mark.parametrize("rule", ["first_letter", "file"])
def test_a_rule_must_not_hold_out_whom_train_only_keeps(tmp_path: Path, rule: str) -> None:
    file = tmp_path / "split.txt"
    file.write_text("".join(f"{name} {code}\n" for name, code in zip(NAMES, "22444111", strict=True)))
    config = SplitConfig(rule=rule, file=str(file) if rule == "file" else None, train_only="^id0000[457]$")
    with pytest.raises(UserError, match=rf"split.rule {rule} holds out 1 of .*train_only.*id00004 in test"):
        assign(named(NAMES), config)
    kept = SplitConfig(rule=rule, file=config.file, train_only="^id0000[567]$")
    assert assign(named(NAMES), kept).split.tolist() == ["val"] * 2 + ["test"] * 3 + ["train"] * 3


def test_the_file_of_pins_names_people_by_name_or_id(tmp_path: Path) -> None:
    text = (
        "Ada_Ash 1 \nB.B._Bo 4 \nCy_Orr_Jr. 4 \n\nDi_Dee 3\nid00004 2 \nFlo_Fox "
        "2\nZoe_Zed 1\nNobody_Known 4 \n"
    )
    table = named(NAMES)
    assert by_file(tmp_path / "s.txt", text, table) == [
        "train",
        "test",
        "test",
        "train",
        "val",
        "val",
        LEFT_OUT,
        "train",
    ]
    found = assign(table, SplitConfig(rule="file", file=str(tmp_path / "s.txt")))
    assert found.counts == {"not_in_split_file": 1, "only_in_split_file": 1}


@pytest.mark.parametrize("key", ["identity_id", "voice_id", "face_id"])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_csv_names_people_by_any_of_the_ids(tmp_path: Path, key: str, separator: str) -> None:
    table = named(NAMES).assign(voice_id=[f"v{i}" for i in range(8)])
    chosen = ["train", "train", "val", "val", "test", "test", "train", "test"]
    rows = [
        ("Comment ", key.upper(), " Split"),
        *(("no", name, split) for name, split in zip(table[key], chosen, strict=True)),
    ]
    text = "\ufeff" + "\r\n".join(separator.join(row) for row in rows)
    assert by_file(tmp_path / "s.csv", text, table) == chosen


def test_a_csv_is_looked_up_in_its_own_column_only(tmp_path: Path) -> None:
    text = "identity_id,split\n" + "".join(f"{name},train\n" for name in NAMES)
    with pytest.raises(UserError, match=r"s\.csv: names nobody of 8 identities \(such as id00000\)"):
        by_file(tmp_path / "s.csv", text, named(NAMES))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ada_Ash 1\nAda_Ash 4\n", "id00000 is in train and test"),
        ("Ada_Ash 1\nid00000 2\n", "id00000 is in train and val"),
        ("Ada_Ash 1\nStranger 3\nStranger 4\n", "Stranger is in train and test"),
        ("face_id,split\nAda_Ash,val\nAda_Ash,test\n", "id00000 is in val and test"),
        ("Ada_Ash 1\nB.B._Bo 5\n", "line 2: not a name and a code of 1, 2, 3, 4"),
        ("Ada_Ash 1\n\nB.B._Bo\n", "line 3: not a name and a code"),
        ("Ada Ash 1\n", "line 1: not a name and a code"),
        ("Ada_Ash/videoA/00001.wav 1\n", "line 1: Ada_Ash/videoA/00001.wav is a file"),
        ("face_id,split\nAda_Ash,dev\n", "line 2: not a row.*train, val, test"),
        ("face_id,split\nAda_Ash\n", "line 2: not a row"),
        ("face_id,split\n,train\n", "line 2: not a row"),
        (
            "name,split\nAda_Ash,train\n",
            "beside split, its first line must name one of identity_id, voice_id, face_id",
        ),
        ("", "names nobody of 8 identities"),
        ("Stranger 1\n", "names nobody of 8 identities"),
    ],
)
def test_what_is_wrong_with_a_split_file_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        by_file(tmp_path / "s.csv", text, named(NAMES))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "s.csv"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no such file"),
        (b"\xff\xfe\x00", "not a text file that can be read"),
        (b"A\0B", "not a text file"),
    ],
)
def test_a_split_file_that_cannot_be_read_is_named(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / "s.csv").write_bytes(data)
    with pytest.raises(UserError, match=rf"s\.csv: {message}.*; split.file"):
        assign(named(NAMES), SplitConfig(rule="file", file=str(tmp_path / "s.csv")))


def test_a_split_file_can_be_checked_before_anybody_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    config = SplitConfig(rule="file", file=str(path))
    path.write_text("name,split\nAda_Ash,train\n", encoding="utf-8")
    with pytest.raises(UserError, match="its first line must name one of identity_id, voice_id, face_id"):
        require_file(config)
    path.write_text("voice_id,split\nsomebody,train\n", encoding="utf-8")
    require_file(config)
    require_file(SplitConfig())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["", "1", "2", "3", "4"]), min_size=8, max_size=40))
def test_each_person_gets_the_split_the_file_gives(
    tmp_path_factory: pytest.TempPathFactory, codes: list[str]
) -> None:
    codes = [*codes, "1", "1", "4", "4", "2", "2"]
    table = named([f"Person_{chr(65 + i % 26)}{i}_X" for i in range(len(codes))])
    lines = [f"{name} {code}\n" for name, code in zip(table["face_id"], codes, strict=True) if code]
    path = tmp_path_factory.mktemp("split") / "s.txt"
    expected = [{"": LEFT_OUT, "1": "train", "3": "train", "2": "val", "4": "test"}[code] for code in codes]
    assert by_file(path, "".join(reversed(lines)), table) == expected
    assert assign(table, SplitConfig(rule="file", file=str(path))).counts["not_in_split_file"] == codes.count(
        ""
    )
