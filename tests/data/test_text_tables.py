"""Tables as Excel, LibreOffice, macOS and data sets write them say the same, whoever reads them; what is no
table is named."""

from __future__ import annotations

import codecs
import logging
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen.config.schema import SplitConfig
from deepfacegen.data.faces import hints
from deepfacegen.data.files.text_tables import Table, read_table, separated, table_of, text_of
from deepfacegen.data.manifest import attributes, splits
from deepfacegen.data.sources.metadata import read_facts, read_people, read_same
from deepfacegen.errors import UserError
from deepfacegen.evaluation.protocol.list_formats import read_list

WHAT = "see data.metadata"
ENCODINGS = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "excel's unicode text": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16 be": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "utf-16 le without mark": lambda text: text.encode("utf-16-le"),
    "utf-16 be without mark": lambda text: text.encode("utf-16-be"),
    "utf-32": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
    "windows-1252": lambda text: text.encode("cp1252"),
    "nfd": lambda text: unicodedata.normalize("NFD", text).encode(),
}
PEOPLE = [["José Pérez", "m", "34"], ["Müller, Zoë", "f", "27"], ["Ann\n(twin)", "f", ""]]


def written(rows: list[list[str]], separator: str, end: str) -> str:
    def cell(text: str) -> str:
        return f'"{text}"' if separator in text or "\n" in text else text

    return "".join(separator.join(map(cell, row)) + end for row in rows)


def table(tmp_path: Path, data: bytes) -> Table:
    (tmp_path / "people.csv").write_bytes(data)
    return read_table(tmp_path / "people.csv", WHAT)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_one_table_in_many_forms(tmp_path: Path, encoding: str, separator: str, end: str) -> None:
    text = written([[" Person ", "GENDER", "Age (years)"], *PEOPLE], separator, end)
    found = table(tmp_path, ENCODINGS[encoding](text))
    assert found.titles == ["person", "gender", "ageyears"]
    assert found.rows == PEOPLE
    assert found.lines == [2, 3, 5]


@pytest.mark.parametrize(
    ("text", "rows", "lines"),
    [
        ("sep=;\na;b\n1;2\n", [["1", "2"]], [3]),
        ("sep=\t\r\na\tb\r\n1\t2\r\n", [["1", "2"]], [3]),
        ("\n\na,b\n\n1,2\n,,\n\n3,\n\n", [["1", "2"], ["3", ""]], [5, 8]),
        ("a;b;;\n1;2;;\n3;;;;;\n", [["1", "2", "", ""], ["3", "", "", "", "", ""]], [2, 3]),
        ('"a, b";b\n"1;2";3\n', [["1;2", "3"]], [2]),
        ('a,b\n"say ""hi""",2\n', [['say "hi"', "2"]], [2]),
        ('a,b\n5" tall,2\n"Al" Ace,3\n', [['5" tall', "2"], ["Al Ace", "3"]], [2, 3]),
        ("a,b\n\u00a01\u200b , 2\u00a0\n", [["1", "2"]], [2]),
        ("a\n1\n2\n", [["1"], ["2"]], [2, 3]),
        ("a,b\n1,2\n\x1a", [["1", "2"]], [2]),
    ],
)
def test_what_programs_leave_in_tables(
    tmp_path: Path, text: str, rows: list[list[str]], lines: list[int]
) -> None:
    found = table(tmp_path, text.encode())
    assert (found.rows, found.lines) == (rows, lines)


