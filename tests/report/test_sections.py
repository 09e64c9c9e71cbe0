"""Every number that the page shows, read back out of its tables and compared with the metrics it came
from."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from deepfacegen.config.schema import from_dict
from deepfacegen.report import page, values
from deepfacegen.report.collect import collect
from tests.report import made
from tests.report.reading import Reader, whole

HEADLINE = [("unseen", "ungrouped"), ("unseen", "gender"), ("seen", "ungrouped"), ("seen", "gender")]
FOUR = [("unseen", ""), ("unseen", "_centred"), ("seen", ""), ("seen", "_centred")]
WAYS = {"Voice to face": "voice_to_face", "Face to voice": "face_to_voice"}
LABELS = {
    "ungrouped": "ungrouped",
    "grouped by gender": "gender",
    "grouped by nationality": "nationality",
    "grouped by age": "age",
    "grouped by gender and nationality": "gender_nationality",
    "grouped by gender, nationality, age": "gender_nationality_age",
}
CONFIG = from_dict({"report": {"people": 3, "draws": 2}})
GENERATOR, SCORER = made.evaluated(), made.scorer()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages of a system that generates faces and of one that does not."""
    return page.render(
        collect(made.write(tmp_path_factory.mktemp("two"), {"cgan": GENERATOR, "match": SCORER})), CONFIG
    )


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return whole(
        page.render(collect(made.write(tmp_path_factory.mktemp("one"), {"cgan": GENERATOR})), CONFIG)
    )


def share(cell: dict[str, Any], name: str = "accuracy", start: str | None = None) -> list[str]:
    """A value in per cent and its interval, as they should be written."""
    start = ("" if name == "accuracy" else f"{name}_") if start is None else start
    ends = [f"{start}ci95_low", f"{start}ci95_high"]
    between = [" \u2013 ".join(f"{100 * cell[end]:.1f}" for end in ends)] if ends[0] in cell else []
    return [f"{100 * cell[name]:.1f}", *between]


def plain(cell: dict[str, Any], name: str, digits: int, start: str | None = None) -> list[str]:
    start = f"{name}_" if start is None else start
    values = (cell[name], cell[f"{start}ci95_low"], cell[f"{start}ci95_high"])
    value, low, high = (f"{v:.{digits}f}".replace("-", "\u2212") for v in values)
    return [value, f"{low} \u2013 {high}"]


def rounded(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "\u2212")


def test_headline_table(one: Reader) -> None:
    table = one.table("^This run: accuracy")
    blocks = {
        "Plain cosine": GENERATOR["matching"],
        "Centred cosine": GENERATOR["matching_centred"],
        "Upper bound, plain": GENERATOR["upper_bound"]["matching"],
        "Upper bound, centred": GENERATOR["upper_bound"]["matching_centred"],
        "Nearest voice, plain": GENERATOR["baselines"]["nearest_voice"]["matching"],
        "Nearest voice, centred": GENERATOR["baselines"]["nearest_voice"]["matching_centred"],
        "Gender\u2019s mean face, plain": GENERATOR["baselines"]["gender_face"]["matching"],
        "Gender\u2019s mean face, centred": GENERATOR["baselines"]["gender_face"]["matching_centred"],
        "Mean face, plain": GENERATOR["baselines"]["mean_face"]["matching"],
        "Mean face, centred": GENERATOR["baselines"]["mean_face"]["matching_centred"],
        "Gender and nationality oracle": GENERATOR["oracle"]["gender_nationality"]["matching"],
        "Gender oracle": GENERATOR["oracle"]["gender"]["matching"],
    }
    assert list(table.rows) == [*blocks, "Chance"]
    for label, block in blocks.items():
        assert table.rows[label] == [share(block["voice_to_face"][p][g]) for p, g in HEADLINE], label
    assert table.rows["Chance"] == [["50.0"]] * 4


