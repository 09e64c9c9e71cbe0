"""Who is who across VoxCeleb1, VoxCeleb2, VGGFace and VGGFace2: each person once, however spelt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.config.schema import DataConfig
from deepfacegen.data.sources import join
from deepfacegen.data.sources.names import Same, key
from deepfacegen.errors import UserError

VOX1 = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
VOX2 = "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \n"
NAMES = "Class_ID, Name, Sample_Num, Flag, Gender\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Zoë Kravitz is in both under two spellings, Anne Lee by the list of overlaps; Bob Ray is a name of two
    VGGFace2 ids and of one in VoxCeleb1."""
    (tmp_path / "vox1_meta.csv").write_text(
        VOX1 + "id10001\tZoe_Kravitz\tf\tUSA\tdev\nid10002\tAnne_Lee\tf\tUK\tdev\n"
        "id10003\tBob_Ray\tm\tUSA\ttest\nid10004\tHarry_Connick_Jr.\tm\t\tdev\n",
        encoding="utf-8",
    )
    (tmp_path / "vox2_meta.csv").write_bytes(
        "\ufeff".encode()
        + (
            VOX2 + "id00011 ,n000021 ,f ,dev \nid00012 ,n000140 ,m ,dev \nid00013 ,n000023 ,m ,dev "
            "\nid00014 ,n000024 ,m ,test \n"
        ).encode()
    )
    (tmp_path / "identity_meta.csv").write_text(
        NAMES
        + 'n000021, "Zoë_Kravitz", 424, 0, f\nn000023, "Bob_Ray", 90, 1, m\nn000024, "Bob_Ray", 91, 1, m\n'
        + 'n000031, "Harry_Connick_Jr", 300, 1, m\nbroken\n',
        encoding="utf-8",
    )
    (tmp_path / "class_overlap_vgg1_2.txt").write_text("VGGFace2 VGGFace1\nn000140 Anne_Lee\nlonely\n")
    return tmp_path


def read(folder: Path, source: str = "voxceleb", **more: str) -> join.Joined:
    return join.read(
        DataConfig(source=source, voices_root="v", faces_root="f", metadata=str(folder), **more), folder
    )


def test_somebody_in_both_is_one_person(folder: Path) -> None:
    joined = read(folder)
    assert [(p.identity.identity_id, p.voice_ids, sorted(p.face_keys)) for p in joined.people] == [
        ("id00013", ("id00013",), ["n000023"]),
        ("id00014", ("id00014",), ["n000024"]),
        ("id10001", ("id00011", "id10001"), ["n000021", "zoekravitz"]),
        ("id10002", ("id00012", "id10002"), ["annelee", "n000140"]),
        ("id10003", ("id10003",), ["bobray"]),
        ("id10004", ("id10004",), ["harryconnickjr", "n000031"]),
    ]
    zoe, ann = joined.people[2].identity, joined.people[3].identity
    assert (zoe.face_id, zoe.gender, zoe.nationality) == ("Zoe_Kravitz", "f", "USA")
    assert ann.gender is None  # f in one table, m in the other
    assert joined.counts == {
        "ambiguous_names": 1,
        "contradicting_genders": 1,
        "malformed_rows": 2,
        "merged_people": 2,
        "shared_faces": 0,
    }


def test_everybody_is_in_exactly_one_group(folder: Path) -> None:
    voices = [voice_id for person in read(folder).people for voice_id in person.voice_ids]
    assert sorted(voices) == [f"id000{k}" for k in range(11, 15)] + [f"id1000{k}" for k in range(1, 5)]


@pytest.mark.parametrize(
    ("source", "ids"),
    [
        ("voxceleb1", ["id10001", "id10002", "id10003", "id10004"]),
        ("voxceleb2", ["id00011", "id00012", "id00013", "id00014"]),
    ],
)
def test_one_corpus_alone(folder: Path, source: str, ids: list[str]) -> None:
    assert [person.identity.identity_id for person in read(folder, source).people] == ids


def test_a_list_of_ones_own_says_who_is_the_same(folder: Path) -> None:
    (folder / "mine.txt").write_text("# found by hand\nid00013, id10003\n")
    joined = read(folder, same_people=str(folder / "mine.txt"))
    assert ("id00013", "id10003") in [person.voice_ids for person in joined.people]
    assert joined.counts["merged_people"] == 3


def test_names_of_voxceleb2_by_its_own_ids(folder: Path) -> None:
    (folder / "full_vox2_meta.csv").write_text("VoxCeleb2ID,Name,Gender\nid00013,Harry Connick Jr.,m\n")
    assert ("id00013", "id10004") in [person.voice_ids for person in read(folder).people]


def test_an_enriched_table_fills_what_is_open(folder: Path) -> None:
    """Rows by video: the median age, a gender all agree on; a description with line breaks, and what metadata
    say stays."""
    (folder / "more.csv").write_text(
        "Name,gender_wiki,description,VoxCeleb_ID,gender,speaker_age,nationality_wiki\n"
        'Ann,male,"a\nb,c",id00012,female,40,Wales\nAnn,,,id10002,female,44.0,Wales\nAnn,,,id10002,female,,\n'
        "Bob,,,id10003,female,31,USA\nnobody,,,,male,1,\nH,,,id10004,male,-4,USA\n",
        encoding="utf-8",
    )
    joined = read(folder, enrichment=str(folder / "more.csv"))
    by_id = {person.identity.identity_id: person.identity for person in joined.people}
    assert (by_id["id10002"].gender, by_id["id10002"].age_years, by_id["id10002"].nationality) == (
        "f",
        40.0,
        "UK",
    )
    assert (by_id["id10003"].gender, by_id["id10003"].age_years) == ("m", 31.0)
    assert (by_id["id10004"].age_years, by_id["id10004"].nationality) == (None, "USA")
    assert joined.counts["enriched_gender"] == 1
    assert joined.counts["contradicting_genders"] == 2
    assert joined.counts["malformed_rows"] == 3


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("same_people", None, r"x\.csv: no such file.*data.same_people"),
        ("enrichment", None, r"x\.csv: no such file.*data.enrichment"),
        ("enrichment", "a,b\n1,2\n", r"x\.csv: data.enrichment must name a csv with a column VoxCeleb_ID"),
    ],
)
def test_tables_that_cannot_be_used_are_named(
    folder: Path, name: str, text: str | None, message: str
) -> None:
    if text is not None:
        (folder / "x.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read(folder, **{name: str(folder / "x.csv")})


def test_a_folder_without_metadata_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no vox1_meta.csv or vox2_meta.csv \(data.metadata\)"):
        read(tmp_path)


def test_identity_meta_without_names_is_named(folder: Path) -> None:
    (folder / "identity_meta.csv").write_text("a,b\n")
    with pytest.raises(UserError, match=r"identity_meta\.csv: no column of ids or none of names"):
        read(folder)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë_Kravitz", "zoe kravitz"),
        ("A.J._Buckley", "AJ Buckley."),
        ("Søren_Ægir", "soren aegir"),
        ("n000123", "n000123"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert key(one) == key(other)


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), max_size=30))
def test_groups_are_the_connected_parts(edges: list[tuple[int, int]]) -> None:
    same = Same()
    reach = {k: {k} for k in range(16)}
    for a, b in edges:
        same.union(str(a), str(b))
        joined = reach[a] | reach[b]
        for k in joined:
            reach[k] = joined
    for a, b in ((a, b) for a in range(16) for b in range(16)):
        assert (same.find(str(a)) == same.find(str(b))) == (b in reach[a])
