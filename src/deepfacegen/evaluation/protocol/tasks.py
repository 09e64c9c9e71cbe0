"""What is asked of every system, on the same trials: who meets whom, in which direction, among which
impostors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deepfacegen.evaluation.embeddings import Score
from deepfacegen.evaluation.protocol.forced_choice import CANDIDATES, Lists, draw_lists
from deepfacegen.evaluation.protocol.groups import groupings
from deepfacegen.evaluation.protocol.population import Population
from deepfacegen.evaluation.protocol.trials import LEFT_OUT, Trials, draw_trials

log = logging.getLogger(__name__)

DIRECTIONS = ("voice_to_face", "face_to_voice")
LISTED_GROUPS = ("ungrouped", "gender")  # 1:N is asked within these


@dataclass(frozen=True)
class Task:
    """One trial list 1:2: which people, which direction, which impostors. `groups` [I]: the group of each
    person."""

    population: Population
    direction: str
    group: str
    groups: np.ndarray
    trials: Trials

    @property
    def path(self) -> tuple[str, str, str]:
        return self.direction, self.population.name, self.group

    def scores(self, score: Score) -> tuple[np.ndarray, np.ndarray]:
        """Scores [T] of the right and of the wrong candidate."""
        probe, right, wrong = self.trials.probe, self.trials.positive, self.trials.impostor
        if self.direction == "voice_to_face":
            return score(probe, right), score(probe, wrong)
        return score(right, probe), score(wrong, probe)


@dataclass(frozen=True)
class RankedTrials:
    """One list of choices 1:N."""

    population: Population
    direction: str
    group: str
    lists: Lists

    @property
    def path(self) -> tuple[str, str, str]:
        return self.direction, self.population.name, self.group

    def scores(self, score: Score) -> np.ndarray:
        """Scores [T, C] of the candidates, the own one first."""
        probe, candidate = np.repeat(self.lists.probe, CANDIDATES), self.lists.candidate.reshape(-1)
        found = score(probe, candidate) if self.direction == "voice_to_face" else score(candidate, probe)
        return found.reshape(self.lists.candidate.shape)


@dataclass(frozen=True)
class EvaluationProtocol:
    """Everything that is asked, and with how many resamples of people an answer gets its interval."""

    both: tuple[Population, Population]
    tasks: list[Task]
    choices: list[RankedTrials]
    resamples: int
    seed: int


def build_protocol(
    both: tuple[Population, Population], per_probe: int, resamples: int, seed: int
) -> EvaluationProtocol:
    """`per_probe` trials for every probe of every population, direction and group. A group in which nobody
    has a rival is left out."""
    tasks, choices = [], []
    for population in both:
        groups_by_name = groupings(population.identities)
        for d, (direction, probes, gallery) in enumerate(sides(population)):
            for g, (group, groups) in enumerate(groups_by_name.items()):
                trials = draw_trials(
                    probes,
                    gallery,
                    groups,
                    per_probe,
                    np.random.default_rng([seed, 4, int(population.name == "seen"), d, g]),
                )
                if len(trials):
                    tasks.append(Task(population, direction, group, groups, trials))
                elif (groups != LEFT_OUT).any():
                    log.warning("%s, %s: no trials, for no two people share a group", population.name, group)
                if group in LISTED_GROUPS:
                    lists = draw_lists(
                        probes,
                        gallery,
                        groups,
                        per_probe,
                        np.random.default_rng([seed, 8, int(population.name == "seen"), d, g]),
                    )
                    choices += [RankedTrials(population, direction, group, lists)] if len(lists) else []
    return EvaluationProtocol(both, tasks, choices, resamples, seed)


def sides(population: Population) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Per direction: whose each probe and each entry of the gallery is."""
    clips, faces = (table["person"].to_numpy() for table in (population.clips, population.faces))
    yield DIRECTIONS[0], clips, faces
    yield DIRECTIONS[1], faces, clips