def test_both_cosines_are_headlines_with_the_same_baselines(one: Reader) -> None:
    values = [one.text[k + 1] for k, text in enumerate(one.text) if text.startswith("Matching accuracy")]
    front = GENERATOR["matching"]["voice_to_face"]["unseen"]["ungrouped"]
    assert values == [f"{100 * front['accuracy']:.1f}"]
    table = one.table("^Baselines in per cent")
    assert table.head[0][1:] == [["plain cosine"], ["centred cosine"]]
    nearest = [
        GENERATOR["baselines"]["nearest_voice"][f"matching{s}"]["voice_to_face"]["unseen"]["ungrouped"]
        for s in ("", "_centred")
    ]
    same = [GENERATOR[f"matching{s}"]["voice_to_face"]["unseen"]["gender"] for s in ("", "_centred")]
    assert table.rows["Grouped by gender"] == [
        [f"{100 * c['accuracy']:.1f}\u00a0%".replace("\u00a0", " ")] for c in same
    ]
    assert table.rows["Nearest voice"] == [[f"{100 * c['accuracy']:.1f} %"] for c in nearest]
    assert table.rows["Progress from chance (0) to the upper bound (100)"] == [["42 %"], ["58 %"]]


def test_impostor_groups_in_both_directions(one: Reader) -> None:
    for way, key in WAYS.items():
        table = one.table(f"^{way}, accuracy in per cent")
        assert [label.lower() for label in table.rows] == list(LABELS)
        for label, cells in table.rows.items():
            wanted = [GENERATOR[f"matching{s}"][key][p][LABELS[label.lower()]] for p, s in FOUR]
            assert cells == [[*share(c), f"{c['trials']:,} trials"] for c in wanted]


def test_one_of_many_has_a_table_for_every_curve(one: Reader) -> None:
    for way, key in WAYS.items():
        for group in ("ungrouped", "grouped by gender"):
            for population in ("unseen", "seen"):
                table = one.table(
                    f"^{way}, {population}, {group}: accuracy in per cent; 4,920 lists, 82 people"
                )
                trees = [
                    GENERATOR[f"forced_choice{s}"][key][population][LABELS[group]] for s in ("", "_centred")
                ]
                assert list(table.rows) == [str(n) for n in range(2, 11)]
                for n, cells in table.rows.items():
                    assert cells == [*(share(tree[f"of_{n}"]) for tree in trees), [f"{100 / int(n):.1f}"]]


def test_curves_of_one_of_many_carry_the_same_numbers(one: Reader) -> None:
    for s, name in (("", "Plain cosine"), ("_centred", "Centred cosine")):
        for key in WAYS.values():
            tree = GENERATOR[f"forced_choice{s}"][key]["unseen"]["ungrouped"]
            for n in range(2, 11):
                value, between = share(tree[f"of_{n}"])
                low, high = between.split(" \u2013 ")
                assert f"{name}, 1:{n}: {value} % ({low} to {high})" in one.titles


def test_verification_and_retrieval_in_both_directions(one: Reader) -> None:
    for way, key in WAYS.items():
        table = one.table(f"^Verification, {way.lower()}")
        for rate in ("auc", "eer"):
            for s, name in (("", "plain cosine"), ("_centred", "centred cosine")):
                wanted = [share(GENERATOR[f"verification{s}"][key][p][g], rate) for p, g in HEADLINE]
                assert table.rows[f"{rate.upper()}, {name}"] == wanted
        ranks = one.table(f"^Retrieval, {way.lower()}")
        for p, s in FOUR:
            found = GENERATOR[f"retrieval{s}"][key][p]
            cells = ranks.rows[f"{p.capitalize()}, {'centred' if s else 'plain'} cosine"]
            recalls = [[*share(found, f"recall_at_{k}"), f"chance {100 * k / 82:.1f}"] for k in (1, 2, 5, 10)]
            assert cells == [*recalls, share(found, "map"), ["6.5"]]
    for rate in ("auc", "eer"):
        table = one.table(f"^{rate.upper()} of the other impostor groups")
        assert len(table.rows) == 4
        for label, cells in table.rows.items():
            assert cells == [
                share(GENERATOR[f"verification{s}"]["voice_to_face"][p][LABELS[label.lower()]], rate)
                for p, s in FOUR
            ]


