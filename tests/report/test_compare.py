"""Comparison of runs: read out of a real Git and DVC repository, and read back out of the page."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfacegen.errors import UserError
from deepfacegen.report import compare, differences, revisions
from deepfacegen.report.revisions import Run
from deepfacegen.report.values import Estimate, signed
from tests.report import history, made
from tests.report.reading import Reader

HEADLINE = [("unseen", "ungrouped"), ("unseen", "gender"), ("seen", "ungrouped"), ("seen", "gender")]
A, B, C = (
    Run(name, f"{k}234567", {"train": {"lr": lr}, "evaluate": {"seed": 13}}, {"cgan": history.RUNS[name]})
    for k, (name, lr) in enumerate((("first", 0.001), ("second", 0.002), ("tuned", 0.0001)))
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return history.repository(tmp_path_factory.mktemp("history") / "repository")


def files(folder: Path) -> dict[str, str]:
    """Digest of every file of the workspace and of Git, by path; DVC's own caches left out."""
    found = (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "tmp" not in path.relative_to(folder).parts
    )
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_revisions_are_read_as_they_were_committed(repository: Path) -> None:
    head = history.sh(repository, "git", "rev-parse", "HEAD").strip()
    runs = revisions.read(["first", head[:10], "main", "tuned", "workspace"], repository)
    assert [run.name for run in runs] == ["first", head[:10], "main", "tuned", "workspace"]
    assert [run.systems for run in runs[:4]] == [
        {"cgan": history.RUNS[name]} for name in ("first", "second", "second", "tuned")
    ]
    assert [run.params["train"]["lr"] for run in runs] == [0.001, 0.002, 0.002, 0.0001, 0.001]
    assert runs[1].commit == runs[2].commit == head[:7]
    assert runs[4].commit == ""
    assert runs[4].systems["cgan"]["judge"] == "dlib"


def test_reading_changes_nothing(repository: Path) -> None:
    before, status = files(repository), history.sh(repository, "git", "status", "--porcelain")
    revisions.read(["first", "tuned", "workspace"], repository)
    assert files(repository) == before
    assert history.sh(repository, "git", "status", "--porcelain") == status


def test_revisions_are_read_from_a_folder_inside_as_well(repository: Path) -> None:
    (run,) = revisions.read(["first"], repository / "metrics")
    assert run.systems == {"cgan": history.RUNS["first"]}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["first", "nowhere"], "^nowhere: no such experiment, branch, tag or commit"),
        (["first", "second", "first"], "^first: named twice"),
        (["empty", "first"], "^empty: no evaluation metrics in metrics/evaluate"),
    ],
)
def test_bad_revisions_are_named(repository: Path, names: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        revisions.read(names, repository)


def test_without_dvc_or_git_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="DVC repository"):
        revisions.read(["first", "second"], tmp_path)
    history.sh(tmp_path, "dvc", "init", "--quiet", "--no-scm")
    with pytest.raises(UserError, match="no Git here"):
        revisions.read(["first", "second"], tmp_path)


