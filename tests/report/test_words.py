"""What the pages and pictures call things is so: in dark mode, when read out, and for a system that generates
no face."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from deepfacegen.evaluation import plots
from deepfacegen.report import compare, differences, overview, page
from deepfacegen.report.revisions import Run
from deepfacegen.report.sections import attributes, duration, fairness, front, matching, result
from deepfacegen.tracking import tags as run_tags
from tests.report import made
from tests.report.test_sections import GENERATOR, SCORER

BOTH = made.generator_and_scorer()
PROGRESS = "Progress from chance (0) to the upper bound (100)"
TEMPLATES = Path(page.__file__).parent / "templates"


def read_out(chart: str) -> str:
    """The accessible description of a chart."""
    found = re.search(r'aria-label="([^"]*)"', chart)
    assert found is not None
    return found[1]


def test_no_mark_is_named_by_a_colour_that_the_dark_page_changes() -> None:
    """Ink is black on the light page and white on the dark one; the accent is dark green and light green.
    Grey is grey on both."""
    colour = re.compile(
        r"\b(a|an|the|black|white|dark|light|green|teal|orange|blue|red) "
        r"(black|white|green|teal|orange|blue|red|one|dot|line|bar)s?\b"
    )
    named = re.compile(r"\b(black|white|green|teal|orange|blue|red)\b")
    for template in TEMPLATES.rglob("*.j2"):
        for found in colour.finditer(template.read_text(encoding="utf-8")):
            assert not named.search(found[0]), f"{template.name}: {found[0]}"


def test_the_chart_of_all_systems_names_each_way_to_compare_and_each_mark() -> None:
    chart = front.chart({"match": SCORER, "cgan": GENERATOR, "speech2face": BOTH})
    said = dict(part.split(": ", 1) for part in read_out(chart).split(". ", 1)[1].split("; "))
    generated = [f"cgan, {how}" for how in ("plain cosine", "centred cosine")]
    generated += [f"speech2face, {how}" for how in ("plain cosine", "centred cosine", "own features")]
    assert list(said) == [*generated, "match, own score"]  # what generates no face stands apart, below
    for label, metrics, key in (
        ("match, own score", SCORER, ""),
        ("cgan, centred cosine", GENERATOR, "_centred"),
    ):
        both = [metrics[f"matching{key}"]["voice_to_face"]["unseen"][g] for g in ("ungrouped", "gender")]
        for (_, name), cell in zip(overview.MARKS, both, strict=True):
            assert f"{name} {100 * cell['accuracy']:.1f} %" in said[label]
    assert "upper" not in chart
    assert [f'<g class="{mark}">' in chart for mark, _ in overview.MARKS] == [True, True]


def test_no_chart_of_a_system_that_generates_no_face_speaks_of_a_cosine() -> None:
    groups, many, gaps = matching.groups(SCORER), matching.one_of_many(SCORER), fairness.view(SCORER)
    assert groups is not None
    assert many is not None
    charts = [
        result.view(SCORER)["chart"],
        *(chart for d in groups["directions"] for _, chart in d["charts"]),
        *(p["chart"] for p in many["panels"]),
    ]
    charts += [panel["chart"] for panel in gaps["panels"]] if gaps else []
    assert len(charts) > 4
    for chart in charts:
        titles = " ".join(re.findall(r"<title>([^<]*)</title>", chart))
        assert "own score" in f"{read_out(chart)} {titles}".lower()
        assert not re.search(r"cosine|\bplain\b", f"{read_out(chart)} {titles}", re.IGNORECASE)


def test_a_correlation_is_not_read_out_as_a_centred_cosine() -> None:
    data = attributes.view(GENERATOR)
    assert data is not None
    for _, chart in data["proportions"]["charts"]:
        assert "correlation" in read_out(chart)
        assert "centred" not in read_out(chart)


def test_speech_length_has_no_column_nor_mark_for_what_was_not_measured() -> None:
    said = duration.view(BOTH)
    assert said is not None
    assert [kind.name for kind in said["kinds"]] == ["Plain cosine", "Centred cosine"]


@pytest.fixture
def far() -> dict[str, Any]:
    """A system that generates faces and has a higher accuracy than the upper bound, as happens among few
    people."""
    metrics = copy.deepcopy(GENERATOR)
    metrics["progress"]["matching"]["voice_to_face"]["unseen"]["ungrouped"] = 1.06
    return metrics


def baselines(metrics: dict[str, Any]) -> dict[str, list[Any]]:
    return {label: [e and e.value for e in cells] for label, cells, _ in result.view(metrics)["baselines"]}


def test_nothing_beyond_the_upper_bound_is_called_impossible(far: dict[str, Any]) -> None:
    assert baselines(GENERATOR)[PROGRESS] == [0.42, 0.58]
    rows = baselines(far)
    assert PROGRESS not in rows
    (label,) = (label for label in rows if label.startswith(PROGRESS))
    assert rows[label] == [1.06, 0.58]
    assert "more is possible" in label


def test_a_bound_of_generated_faces_is_no_bound_of_what_generates_none() -> None:
    compared = copy.deepcopy(SCORER)
    compared["upper_bound"] = {"matching": GENERATOR["upper_bound"]["matching"]}
    compared["progress"] = {
        "matching": {"voice_to_face": {"unseen": {"ungrouped": 1.06}}}
    }  # of an evaluation by an earlier version
    assert not [label for label in baselines(compared) if label.startswith(("Progress", "Upper bound"))]
    assert not [row for row in result.table(compared) if "bound" in row["label"].lower()]
    said = result.view(compared)
    assert "upper_bound" not in said["references"]
    assert "upper_bound" not in said["chart"]
    assert "upper_bound" in result.view(GENERATOR)["chart"]
    assert [row for row in result.table(GENERATOR) if row["label"] == "Upper bound, plain"]


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """File name -> legends and axes of the picture written to it."""
    seen: dict[str, list[str]] = {}

    def note(figure: Figure, path: Path, **_: Any) -> None:
        legends = [
            text.get_text()
            for axes in figure.axes
            if axes.get_legend()
            for text in axes.get_legend().get_texts()
        ]  # type: ignore[union-attr]
        seen[path.name] = legends + [axes.get_xlabel() for axes in figure.axes]

    monkeypatch.setattr(Figure, "savefig", note)
    return seen


def test_pictures_of_an_evaluation_name_what_was_compared(
    tmp_path: Path, words: dict[str, list[str]]
) -> None:
    columns = {
        "direction": "voice_to_face",
        "population": "unseen",
        "group": "ungrouped",
        "positive_score": [0.5, 0.6],
        "impostor_score": [0.1, 0.2],
    }
    plots.write(
        tmp_path,
        SCORER | {"upper_bound": {"matching": GENERATOR["upper_bound"]["matching"]}},
        pd.DataFrame(columns),
    )
    assert "own score" in words["matching.png"]
    assert "upper bound of generated faces" not in words["matching.png"]
    assert "own score" in words["forced_choice.png"]
    assert "own score, unseen people" in words["scores.png"]
    assert not [text for texts in words.values() for text in texts if "cosine" in text]
    centred = {"positive_score_centred": [0.5, 0.6], "impostor_score_centred": [0.1, 0.2]}
    plots.write(tmp_path, GENERATOR, pd.DataFrame(columns | centred))
    assert {"plain cosine", "centred cosine"} <= set(words["matching.png"]) & set(words["forced_choice.png"])
    assert "upper bound of generated faces" in words["matching.png"]
    assert {"plain cosine, unseen people", "centred cosine, unseen people"} <= set(words["scores.png"])


def test_a_runs_page_names_a_judge_only_where_one_compared() -> None:
    assert "by its own score" in run_tags.result(SCORER)
    assert "sface" not in run_tags.result(SCORER)
    assert "by sface" in run_tags.result(GENERATOR)


def test_runs_side_by_side_name_a_judge_only_where_one_compared() -> None:
    first, second = (
        Run(name, "", {}, {"match": {**SCORER, "judge": judge}})
        for name, judge in (("a", "sface"), ("b", "dlib"))
    )
    assert not [said for said in differences.warnings([first, second]) if "judge" in said]
    assert [row["judge"] for row in compare._identities([first, second])] == ["itself", "itself"]
    runs = [
        Run(name, "", {}, {"cgan": {**GENERATOR, "judge": judge}})
        for name, judge in (("a", "sface"), ("b", "dlib"))
    ]
    assert [said for said in differences.warnings(runs) if "different judges" in said]