def test_judges_and_their_agreement(one: Reader) -> None:
    table = one.table("^The same trials by every judge")
    for name, tree in (
        ("SFace", GENERATOR),
        ("dlib", GENERATOR["judges"]["dlib"]),
        ("Training recogniser", GENERATOR["judges"]["self"]),
    ):
        for s in ("", "_centred"):
            wanted = [share(tree[f"matching{s}"]["voice_to_face"][p][g]) for p, g in HEADLINE]
            assert table.rows[f"{name}, {'centred' if s else 'plain'}"] == wanted
    for name, tree in (("SFace", GENERATOR), ("dlib", GENERATOR["judges"]["dlib"])):
        for s in ("", "_centred"):
            wanted = [
                share(tree["baselines"]["gender_face"][f"matching{s}"]["voice_to_face"][p][g])
                for p, g in HEADLINE
            ]
            assert table.rows[f"Gender\u2019s mean face by {name}, {'centred' if s else 'plain'}"] == wanted
    agreement = one.table("^Agreement of the two")
    for s, name in (("", "Plain cosine"), ("_centred", "Centred cosine")):
        tree = GENERATOR["judges"]["agreement"][f"matching{s}"]["voice_to_face"]
        assert agreement.rows[name] == [
            [f"{100 * tree[p][g]['same']:.1f}", f"kappa {tree[p][g]['kappa']:.2f}"] for p, g in HEADLINE
        ]


def test_gender_age_and_proportions(one: Reader) -> None:
    attributes = GENERATOR["attributes"]
    for p in ("unseen", "seen"):
        table, found = (
            one.table(f"^{p.capitalize()} people: generated faces by listed"),
            attributes["gender"][p],
        )
        for listed, label in (("f", "Listed as woman"), ("m", "Listed as man")):
            counts = [found[f"listed_{listed}_generated_{made}"] for made in "fm"]
            assert table.rows[label] == [
                [f"{count:,}", f"{100 * count / sum(counts):.1f} %"] for count in counts
            ]
        text = " ".join(one.text)
        assert (
            f"As listed: {100 * found['agreement']:.1f} % (87.0 \u2013 95.0), 78 people. "
            "On real photos the estimator agrees with the list in " in text
        )
        assert f"in {100 * found['on_real_faces']:.1f} %" in text
        ages, age = one.table("^Mean absolute error of the age"), attributes["age"][p]
        assert ages.rows[f"{p.capitalize()} people"] == [
            plain(age, "mae_years", 1),
            [rounded(age["mae_of_mean_years"], 1)],
            plain(age, "r", 2),
            [rounded(age["estimator_mae_years"], 1)],
            ["82"],
        ]
    proportions = one.table("^Correlations with 95")
    assert len(proportions.rows) == len(made.MEASURES)
    for measure in made.MEASURES:
        cells = [attributes["craniofacial"][p][measure] for p in ("unseen", "seen")]
        wanted = [text for c in cells for text in (plain(c, "r", 2, start=""), [rounded(c["shuffled_r"], 2)])]
        assert proportions.rows[measure.replace("_", " ").capitalize()] == wanted


def test_seconds_of_speech(one: Reader) -> None:
    table = one.table("^By seconds of speech")
    assert list(table.rows) == ["1", "3", "6", "10"]
    for seconds, cells in table.rows.items():
        found = GENERATOR["duration"][seconds]
        cosines = [plain(found, f"cosine{s}", 3) for s in ("", "_centred")]
        assert cells == [
            *cosines,
            [rounded(found["cosine_others"], 3)],
            share(found),
            share(found, "accuracy_centred"),
            ["61"],
        ]