def test_damaged_metrics_are_said_in_one_line(tmp_path: Path) -> None:
    folder = history.repository(tmp_path / "damaged")
    (folder / "metrics/evaluate/cgan.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"cgan\.json"):
        revisions.read(["workspace"], folder)


def points(one: dict[str, Any], other: dict[str, Any], name: str = "accuracy") -> list[str]:
    """What a cell must say of the second of two cells: value, interval, difference, and whether the intervals
    share a value."""
    start = "" if name == "accuracy" else f"{name}_"
    low, high = f"{start}ci95_low", f"{start}ci95_high"
    shared = max(one[low], other[low]) <= min(one[high], other[high])
    difference = f"{100 * (other[name] - one[name]):+.1f}".replace("-", "\u2212")
    return [
        f"{100 * other[name]:.1f}",
        f"{100 * other[low]:.1f} \u2013 {100 * other[high]:.1f}",
        difference[1:] if difference[1:] == "0.0" else difference,
        "intervals overlap" if shared else "intervals apart",
    ]


def test_page_has_values_differences_and_overlaps() -> None:
    reader = Reader(compare.render([A, B, C]))
    assert not reader.open
    seen = set()
    for key, caption, name in (
        ("matching", "^Plain cosine: accuracy", "accuracy"),
        ("matching_centred", "^Centred cosine: accuracy", "accuracy"),
        ("judges.dlib.matching", "^dlib, plain cosine", "accuracy"),
        ("judges.self.matching_centred", "^Training recogniser, centred", "accuracy"),
        ("verification", "^EER, plain cosine", "eer"),
        ("verification_centred", "^AUC, centred cosine", "auc"),
    ):
        trees = [history.RUNS[run] for run in ("first", "second", "tuned")]
        for part in key.split("."):
            trees = [tree[part] for tree in trees]
        table = reader.table(caption)
        assert list(table.rows) == ["first", "second", "tuned"]
        for k, (p, g) in enumerate(HEADLINE):
            first, second, tuned = (tree["voice_to_face"][p][g] for tree in trees)
            assert table.cell("first", k) == points(first, first, name)[:2]
            assert table.cell("second", k) == points(first, second, name)
            assert table.cell("tuned", k) == points(first, tuned, name)
            seen |= {table.cell("second", k)[3], table.cell("tuned", k)[3]}
    assert seen == {"intervals overlap", "intervals apart"}


def test_page_overlays_the_curves_of_one_of_many() -> None:
    reader = Reader(compare.render([A, B]))
    table = reader.table("^Face to voice, unseen, grouped by gender, centred cosine: accuracy in per cent")
    for n in range(2, 11):
        cells = [
            run.systems["cgan"]["forced_choice_centred"]["face_to_voice"]["unseen"]["gender"][f"of_{n}"]
            for run in (A, B)
        ]
        assert table.rows[str(n)] == [points(c, c)[:2] for c in cells]
    # Charts of unseen people, voice to face, by both cosines; the others have their tables.
    assert sum(str(svg["aria-label"]).count("first: from") for svg in reader.all("svg")) == 4


def test_page_lists_parameters_that_differ_and_no_others(repository: Path) -> None:
    reader = Reader(compare.render(revisions.read(["first", "tuned"], repository)))
    assert reader.table("^Every parameter").rows == {
        "train.lr": [["0.001"], ["0.0001"]],
        "train.extra": [["absent"], ["none"]],
    }
    assert not any("have the same parameters" in text for text in reader.text)
    assert any(
        "have the same parameters" in text
        for text in Reader(compare.render([A, changed(A, "twin", judge="dlib")])).text
    )


def test_runs_without_a_difference_get_one_line_and_a_short_page() -> None:
    twin = changed(A, "twin")
    line = "No difference: first and twin have the same metrics and the same parameters."
    assert differences.none([A, twin]) == line
    text = compare.render([A, twin])
    reader = Reader(text)
    assert reader.text.count(line) == 1
    assert len(reader.tables) == 1
    assert not reader.all("svg")
    assert differences.none([A, twin, B]) == ""
    assert differences.none([A, Run("other", "", {**A.params, "train": {}}, A.systems)]) == ""


def test_only_what_differs_is_on_the_page() -> None:
    """A system, a table and a panel that are the same in all runs are left out, and named."""
    match = made.scorer()
    one, other = (
        Run(name, "", A.params, {"cgan": {**A.systems["cgan"], "matching": tree}, "match": match})
        for name, tree in (("one", A.systems["cgan"]["matching"]), ("other", B.systems["cgan"]["matching"]))
    )
    reader = Reader(compare.render([one, other]))
    assert "No difference: match." in reader.text
    assert [t.caption.split(":")[0] for t in reader.tables if "difference to the first" in t.caption] == [
        "Plain cosine"
    ]
    assert not [table for table in reader.tables if "candidates" in table.caption or "1:" in table.caption]


def test_refined_faces_that_differ_are_listed() -> None:
    runs = [Run(name, "", {}, {"cyclegan": made.refined(seed)}) for name, seed in (("a", 5), ("b", 6))]
    table = Reader(compare.render(runs)).table("^Figures of refined faces")
    assert table.rows["ssim.bicubic"] == [
        [f"{run.systems['cyclegan']['refinement']['ssim']['bicubic']:g}"] for run in runs
    ]
    assert "faces" not in table.rows


def test_metrics_that_git_does_not_have_are_read_from_the_cache(tmp_path: Path) -> None:
    folder = history.cached(tmp_path / "cached")
    (folder / "metrics/evaluate/cgan.json").unlink()
    (run,) = revisions.read(["first"], folder)
    assert run.systems == {"cgan": history.RUNS["first"]}
    shutil.rmtree(folder / ".dvc/cache")
    with pytest.raises(UserError, match=r"metrics/evaluate/cgan\.json of .* is not in DVC's cache"):
        revisions.read(["first"], folder)


def test_page_fetches_nothing_and_is_accessible() -> None:
    html = compare.render([A, B, C])
    reader = Reader(html)
    links = [str(link["href"]) for link in reader.all("a")]
    assert all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} >= {str(section["id"]) for section in reader.all("section")}
    assert not reader.all("script")
    assert "url(" not in html
    assert all(heading.get("scope") in {"row", "col", "colgroup"} for heading in reader.all("th"))
    assert len(reader.all("caption")) == len(reader.all("table"))
    ids = [attributes["id"] for _, attributes in reader.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert html == compare.render([A, B, C])


def test_names_of_runs_are_escaped() -> None:
    html = compare.render([A, Run("<script>", "", A.params, A.systems)])
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def changed(run: Run, name: str, **changes: Any) -> Run:
    return Run(name, "", run.params, {"cgan": {**run.systems["cgan"], **changes}})


def test_other_people_another_judge_and_other_trials_are_warned_of() -> None:
    data = {**A.systems["cgan"]["data"], "digest": "ff" * 32}
    found = differences.warnings([A, changed(B, "elsewhere", data=data), changed(B, "dlib", judge="dlib")])
    assert sum("first and elsewhere were evaluated on different data" in line for line in found) == 1
    assert sum("different data" in line for line in found) == 2
    assert sum("different judges (sface and dlib)" in line for line in found) == 2
    other = Run("other", "", {**A.params, "evaluate": {"seed": 14}}, B.systems)
    assert [line for line in differences.warnings([A, other]) if "different parameters" in line]
    assert differences.warnings([A, B]) == []
    assert differences.warnings([A, changed(A, "twin")]) == []
    for line in found:
        assert line.replace("\u2019", "") in compare.render(
            [A, changed(B, "elsewhere", data=data), changed(B, "dlib", judge="dlib")]
        ).replace("\u2019", "")


def test_summary_counts_overlaps() -> None:
    (sentence,) = differences.overlaps([A, C])
    below = 0
    for key in ("matching", "matching_centred"):
        for p, g in HEADLINE:
            one, other = (run.systems["cgan"][key]["voice_to_face"][p][g] for run in (A, C))
            below += other["ci95_high"] < one["ci95_low"]
    assert below > 0
    assert f"of 8 headline intervals, 0 lie above, {below} below, and {8 - below} overlap" in sentence


def test_systems_that_only_one_run_has_stand_alone() -> None:
    both = Run("both", "", A.params, {**A.systems, "match": made.scorer()})
    reader = Reader(compare.render([A, both]))
    assert not reader.open
    assert ["no trials"] in reader.table("^Own score: accuracy").rows["first"]
    assert differences.overlaps(
        [Run("a", "", {}, {"x": A.systems["cgan"]}), Run("b", "", {}, {"y": A.systems["cgan"]})]
    ) == ["b and a have no headline figure in common."]


@pytest.mark.parametrize("count", [1, compare.MOST_RUNS + 1])
def test_as_many_runs_as_have_a_colour(count: int) -> None:
    with pytest.raises(UserError, match=f"2 to {compare.MOST_RUNS} revisions, not {count}"):
        compare.render([A] * count)


ENDS = st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)).map(sorted)


@given(ENDS, ENDS)
def test_overlap_is_symmetric_and_means_a_shared_value(a: list[float], b: list[float]) -> None:
    one, other = (Estimate(v[1], v[0], v[2]) for v in (a, b))
    assert differences.overlap(one, other) == differences.overlap(other, one)
    assert (differences.overlap(one, other) == "intervals overlap") == (max(a[0], b[0]) <= min(a[2], b[2]))
    assert differences.overlap(one, None) == differences.overlap(Estimate(0.5), one) == ""


@pytest.mark.parametrize(
    ("points", "text"), [(1.26, "+1.3"), (-1.26, "\u22121.3"), (0.04, "0.0"), (-0.04, "0.0"), (0.0, "0.0")]
)
def test_differences_carry_their_sign(points: float, text: str) -> None:
    assert signed(points) == text
