"""A system that generates and scores: its own features stand beside both cosines, and nowhere where only
generated faces are measured."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from deepfacegen.report import compare, page, values
from deepfacegen.report.collect import collect, summary
from deepfacegen.report.revisions import Run
from tests.report import made
from tests.report.reading import Reader
from tests.report.test_sections import CONFIG, GENERATOR, HEADLINE, SCORER, share

BOTH = made.generator_and_scorer()
CSS = Path(page.__file__).parent / "templates" / "style.css"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.write(
        tmp_path_factory.mktemp("both"), {"cgan": GENERATOR, "match": SCORER, "speech2face": BOTH}
    )


@pytest.fixture(scope="module")
def pages(root: Path) -> dict[str, str]:
    return page.render(collect(root), CONFIG)


def part(pages: dict[str, str], section: str) -> Reader:
    """One section of the system, read back."""
    text = pages["speech2face.html"]
    start = text.index(f'<section id="{section}"')
    return Reader(text[start : text.index("</section>", start) + len("</section>")])


def test_kinds_depend_on_what_a_system_does() -> None:
    found = {
        name: [kind.suffix for kind in values.kinds(metrics)]
        for name, metrics in (("d", GENERATOR), ("s", SCORER), ("b", BOTH))
    }
    assert found == {"d": ["", "_centred"], "s": [""], "b": ["", "_centred", "_own"]}
    assert [kind.name for kind in values.judged(BOTH)] == ["Plain cosine", "Centred cosine"]


def test_the_headline_table_has_a_third_row_and_no_baseline_of_it(pages: dict[str, str]) -> None:
    rows = part(pages, "result").table("^This run: accuracy").rows
    assert rows["Own features"] == [share(BOTH["matching_own"]["voice_to_face"][p][g]) for p, g in HEADLINE]
    assert [name for name in rows if "own" in name.lower().split()] == ["Own features"]
    assert "Upper bound, centred" in rows


def test_what_has_no_figure_for_own_features_says_so(pages: dict[str, str]) -> None:
    beside = part(pages, "result").table("^Baselines in per cent")
    assert beside.rows["Upper bound"][2] == ["not known"]
    assert beside.rows["Chance"][2] == ["50.0 %"]
    verdicts = part(pages, "result").table("^Comparisons by one rule")
    own = BOTH["matching_own"]["voice_to_face"]["unseen"]["ungrouped"]["accuracy"]
    assert verdicts.rows["Better than chance?"][2] == ["yes", f"{100 * own:.1f} against 50.0"]
    assert verdicts.rows["Better than the mean face?"][2] == ["not measured"]


def test_judges_are_not_said_to_have_judged_it(pages: dict[str, str]) -> None:
    assert not [
        row
        for row in part(pages, "judges").table("^The same trials by every judge").rows
        if row.endswith("own")
    ]


def test_the_leaderboard_has_it_beside_both_cosines(pages: dict[str, str]) -> None:
    rows = (
        Reader(pages["index.html"])
        .table("^Accuracy in per cent, voice to face, choice of two faces, with")
        .rows
    )
    assert rows["speech2face, own features"] == [
        share(BOTH["matching_own"]["voice_to_face"][p][g]) for p, g in HEADLINE
    ]
    assert [name for name in rows if name.startswith("speech2face")] == [
        f"speech2face, {how}" for how in ("plain cosine", "centred cosine", "own features")
    ]
    run = Reader(pages["run.html"])
    assert run.table("^Verification of pairs").rows["speech2face, own features"][0] == share(
        BOTH["verification_own"]["voice_to_face"]["unseen"]["ungrouped"], "auc"
    )
    assert run.table("^Retrieval by every").rows["speech2face, own features"][3] == share(
        BOTH["retrieval_own"]["voice_to_face"]["unseen"], "map"
    )


def test_charts_and_legend_show_it_by_one_mark_of_its_own(pages: dict[str, str]) -> None:
    section = pages["speech2face.html"]
    assert '<g class="features">' in section
    assert '<span class="key features"></span>own features' in section
    assert re.search(r"\.key\.features \{", CSS.read_text(encoding="utf-8"))
    others = pages["cgan.html"] + pages["match.html"]
    assert 'class="key features"' not in others, "what only generates or only compares has none"


def test_faces_that_its_own_features_find_are_shown(root: Path) -> None:
    folder = root / "data/evaluate/speech2face"
    with np.load(folder / "retrieved.npz") as arrays:
        before = dict(arrays)
    third = {f"{key}_own": before[key] for key in ("faces", "own")} | {"rank_own": np.array([7, 8, 9])}
    np.savez_compressed(folder / "retrieved.npz", **before, **third)
    said = " ".join(part(page.render(collect(root), CONFIG), "nearest").text)
    np.savez_compressed(folder / "retrieved.npz", **before)
    assert "by the system\u2019s own features" in said
    assert "Own features: the person\u2019s first face has rank 7 of 1,246" in said


def test_the_summary_and_the_comparison_of_runs_have_it(root: Path) -> None:
    found = summary(collect(root))["systems"]
    assert found["speech2face"]["matching_own"]["voice_to_face"]["unseen"]["gender"] == {
        **BOTH["matching_own"]["voice_to_face"]["unseen"]["gender"],
        "gender_oracle": BOTH["oracle"]["gender"]["matching"]["voice_to_face"]["unseen"]["gender"][
            "accuracy"
        ],
    }
    assert "matching_own" not in found["cgan"]
    runs = [
        Run(name, "", {}, {"speech2face": metrics}) for name, metrics in (("old", GENERATOR), ("new", BOTH))
    ]
    rows = Reader(compare.render(runs)).table("^Own features: accuracy").rows
    assert rows["old"][0] == ["no trials"]
    assert rows["new"][0] == share(BOTH["matching_own"]["voice_to_face"]["unseen"]["ungrouped"])