def test_quality_beside_its_references(one: Reader) -> None:
    table, found = (
        one.table(
            "^Faces generated for unseen people; sets of 123 faces are compared, "
            "out of 984 generated and 246 real ones; temperature 0.7"
        ),
        GENERATOR["quality"],
    )
    for name, key in (
        ("Fr\u00e9chet distance", "fd_sface"),
        ("Kernel distance", "kd_sface"),
        ("Density", "density"),
    ):
        assert [cell[0] for cell in table.rows[name]] == [f"{found[key]:.3f}", f"{found[f'{key}_real']:.3f}"]
    for name, key in (("Precision", "precision"), ("Recall", "recall"), ("Coverage", "coverage")):
        assert [cell[0] for cell in table.rows[name]] == [
            f"{100 * found[key]:.1f} %",
            f"{100 * found[f'{key}_real']:.1f} %",
        ]
    whole, spectrum = GENERATOR["quality_temperature_1"], GENERATOR["spectrum"]
    assert [cell[0] for cell in table.rows["Recall at temperature 1"]] == [
        f"{100 * whole[key]:.1f} %" for key in ("recall", "recall_real")
    ]
    assert table.rows["Detail of 2 to 4 px"] == [[f"{spectrum['octave_4_to_2_px']:.3f}"], ["none"]]
    assert [cell[0] for cell in table.rows["Weave"]] == [
        f"{100 * spectrum[f'axes_share_{of}']:.1f} %" for of in ("generated", "real")
    ]
    for name, key in (
        ("Perceptual distance within a voice", "within_voice"),
        ("Perceptual distance between voices", "between_voices"),
    ):
        assert [cell[0] for cell in table.rows[name]] == [
            f"{found[f'perceptual_{key}']:.3f}",
            f"{found['perceptual_real']:.3f}",
        ]
    assert [cell[0] for cell in table.rows["Nearest training face"]] == [
        f"{found[f'nearest_training_{k}']:.3f}" for k in ("generated", "real")
    ]
    assert table.rows["Nearer to the training than a real face"] == [
        [f"{100 * found['nearest_training_auc']:.1f} %"],
        ["none"],
    ]
    assert table.rows["Detected faces"][0] == ["87.5 %"]
    for name, key in (
        ("Judge\u2019s distance within a voice", "diversity_within_voice"),
        ("Judge\u2019s distance between voices", "diversity_between_voices"),
    ):
        assert table.rows[name][0] == [f"{GENERATOR['generated'][key]:.3f}"]


def test_the_contact_sheet_stands_on_the_page_of_a_generator_and_the_main_page(two: dict[str, str]) -> None:
    for reader in map(Reader, (two["cgan.html"], two["index.html"])):
        sheets = [image for image in reader.all("img") if str(image["alt"]).startswith("Contact sheet")]
        # Not lazy: its bytes are in the page, and one that is never shown never counts as loaded.
        assert [(sheet["width"], sheet["height"], "loading" in sheet) for sheet in sheets] == [
            ("128", "16", False)
        ]


def test_without_its_file_there_is_no_contact_sheet(tmp_path: Path) -> None:
    root = made.write(tmp_path, {"cgan": GENERATOR})
    (root / "data/evaluate/cgan/contact_sheet.png").unlink()
    reader = whole(page.render(collect(root), CONFIG))
    assert not [image for image in reader.all("img") if str(image["alt"]).startswith("Contact sheet")]
    assert "Detected faces" in reader.table("^Faces generated for unseen people").rows


def test_fairness_with_gaps_beside_those_of_shuffled_groups(one: Reader) -> None:
    names = {"under_30": "Under 30", "30_to_39": "30 to 39", "40_to_49": "40 to 49", "from_60": "60 and over"}
    text = " ".join(one.text)
    for attribute in ("gender", "age", "nationality"):
        for label in ("ungrouped", "grouped by gender"):
            trees = [GENERATOR[f"fairness{s}"][attribute][LABELS[label]] for s in ("", "_centred")]
            table = one.table(f"^By {attribute}, {label}: accuracy in per cent")
            assert ("3 people in groups that are too small" in table.caption) == (attribute == "age")
            assert len(table.rows) == len(trees[0]["groups"])
            for name in trees[0]["groups"]:
                cells = [tree["groups"][name] for tree in trees]
                wanted = [*map(share, cells), [str(cells[0]["identities"])], [f"{cells[0]['trials']:,}"]]
                assert table.rows[names.get(name, name.capitalize())] == wanted
            for tree in trees:
                gap, between = share(tree, "gap")
                lowest, highest = (names.get(tree[end], tree[end]) for end in ("lowest", "highest"))
                sentence = (
                    f"gap {gap} points ({between}), lowest {lowest}, highest {highest}; "
                    f"shuffled groups: {100 * tree['gap_shuffled']:.1f}, "
                    f"as large by chance in {100 * tree['gap_p']:.1f} %."
                )
                assert sentence.lower() in text.lower()