def test_a_row_says_how_far_it_is_filled(tmp_path: Path) -> None:
    assert table(tmp_path, b"a,b,\n1,2,\n1,2,3\n1,,\n").widths == [2, 3, 1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no such file"),
        (b"", "not a table, for it is empty"),
        (b"PK\x03\x04\x14\0\6\0", r"not a table in text but a spreadsheet; save it as CSV \(UTF-8\)"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "not a table in text but a spreadsheet"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1", "not a text file"),
        (b"a,b\n\x81\x8d,1\n", "not a text file that can be read .neither UTF-8, UTF-16 nor Windows-1252"),
        (bytes(range(256)), "not a text file"),
        (b'a,b\n1,2\n"Ann,f\nBob,m\n', "line 3: a quotation mark is opened and not closed"),
        (b'a,b\n1,2\n"Ann,f\nBob "the boy",m\nCy,m\n', "line 3: a quotation mark is opened and not closed"),
        (b'sep=;\na;b\n"Ann;f\nBob;m\n"Cy;m\n', "line 3: a quotation mark is opened and not closed"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, data: bytes | None, message: str) -> None:
    path = tmp_path / "people.csv"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UserError, match=rf"people\.csv(: |, ){message}.*; see data.metadata$") as caught:
        read_table(path, WHAT)
    assert "\n" not in str(caught.value)


def test_an_encoding_that_is_a_guess_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.csv").write_bytes("Zoë".encode("cp1252"))
    (tmp_path / "b.csv").write_bytes("Zoë".encode())
    with caplog.at_level(logging.WARNING):
        assert text_of(tmp_path / "a.csv", WHAT) == text_of(tmp_path / "b.csv", WHAT) == "Zoë"
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "not UTF-8, so read as Windows-1252; save it as UTF-8 if letters come out wrong"
    ]


def test_columns_by_title_or_by_how_they_begin() -> None:
    found = table_of(Path("a.csv"), "Speaker_Age,VoxCeleb2 ID,gender_wiki,Gender\n", WHAT)
    assert [found.column("gender"), found.column("genderwiki"), found.column("age")] == [3, 2, None]
    assert [found.beginning("gender"), found.beginning("voxceleb"), found.beginning("age", "speakerage")] == [
        3,
        1,
        0,
    ]


def test_a_header_may_hold_another_separator_in_quotes() -> None:
    assert separated('"name; first, last, all";b\n')[1] == ";"


ODD = ["excel's unicode text", "windows-1252"]


@pytest.mark.parametrize("encoding", ODD)
def test_every_reader_reads_them(tmp_path: Path, encoding: str) -> None:
    """The same one function stands behind all tables that users name."""
    path = tmp_path / "table.csv"

    def write(text: str, name: str = "table.csv") -> Path:
        (tmp_path / name).write_bytes(ENCODINGS[encoding](text))
        return tmp_path / name

    people = read_people(
        write("VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\nid10001\tZoë_K.\tf\tCôte d'Ivoire\n")
    ).identities
    assert (people[0].face_id, people[0].gender, people[0].nationality) == ("Zoë_K", "f", "Côte d'Ivoire")
    facts = read_facts(write("Name;VoxCeleb_ID;speaker_age\r\nZoë;id10001;34,5\r\nZoë;id10001;35,5\r\n"))
    assert facts.age_years == {"id10001": 35.0}
    assert read_same(write('id10001;"Zoë_K";n000012\r\n\r\n'), WHAT) == ([["id10001", "Zoë_K", "n000012"]], 0)
    own = pd.DataFrame({"identity_id": [f"P{i}" for i in range(3)] + ["Zoë"]}).assign(gender="f")
    own = own.assign(voice_id=own["identity_id"], face_id=own["identity_id"])
    named = write("Identity_ID;Split;\r\nP0;train;\r\nP1;Train;\r\nP2;test;\r\nZoë;test;\r\n")
    assert splits.assign(own, SplitConfig(rule="file", file=str(named))).split.tolist() == [
        "train",
        "train",
        "test",
        "test",
    ]
    table = attributes.from_celeba(
        write("image_id;Male;Young\r\nZoë.jpg;1;-1\r\n"), ["p/Zoë"], ["male", "over_50"]
    )
    np.testing.assert_array_equal(table.to_numpy(), [[1, 1]])
    trials = read_list(write("ID;Label;Voice-Path;Face-Path;\r\n1;1;Zoë/1.wav;Zoë/1.jpg;\r\n"))
    assert trials.names.tolist() == [["Zoë/1", "Zoë/1"]]
    assert read_list(write("1 Zoë/1.wav Zoë/2.wav\r\n\r\n")).names.tolist() == [["Zoë/1", "Zoë/2"]]
    path.unlink()
    write("NAME_ID;X;Y;W;H\r\nZoë/0001_01;1;2;30;40\r\n", "loose_bb_a.csv")
    inventory = pd.DataFrame({"photo_id": ["Zoë/0001_01"], "path": ["x"]})
    found = hints.of_rows(hints.attach(tmp_path, inventory)[0])[0]
    assert found is not None
    assert found[:4].tolist() == [1, 2, 30, 40]
