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
from tests.report.reading import Reader

HEADLINE = [("unseen", "ungrouped"), ("unseen", "gender"), ("seen", "ungrouped"), ("seen", "gender")]
FOUR = [("unseen", ""), ("unseen", "_centred"), ("seen", ""), ("seen", "_centred")]
WAYS = {"Voice to face": "voice_to_face", "Face to voice": "face_to_voice"}
LABELS = {
    "any impostor": "ungrouped",
    "same gender": "gender",
    "same nationality": "nationality",
    "same age group": "age",
    "same gender and nationality": "gender_nationality",
    "same gender, nationality, age": "gender_nationality_age",
}
CONFIG = from_dict({"report": {"people": 3, "draws": 2}})
DRAWN, SCORED = made.evaluated(), made.scorer()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a system that draws and of one that does not."""
    return page.render(
        collect(made.write(tmp_path_factory.mktemp("two"), {"cgan": DRAWN, "match": SCORED})), CONFIG
    )


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(page.render(collect(made.write(tmp_path_factory.mktemp("one"), {"cgan": DRAWN})), CONFIG))


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
        "Plain cosine": DRAWN["matching"],
        "Centred cosine": DRAWN["matching_centred"],
        "Perfect listener, plain": DRAWN["upper_bound"]["matching"],
        "Perfect listener, centred": DRAWN["upper_bound"]["matching_centred"],
        "Nearest voice, plain": DRAWN["baselines"]["nearest_voice"]["matching"],
        "Nearest voice, centred": DRAWN["baselines"]["nearest_voice"]["matching_centred"],
        "Gender\u2019s mean face, plain": DRAWN["baselines"]["gender_face"]["matching"],
        "Gender\u2019s mean face, centred": DRAWN["baselines"]["gender_face"]["matching_centred"],
        "Mean face, plain": DRAWN["baselines"]["mean_face"]["matching"],
        "Mean face, centred": DRAWN["baselines"]["mean_face"]["matching_centred"],
        "Gender and nationality oracle": DRAWN["oracle"]["gender_nationality"]["matching"],
        "Gender oracle": DRAWN["oracle"]["gender"]["matching"],
    }
    assert list(table.rows) == [*blocks, "Chance"]
    for label, block in blocks.items():
        assert table.rows[label] == [share(block["voice_to_face"][p][g]) for p, g in HEADLINE], label
    assert table.rows["Chance"] == [["50.0"]] * 4


def test_both_cosines_stand_as_big_figures_with_the_same_rows_beside_them(one: Reader) -> None:
    values = [one.text[k + 1] for k, text in enumerate(one.text) if text.startswith("So often")]
    front = DRAWN["matching"]["voice_to_face"]["unseen"]["ungrouped"]
    assert values == [f"{100 * front['accuracy']:.1f}"]
    table = one.table("^Beside it")
    assert table.head[0][1:] == [["plain cosine"], ["centred cosine"]]
    nearest = [
        DRAWN["baselines"]["nearest_voice"][f"matching{s}"]["voice_to_face"]["unseen"]["ungrouped"]
        for s in ("", "_centred")
    ]
    same = [DRAWN[f"matching{s}"]["voice_to_face"]["unseen"]["gender"] for s in ("", "_centred")]
    assert table.rows["Stranger of the same gender"] == [
        [f"{100 * c['accuracy']:.1f}\u00a0%".replace("\u00a0", " ")] for c in same
    ]
    assert table.rows["The nearest voice\u2019s face"] == [[f"{100 * c['accuracy']:.1f} %"] for c in nearest]
    assert table.rows["Way from chance to perfect"] == [["42 %"], ["58 %"]]


def test_impostor_groups_in_both_directions(one: Reader) -> None:
    for way, key in WAYS.items():
        table = one.table(f"^{way}, accuracy in per cent")
        assert [label.lower() for label in table.rows] == list(LABELS)
        for label, cells in table.rows.items():
            wanted = [DRAWN[f"matching{s}"][key][p][LABELS[label.lower()]] for p, s in FOUR]
            assert cells == [[*share(c), f"{c['trials']:,} trials"] for c in wanted]


def test_one_of_many_has_a_table_for_every_curve(one: Reader) -> None:
    for way, key in WAYS.items():
        for group in ("any impostor", "same gender"):
            for population in ("unseen", "seen"):
                table = one.table(f"^{way}, {population}, {group}: per cent right; 4,920 lists, 82 people")
                trees = [DRAWN[f"forced_choice{s}"][key][population][LABELS[group]] for s in ("", "_centred")]
                assert list(table.rows) == [str(n) for n in range(2, 11)]
                for n, cells in table.rows.items():
                    assert cells == [*(share(tree[f"of_{n}"]) for tree in trees), [f"{100 / int(n):.1f}"]]


def test_curves_of_one_of_many_carry_the_same_numbers(one: Reader) -> None:
    for s, name in (("", "Plain cosine"), ("_centred", "Centred cosine")):
        for key in WAYS.values():
            tree = DRAWN[f"forced_choice{s}"][key]["unseen"]["ungrouped"]
            for n in range(2, 11):
                value, between = share(tree[f"of_{n}"])
                low, high = between.split(" \u2013 ")
                assert f"{name}, 1:{n}: {value} % ({low} to {high})" in one.titles


def test_verification_and_retrieval_in_both_directions(one: Reader) -> None:
    for way, key in WAYS.items():
        table = one.table(f"^Verification, {way.lower()}")
        for rate in ("auc", "eer"):
            for s, name in (("", "plain cosine"), ("_centred", "centred cosine")):
                wanted = [share(DRAWN[f"verification{s}"][key][p][g], rate) for p, g in HEADLINE]
                assert table.rows[f"{rate.upper()}, {name}"] == wanted
        ranks = one.table(f"^Retrieval, {way.lower()}")
        for p, s in FOUR:
            found = DRAWN[f"retrieval{s}"][key][p]
            cells = ranks.rows[f"{p.capitalize()}, {'centred' if s else 'plain'} cosine"]
            recalls = [[*share(found, f"recall_at_{k}"), f"chance {100 * k / 82:.1f}"] for k in (1, 2, 5, 10)]
            assert cells == [*recalls, share(found, "map"), ["6.5"]]
    for rate in ("auc", "eer"):
        table = one.table(f"^{rate.upper()} of the other impostor groups")
        assert len(table.rows) == 4
        for label, cells in table.rows.items():
            assert cells == [
                share(DRAWN[f"verification{s}"]["voice_to_face"][p][LABELS[label.lower()]], rate)
                for p, s in FOUR
            ]


def test_judges_and_their_agreement(one: Reader) -> None:
    table = one.table("^The same trials before every judge")
    for name, tree in (
        ("SFace", DRAWN),
        ("dlib", DRAWN["judges"]["dlib"]),
        ("Its own teacher", DRAWN["judges"]["self"]),
    ):
        for s in ("", "_centred"):
            wanted = [share(tree[f"matching{s}"]["voice_to_face"][p][g]) for p, g in HEADLINE]
            assert table.rows[f"{name}, {'centred' if s else 'plain'}"] == wanted
    for name, tree in (("SFace", DRAWN), ("dlib", DRAWN["judges"]["dlib"])):
        for s in ("", "_centred"):
            wanted = [
                share(tree["baselines"]["gender_face"][f"matching{s}"]["voice_to_face"][p][g])
                for p, g in HEADLINE
            ]
            assert (
                table.rows[f"Gender\u2019s mean face before {name}, {'centred' if s else 'plain'}"] == wanted
            )
    agreement = one.table("^Agreement of the two")
    for s, name in (("", "Plain cosine"), ("_centred", "Centred cosine")):
        tree = DRAWN["judges"]["agreement"][f"matching{s}"]["voice_to_face"]
        assert agreement.rows[name] == [
            [f"{100 * tree[p][g]['same']:.1f}", f"kappa {tree[p][g]['kappa']:.2f}"] for p, g in HEADLINE
        ]


def test_gender_age_and_proportions(one: Reader) -> None:
    shown = DRAWN["attributes"]
    for p in ("unseen", "seen"):
        table, found = one.table(f"^{p.capitalize()} people: drawn faces by listed"), shown["gender"][p]
        for listed, label in (("f", "Listed as woman"), ("m", "Listed as man")):
            counts = [found[f"listed_{listed}_generated_{drawn}"] for drawn in "fm"]
            assert table.rows[label] == [
                [f"{count:,}", f"{100 * count / sum(counts):.1f} %"] for count in counts
            ]
        text = " ".join(one.text)
        assert (
            f"As listed: {100 * found['agreement']:.1f} % (87.0 \u2013 95.0), 78 people. On true photos the estimator agrees with the list in "
            in text
        )
        assert f"in {100 * found['on_real_faces']:.1f} %" in text
        ages, age = one.table("^Mean error of the age drawn"), shown["age"][p]
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
        cells = [shown["craniofacial"][p][measure] for p in ("unseen", "seen")]
        wanted = [text for c in cells for text in (plain(c, "r", 2, start=""), [rounded(c["shuffled_r"], 2)])]
        assert proportions.rows[measure.replace("_", " ").capitalize()] == wanted


def test_seconds_of_speech(one: Reader) -> None:
    table = one.table("^By seconds of speech")
    assert list(table.rows) == ["1", "3", "6", "10"]
    for seconds, cells in table.rows.items():
        found = DRAWN["duration"][seconds]
        cosines = [plain(found, f"cosine{s}", 3) for s in ("", "_centred")]
        assert cells == [
            *cosines,
            [rounded(found["cosine_others"], 3)],
            share(found),
            share(found, "accuracy_centred"),
            ["61"],
        ]


def test_quality_beside_its_yardsticks(one: Reader) -> None:
    table, found = (
        one.table(
            "^Faces drawn for unseen people; sets of 123 faces are compared, out of 984 drawn and 246 true ones"
        ),
        DRAWN["quality"],
    )
    for name, key in (
        ("Fr\u00e9chet distance", "fd_sface"),
        ("Kernel distance", "kd_sface"),
        ("Density", "density"),
    ):
        assert [cell[0] for cell in table.rows[name]] == [f"{found[key]:.3f}", f"{found[f'{key}_true']:.3f}"]
    for name, key in (("Precision", "precision"), ("Recall", "recall"), ("Coverage", "coverage")):
        assert [cell[0] for cell in table.rows[name]] == [
            f"{100 * found[key]:.1f} %",
            f"{100 * found[f'{key}_true']:.1f} %",
        ]
    for name, key in (("Looks: two draws of one voice", "z"), ("Looks: two voices", "voice")):
        assert [cell[0] for cell in table.rows[name]] == [
            f"{found[f'perceptual_{key}']:.3f}",
            f"{found['perceptual_real']:.3f}",
        ]
    assert [cell[0] for cell in table.rows["Nearest training face"]] == [
        f"{found[f'nearest_training_{k}']:.3f}" for k in ("drawn", "true")
    ]
    assert table.rows["Nearer to the training than a true face"] == [
        [f"{100 * found['nearest_training_auc']:.1f} %"],
        ["none"],
    ]
    assert table.rows["A detector finds a face"][0] == ["87.5 %"]
    for name, key in (
        ("Judge: two draws of one voice", "diversity_within_voice"),
        ("Judge: two voices, the same noise", "diversity_between_voices"),
    ):
        assert table.rows[name][0] == [f"{DRAWN['generated'][key]:.3f}"]


def test_fairness_with_gaps_beside_those_of_shuffled_groups(one: Reader) -> None:
    names = {"under_30": "Under 30", "30_to_39": "30 to 39", "40_to_49": "40 to 49", "from_60": "60 and over"}
    text = " ".join(one.text)
    for attribute in ("gender", "age", "nationality"):
        for label in ("any impostor", "same gender"):
            trees = [DRAWN[f"fairness{s}"][attribute][LABELS[label]] for s in ("", "_centred")]
            table = one.table(f"^By {attribute}, {label}: per cent right")
            assert ("3 people in groups too small" in table.caption) == (attribute == "age")
            assert len(table.rows) == len(trees[0]["groups"])
            for name in trees[0]["groups"]:
                cells = [tree["groups"][name] for tree in trees]
                wanted = [*map(share, cells), [str(cells[0]["identities"])], [f"{cells[0]['trials']:,}"]]
                assert table.rows[names.get(name, name.capitalize())] == wanted
            for tree in trees:
                gap, between = share(tree, "gap")
                lowest, highest = (names.get(tree[end], tree[end]) for end in ("lowest", "highest"))
                sentence = (
                    f"gap {gap} points ({between}), lowest {lowest}, highest {highest}; shuffled groups: {100 * tree['gap_shuffled']:.1f}, "
                    f"as large by chance in {100 * tree['gap_p']:.1f} %."
                )
                assert sentence.lower() in text.lower()


def test_audit_says_whether_chance_is_inside(one: Reader) -> None:
    table = one.table("^RankedTrials between the person")
    for key, label in (
        ("skin_tone", "Skin tone"),
        ("eye_colour", "Eye colour"),
        ("hair_colour", "Hair colour"),
    ):
        found = DRAWN["null_attributes"][key]
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


def test_published_trial_lists_tell_what_was_lost(one: Reader) -> None:
    table = one.table(
        "^veriflist_test : 28,110 of 30,496 lines scored; lost: 2,000 unknown person, 386 missing clip[.]"
    )
    assert table.head[0][1:5] == [
        ["AUC, plain cosine"],
        ["AUC, centred cosine"],
        ["EER, plain cosine"],
        ["EER, centred cosine"],
    ]
    unseen = [DRAWN[f"lists{s}"]["veriflist_test"]["unseen"] for s in ("", "_centred")]
    assert table.rows["Unseen"] == [
        *(share(cell, rate) for rate in ("auc", "eer") for cell in unseen),
        ["20,110"],
        ["71"],
    ]
    assert table.rows["Mixed"] == [*[["of one kind only"]] * 4, ["8,000"], ["93"]]
    own = [
        share(DRAWN[f"lists{s}"]["trials"]["parts"]["voice_to_face"]["gender"]["seen"])
        for s in ("", "_centred")
    ]
    assert one.table("^trials : 400 of 400 lines scored").rows == {
        "Voice to face, same gender, seen": [*own, ["400"], ["33"]]
    }
    voices = DRAWN["lists"]["veri_test"]["unseen"]
    assert one.table("^veri_test : 37 of 40").rows == {
        "Unseen": [share(voices, "auc"), share(voices, "eer"), ["37"], ["9"]]
    }


def test_nearest_faces_mark_the_persons_own(one: Reader) -> None:
    alts = [str(image["alt"]) for image in one.all("img")]
    assert [alt for alt in alts if alt.startswith("Face drawn")] == [
        f"Face drawn from the voice of id0000{k}" for k in (0, 2, 4)
    ]
    nearest = [alt for alt in alts if alt.startswith("Nearest true face")]
    own = [[False, True, False, False, False], [False] * 5, [True, False, False, False, True]]
    assert nearest == [
        f"Nearest true face {k + 1}, plain cosine: {'the person' if mine else 'somebody else'}"
        for row in own
        for k, mine in enumerate(row)
    ]
    text = " ".join(one.text)
    for rank in ("2", "1,117", "1"):
        assert f"the person\u2019s first face is number {rank} of 1,246" in text
    assert (
        sum(image.get("class") == "true" and "Nearest" in str(image["alt"]) for image in one.all("img")) == 3
    )


def test_nearest_faces_by_both_cosines_stand_together(tmp_path: Path) -> None:
    root = made.write(tmp_path, {"cgan": DRAWN})
    shutil.rmtree(root / "data/evaluate/cgan")
    made.pictures(root / "data/evaluate/cgan", centred=True)
    reader = Reader(page.render(collect(root), CONFIG))
    found = [
        str(image["alt"])
        for image in reader.all("img")
        if str(image["alt"]).startswith("Nearest true face 1")
    ]
    assert [alt.split(", ")[1].split(":")[0] for alt in found] == ["plain cosine", "centred cosine"] * 3
    assert "Centred cosine: the person\u2019s first face is number 9 of 1,246" in " ".join(reader.text)


def test_run_facts(one: Reader) -> None:
    assert one.table("^The people behind the numbers").rows == {"cgan": [["sample"], ["d1" * 32]]}
    assert one.table("^Versions$").rows == {
        "python": [["3.11.9"]],
        "torch": [["2.11.0"]],
        "numpy": [["2.4.1"]],
    }
    assert one.table("^Weights of others").rows == {"sface": [["ab" * 32]], "dlib": [["cd" * 32]]}
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
    assert one.table("^Every file is kept").rows["Rejected: several faces"] == [["0"], ["1"]]
    assert one.table("^People, split once").rows["Choosing"] == [["21"], ["9"], ["9"], ["3"]]


def test_leaderboard_has_one_row_per_system(two: str) -> None:
    table = Reader(two).table("^Accuracy in per cent, voice to face, choice of two faces, with")
    assert list(table.rows) == ["cgan", "match"]
    for name, metrics, kinds in (
        ("cgan", DRAWN, (("plain", ""), ("centred", "_centred"))),
        ("match", SCORED, (("own", ""),)),
    ):
        *cells, judge, trials = table.rows[name]
        for (p, g), cell in zip(HEADLINE, cells, strict=True):
            wanted = [[kind, *share(metrics[f"matching{s}"]["voice_to_face"][p][g])] for kind, s in kinds]
            assert cell == [text for part in wanted for text in part]
        assert judge == ["sface" if name == "cgan" else "itself"]
        assert trials == [f"{metrics['matching']['voice_to_face']['unseen']['ungrouped']['trials']:,}"]


def test_leaderboard_warns_when_systems_met_different_people(tmp_path: Path, two: str) -> None:
    assert "not evaluated on the same data" not in two
    other = {**SCORED, "data": {**SCORED["data"], "digest": "ff" * 32}}
    assert "not evaluated on the same data" in page.render(
        collect(made.write(tmp_path, {"cgan": DRAWN, "match": other})), CONFIG
    )


def test_a_system_that_draws_nothing_is_not_called_a_cosine(two: str) -> None:
    own = two[two.index('id="result-match"') : two.index('id="published"')]
    assert "Own score" in own
    assert "cosine" not in own
    assert "published work" not in own
    assert "draws nothing" in own


def test_two_systems_give_every_section_its_own_id(two: str) -> None:
    reader = Reader(two)
    ids = [attributes["id"] for _, attributes in reader.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert not reader.open


def test_names_of_systems_do_not_collide_as_ids() -> None:
    assert len({page.slug(name) for name in ("a b", "a_b", "a-b", "a.b", "a_20b", "\u00e4")}) == 6
    assert re.fullmatch(r"[A-Za-z0-9_-]+", page.slug('<"> \u00e4'))


def test_verdict_table_shows_what_was_compared(one: Reader) -> None:
    table = one.table("^What these figures settle")
    front = [
        DRAWN[f"matching{s}"]["voice_to_face"]["unseen"]["ungrouped"]["accuracy"] for s in ("", "_centred")
    ]
    assert table.rows["Better than chance?"] == [["yes", f"{100 * v:.1f} against 50.0"] for v in front]
    oracle = DRAWN["oracle"]["gender_nationality"]["matching"]["voice_to_face"]["unseen"]["ungrouped"][
        "accuracy"
    ]
    assert [cell[1] for cell in table.rows["Better than knowing gender and nationality?"]] == [
        f"{100 * v:.1f} against {100 * oracle:.1f}" for v in front
    ]


def test_bands_of_age_stand_in_order_whatever_the_order_of_keys(tmp_path: Path) -> None:
    """Metrics are written with sorted keys, which puts the youngest last."""
    table = Reader(
        page.render(
            collect(made.write(tmp_path, json.loads(json.dumps({"cgan": DRAWN}, sort_keys=True)))), CONFIG
        )
    ).table("^By age, any")
    assert list(table.rows) == ["Under 30", "30 to 39", "40 to 49", "60 and over"]


@pytest.mark.parametrize(
    ("value", "text"), [(-0.004, "0.00"), (0.004, "0.00"), (-0.006, "\u22120.01"), (None, "not reported")]
)
def test_numbers_have_a_minus_only_where_one_is_due(value: float | None, text: str) -> None:
    assert values.decimal(value, 2) == text
    assert values.percent(None if value is None else value / 100, 2) == text