def test_audit_says_whether_chance_is_inside(one: Reader) -> None:
    table = one.table("^Choice between the person")
    for key, label in (
        ("skin_tone", "Skin tone"),
        ("eye_colour", "Eye colour"),
        ("hair_colour", "Hair colour"),
    ):
        found = GENERATOR["null_attributes"][key]
        inside = "yes" if found["ci95_low"] <= 0.5 <= found["ci95_high"] else "no"
        value, between = share(found)
        assert table.rows[label] == [
            [value],
            [between],
            ["50.0"],
            [f"{100 * found['on_real_faces']:.1f}"],
            [str(found["identities"])],
            [inside],
        ]
    assert {row[-1][0] for row in table.rows.values()} == {"yes", "no"}


def test_published_trial_lists_count_what_was_lost(one: Reader) -> None:
    table = one.table(
        "^veriflist_test : 28,110 of 30,496 lines scored; lost: 2,000 unknown person, 386 missing clip[.]"
    )
    assert table.head[0][1:5] == [
        ["AUC, plain cosine"],
        ["AUC, centred cosine"],
        ["EER, plain cosine"],
        ["EER, centred cosine"],
    ]
    unseen = [GENERATOR[f"lists{s}"]["veriflist_test"]["unseen"] for s in ("", "_centred")]
    assert table.rows["Unseen"] == [
        *(share(cell, rate) for rate in ("auc", "eer") for cell in unseen),
        ["20,110"],
        ["71"],
    ]
    assert table.rows["Mixed"] == [*[["of one kind only"]] * 4, ["8,000"], ["93"]]
    own = [
        share(GENERATOR[f"lists{s}"]["trials"]["parts"]["voice_to_face"]["gender"]["seen"])
        for s in ("", "_centred")
    ]
    assert one.table("^trials : 400 of 400 lines scored").rows == {
        "Voice to face, grouped by gender, seen": [*own, ["400"], ["33"]]
    }
    voices = GENERATOR["lists"]["veri_test"]["unseen"]
    assert one.table("^veri_test : 37 of 40").rows == {
        "Unseen": [share(voices, "auc"), share(voices, "eer"), ["37"], ["9"]]
    }


def test_nearest_faces_mark_the_persons_own(one: Reader) -> None:
    alts = [str(image["alt"]) for image in one.all("img")]
    assert [alt for alt in alts if alt.startswith("Face generated")] == [
        f"Face generated from the voice of id0000{k}" for k in (0, 2, 4)
    ]
    nearest = [alt for alt in alts if alt.startswith("Nearest real face")]
    own = [[False, True, False, False, False], [False] * 5, [True, False, False, False, True]]
    assert nearest == [
        f"Nearest real face {k + 1}, plain cosine: {'the person' if mine else 'another person'}"
        for row in own
        for k, mine in enumerate(row)
    ]
    text = " ".join(one.text)
    for rank in ("2", "1,117", "1"):
        assert f"the person\u2019s first face has rank {rank} of 1,246" in text
    assert (
        sum(image.get("class") == "real" and "Nearest" in str(image["alt"]) for image in one.all("img")) == 3
    )


def test_nearest_faces_by_both_cosines_stand_together(tmp_path: Path) -> None:
    root = made.write(tmp_path, {"cgan": GENERATOR})
    shutil.rmtree(root / "data/evaluate/cgan")
    made.pictures(root / "data/evaluate/cgan", centred=True)
    reader = whole(page.render(collect(root), CONFIG))
    found = [
        str(image["alt"])
        for image in reader.all("img")
        if str(image["alt"]).startswith("Nearest real face 1")
    ]
    assert [alt.split(", ")[1].split(":")[0] for alt in found] == ["plain cosine", "centred cosine"] * 3
    assert "Centred cosine: the person\u2019s first face has rank 9 of 1,246" in " ".join(reader.text)


def test_run_facts(one: Reader) -> None:
    assert one.table("^Evaluation data").rows == {"cgan": [["sample"], ["d1" * 32]]}
    assert one.table("^Versions$").rows == {
        "python": [["3.11.9"]],
        "torch": [["2.11.0"]],
        "numpy": [["2.4.1"]],
    }
    assert one.table("^Third-party weights").rows == {"sface": [["ab" * 32]], "dlib": [["cd" * 32]]}
    assert one.table("^Trained weights").rows == {
        "cgan.generator": [["ef" * 32]],
        "voice.encoder": [["01" * 32]],
    }
    assert one.table("section train$").rows["lr"] == [[f"{CONFIG.train.lr:g}"]]
    text = " ".join(one.text)
    for section in ("sample", "split", "pretrain", "train", "evaluate"):
        assert f"{section} {getattr(CONFIG, section).seed}" in text
    assert "make repro" in one.text


