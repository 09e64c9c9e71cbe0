"""Metrics of a known score on a whole protocol, against scikit-learn and counting one by one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, cohen_kappa_score, roc_auc_score

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.metrics import all as metrics
from deepfacegen.evaluation.metrics.forced_choice import forced_choice
from deepfacegen.evaluation.metrics.judges import agreement
from deepfacegen.evaluation.metrics.matching import matching
from deepfacegen.evaluation.metrics.oracle import oracle
from deepfacegen.evaluation.metrics.retrieval import retrieval
from deepfacegen.evaluation.metrics.verification import verification
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.protocol.tasks import build_protocol
from deepfacegen.evaluation.scores import Matrix
from deepfacegen.evaluation.tree import get

PEOPLE, CLIPS, FACES = 24, 2, 3


def population(name: str, seed: int) -> Population:
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "identity_id": [f"{name}{i}" for i in range(PEOPLE)],
            "gender": rng.choice(["f", "m"], PEOPLE),
            "nationality": rng.choice(["Chile", "Japan"], PEOPLE),
            "age_years": rng.choice([25.0, 45.0, np.nan], PEOPLE),
        }
    )
    clips, faces = (pd.DataFrame({"person": np.repeat(np.arange(PEOPLE), n)}) for n in (CLIPS, FACES))
    return Population(name, people, clips, faces)


BOTH = (population("seen", 1), population("unseen", 2))
PROTOCOL = build_protocol(BOTH, per_probe=6, resamples=100, seed=3)


def scores(seed: int, skill: float) -> dict[str, Matrix]:
    owner = np.repeat(np.arange(PEOPLE), CLIPS)[:, None] == np.repeat(np.arange(PEOPLE), FACES)[None, :]
    return {
        p.name: Matrix(np.random.default_rng([seed, k]).normal(size=owner.shape) + skill * owner)
        for k, p in enumerate(BOTH)
    }


def test_every_group_has_trials_in_both_directions_of_both_populations() -> None:
    groups = {"ungrouped", "gender", "nationality", "age", "gender_nationality", "gender_nationality_age"}
    tree = matching(PROTOCOL, scores(0, 1.0))
    assert {d: set(tree[d]) for d in tree} == {
        d: {"seen", "unseen"} for d in ("voice_to_face", "face_to_voice")
    }
    assert set(tree["voice_to_face"]["unseen"]) == groups
    assert tree["voice_to_face"]["unseen"]["ungrouped"]["trials"] == PEOPLE * CLIPS * 6
    unlisted = BOTH[1].identities["age_years"].isna().sum()
    assert tree["voice_to_face"]["unseen"]["age"]["identities"] == PEOPLE - unlisted


def test_impostors_share_every_label_of_the_group() -> None:
    for task in PROTOCOL.tasks:
        people = task.population.identities
        for label in ("gender", "nationality"):
            if label in task.group:
                values = people[label].to_numpy()
                assert (values[task.trials.anchor_identity] == values[task.trials.impostor_identity]).all()


def test_verification_is_that_of_scikit_learn() -> None:
    of = scores(1, 1.0)
    tree = verification(PROTOCOL, of)
    task = next(t for t in PROTOCOL.tasks if t.path == ("face_to_voice", "unseen", "gender"))
    right, wrong = task.scores(of)
    expected = roc_auc_score(np.repeat([1, 0], len(right)), np.concatenate([right, wrong]))
    assert tree["face_to_voice"]["unseen"]["gender"]["auc"] == pytest.approx(expected)


def test_choices_among_n_by_counting() -> None:
    of = scores(2, 1.0)
    tree = forced_choice(PROTOCOL, of)["face_to_voice"]["seen"]["ungrouped"]
    choice = next(c for c in PROTOCOL.ranked_trials if c.path == ("face_to_voice", "seen", "ungrouped"))
    matrix = of["seen"].scores
    found = [
        int(np.argmax([matrix[clip, face] for clip in row[:4]])) == 0
        for face, row in zip(choice.lists.probe, choice.lists.candidate, strict=True)
    ]
    assert tree["of_4"]["accuracy"] == pytest.approx(np.mean(found))
    assert tree["lists"] == len(found)


def test_rankings_by_scikit_learn() -> None:
    of = scores(3, 1.0)
    tree = retrieval(PROTOCOL, of)["voice_to_face"]["unseen"]
    gallery = np.repeat(np.arange(PEOPLE), FACES)
    expected = [
        average_precision_score(gallery == i // CLIPS, row) for i, row in enumerate(of["unseen"].scores)
    ]
    assert tree["map"] == pytest.approx(np.mean(expected))


def test_the_oracle_is_the_same_in_closed_form_and_on_the_trials() -> None:
    tree = oracle(build_protocol(BOTH, 400, 100, 5).tasks, "gender_nationality")
    for by_population in tree.values():
        for by_group in by_population.values():
            for group, cell in by_group.items():
                assert cell["on_trials"] == pytest.approx(cell["accuracy"], abs=0.01), group
    assert tree["voice_to_face"]["unseen"]["gender_nationality"]["accuracy"] == 0.5
    assert tree["voice_to_face"]["unseen"]["gender"]["accuracy"] > 0.6, (
        "nationality helps among impostors of one gender"
    )


def test_an_oracle_of_what_is_not_listed_is_empty() -> None:
    unlisted = tuple(
        Population(p.name, p.identities.assign(nationality=None), p.clips, p.faces) for p in BOTH
    )
    assert oracle(build_protocol(unlisted, 5, 100, 5).tasks, "gender_nationality") == {}


def test_groups_without_trials_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """Everybody's age is known, and nobody's twice."""
    apart = tuple(
        Population(p.name, p.identities.iloc[:5].assign(age_years=[25.0, 35, 45, 55, 65]), *tables)
        for p in BOTH
        for tables in [(table[table["person"] < 5] for table in (p.clips, p.faces))]
    )
    build_protocol(apart, 5, 10, 0)
    assert [record.getMessage() for record in caplog.records] == [
        "no trials of these groups, for no two people share one "
        "(seen: age, gender_nationality_age; unseen: age, gender_nationality_age)"
    ]


def test_agreement_is_cohens_kappa() -> None:
    one, other = scores(6, 1.0), scores(7, 0.5)
    tree = agreement(PROTOCOL, one, other)
    task = PROTOCOL.tasks[0]
    chosen = [np.greater(*task.scores(s)) for s in (one, other)]
    cell = get(tree, task.path)
    assert cell["kappa"] == pytest.approx(cohen_kappa_score(*chosen))
    assert cell["same"] == pytest.approx(np.mean(chosen[0] == chosen[1]))
    assert get(agreement(PROTOCOL, one, one), task.path)["kappa"] == pytest.approx(1.0)


def test_every_score_has_its_metrics_under_its_suffix() -> None:
    small = replace(PROTOCOL, tasks=PROTOCOL.tasks[:1], ranked_trials=PROTOCOL.ranked_trials[:1])
    ways = {"": scores(8, 1.0), "_centred": scores(8, 2.0)}
    context: Any = SimpleNamespace(protocol=small, scores=ways, generates=False)
    context.by_score = partial(Context.by_score, context)
    for metric in (metrics.matching, metrics.verification, metrics.forced_choice, metrics.retrieval):
        name = metric.__name__.rpartition(".")[2]
        assert set(metric.compute(context)) == {name, f"{name}_centred"}
