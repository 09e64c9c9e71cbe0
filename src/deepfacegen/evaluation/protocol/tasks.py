"""The evaluation protocol: the trials that every system is evaluated on, by population, direction and
impostor group."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepfacegen.evaluation.protocol.groups import groupings
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.protocol.trials import (
    CANDIDATES,
    LEFT_OUT,
    Lists,
    Trials,
    sample_lists,
    sample_trials,
)
from deepfacegen.evaluation.scores import Score, Scores

log = logging.getLogger(__name__)

DIRECTIONS = ("voice_to_face", "face_to_voice")
RANKED_GROUPS = ("ungrouped", "gender")  # ranked trials take impostors from these alone


@dataclass(frozen=True)
class _Trials:
    """Which people, which direction, which impostors."""

    population: Population
    direction: str
    group: str

    @property
    def path(self) -> tuple[str, str, str]:
        return self.direction, self.population.name, self.group

    def _scored(self, scores: Scores, probe: np.ndarray, candidate: np.ndarray) -> np.ndarray:
        """Row numbers [T] of probes and of candidates -> scores [T]."""
        score: Score = scores[self.population.name]
        return score(probe, candidate) if self.direction == DIRECTIONS[0] else score(candidate, probe)


@dataclass(frozen=True)
class Task(_Trials):
    """Trials with two candidates. `groups` [I]: the impostor group of each person."""

    groups: np.ndarray
    trials: Trials

    def scores(self, scores: Scores) -> tuple[np.ndarray, np.ndarray]:
        """Scores [T] of the right and of the wrong candidate."""
        trials = self.trials
        right, wrong = (self._scored(scores, trials.probe, of) for of in (trials.positive, trials.impostor))
        return right, wrong


@dataclass(frozen=True)
class RankedTrials(_Trials):
    """Trials with CANDIDATES candidates."""

    lists: Lists

    def scores(self, scores: Scores) -> np.ndarray:
        """Scores [T, C] of the candidates, the own one first."""
        probe, candidate = np.repeat(self.lists.probe, CANDIDATES), self.lists.candidate.reshape(-1)
        return self._scored(scores, probe, candidate).reshape(self.lists.candidate.shape)


@dataclass(frozen=True)
class EvaluationProtocol:
    """The populations (seen, unseen), all trials, and how many resamples of people give each interval."""

    populations: tuple[Population, Population]
    tasks: list[Task]
    ranked_trials: list[RankedTrials]
    resamples: int
    seed: int


def build_protocol(
    both: tuple[Population, Population], per_probe: int, resamples: int, seed: int
) -> EvaluationProtocol:
    """`per_probe` trials for every probe of every population, direction and group. A group without any two
    people is left out."""
    tasks, ranked = [], []
    without_trials: dict[str, dict[str, None]] = {}
    for population in both:
        groups_by_name = groupings(population.identities)
        for d, (direction, probes, gallery) in enumerate(sides(population)):
            for g, (group, groups) in enumerate(groups_by_name.items()):
                place = (int(population.name == "seen"), d, g)
                rng = np.random.default_rng([seed, 4, *place])
                trials = sample_trials(probes, gallery, groups, per_probe, rng)
                if len(trials):
                    tasks.append(Task(population, direction, group, groups, trials))
                elif (groups != LEFT_OUT).any():
                    without_trials.setdefault(population.name, {})[group] = None
                if group in RANKED_GROUPS:
                    lists = sample_lists(
                        probes, gallery, groups, per_probe, np.random.default_rng([seed, 8, *place])
                    )
                    ranked += [RankedTrials(population, direction, group, lists)] if len(lists) else []
    if without_trials:
        named = "; ".join(f"{name}: {', '.join(groups)}" for name, groups in without_trials.items())
        log.warning("no trials of these groups, for no two people share one (%s)", named)
    return EvaluationProtocol(both, tasks, ranked, resamples, seed)


def sides(population: Population) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """By direction: the person of each probe and of each entry of the gallery."""
    clips, faces = (table["person"].to_numpy() for table in (population.clips, population.faces))
    yield DIRECTIONS[0], clips, faces
    yield DIRECTIONS[1], faces, clips
