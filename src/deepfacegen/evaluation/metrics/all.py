"""The list of metrics. A new metric is a module of this package, with `applies` and `compute`, and a line
here."""

from __future__ import annotations

from typing import Protocol

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.metrics import (
    attributes,
    baselines,
    duration,
    fairness,
    features,
    forced_choice,
    judges,
    matching,
    null_attributes,
    oracle,
    published_lists,
    quality,
    retrieval,
    spectrum,
    upper_bound,
    verification,
)
from deepfacegen.evaluation.tree import Tree


class Metric(Protocol):
    """A module that computes some keys of the metrics of a system; its docstring names them."""

    def applies(self, context: Context) -> bool:
        """Whether the system and the data have what the metric needs."""
        ...

    def compute(self, context: Context) -> Tree:
        """The metric's keys and their values: numbers, strings, or trees of them."""
        ...


METRICS: tuple[Metric, ...] = (
    oracle,
    judges,
    baselines,
    quality,
    spectrum,
    attributes,
    duration,
    features,
    upper_bound,
    null_attributes,
    published_lists,
    matching,
    verification,
    forced_choice,
    retrieval,
    fairness,
)