def test_data_accounting(one: Reader) -> None:
    assert one.table("^Files: kept").rows["Rejected: several faces"] == [["0"], ["1"]]
    assert one.table("^People of each split").rows["Validation"] == [["21"], ["9"], ["9"], ["3"]]


def test_leaderboard_has_a_row_for_every_way_to_compare(two: dict[str, str]) -> None:
    table = Reader(two["index.html"]).table("^Accuracy in per cent, voice to face, choice of two faces, with")
    ways = {
        "cgan, plain cosine": GENERATOR["matching"],
        "cgan, centred cosine": GENERATOR["matching_centred"],
        "match, own score": SCORER["matching"],
    }
    assert list(table.rows) == [*ways, "Gender oracle", "Chance"]
    for label, block in ways.items():
        assert table.rows[label] == [share(block["voice_to_face"][p][g]) for p, g in HEADLINE]
    trials = f"{GENERATOR['matching']['voice_to_face']['unseen']['ungrouped']['trials']:,} trials"
    assert f"judge sface, {trials}" in two["index.html"]
    assert "no judge, " in two["index.html"]


def test_leaderboard_warns_when_systems_have_different_people(tmp_path: Path, two: dict[str, str]) -> None:
    assert "not evaluated on the same data" not in two["index.html"]
    other = {**SCORER, "data": {**SCORER["data"], "digest": "ff" * 32}}
    assert (
        "not evaluated on the same data"
        in page.render(collect(made.write(tmp_path, {"cgan": GENERATOR, "match": other})), CONFIG)[
            "index.html"
        ]
    )


def test_a_system_that_generates_no_face_is_not_called_a_cosine(two: dict[str, str]) -> None:
    own = two["match.html"].partition("<body>")[2]
    assert "Own score" in own
    assert "cosine" not in own
    assert "published work" not in own
    assert "generates no face" in own


def test_every_section_has_its_own_id_and_every_page_is_well_formed(two: dict[str, str]) -> None:
    for text in two.values():
        reader = Reader(text)
        ids = [attributes["id"] for _, attributes in reader.elements if attributes.get("id")]
        assert len(ids) == len(set(ids))
        assert not reader.open


def test_names_of_systems_do_not_collide_as_ids() -> None:
    assert len({page.slug(name) for name in ("a b", "a_b", "a-b", "a.b", "a_20b", "\u00e4")}) == 6
    assert re.fullmatch(r"[A-Za-z0-9_-]+", page.slug('<"> \u00e4'))


def test_verdict_table_shows_what_was_compared(one: Reader) -> None:
    table = one.table("^Comparisons by one rule")
    front = [
        GENERATOR[f"matching{s}"]["voice_to_face"]["unseen"]["ungrouped"]["accuracy"]
        for s in ("", "_centred")
    ]
    assert table.rows["Better than chance?"] == [["yes", f"{100 * v:.1f} against 50.0"] for v in front]
    oracle = GENERATOR["oracle"]["gender_nationality"]["matching"]["voice_to_face"]["unseen"]["ungrouped"][
        "accuracy"
    ]
    assert [cell[1] for cell in table.rows["Better than the gender and nationality oracle?"]] == [
        f"{100 * v:.1f} against {100 * oracle:.1f}" for v in front
    ]


def test_bands_of_age_stand_in_order_whatever_the_order_of_keys(tmp_path: Path) -> None:
    """Metrics are written with sorted keys, which puts the youngest last."""
    table = whole(
        page.render(
            collect(made.write(tmp_path, json.loads(json.dumps({"cgan": GENERATOR}, sort_keys=True)))), CONFIG
        )
    ).table("^By age, ungrouped")
    assert list(table.rows) == ["Under 30", "30 to 39", "40 to 49", "60 and over"]


@pytest.mark.parametrize(
    ("value", "text"), [(-0.004, "0.00"), (0.004, "0.00"), (-0.006, "\u22120.01"), (None, "not reported")]
)
def test_numbers_have_a_minus_only_where_one_is_due(value: float | None, text: str) -> None:
    assert values.decimal(value, 2) == text
    assert values.percent(None if value is None else value / 100, 2) == text
