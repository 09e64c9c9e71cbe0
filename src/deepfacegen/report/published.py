"""Published matching accuracies in the form of the headline table, with source and data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One row. Accuracies are fractions: voice to face, choice of two, ungrouped or grouped by gender; None:
    not reported."""

    name: str
    seen_ungrouped: float | None
    seen_gender: float | None
    unseen_ungrouped: float | None
    unseen_gender: float | None
    source: str


ROWS = (
    Published(
        name="Wen, Singh and Raj 2019",
        seen_ungrouped=0.9683,
        seen_gender=0.9398,
        unseen_ungrouped=0.7607,
        unseen_gender=0.5969,
        source="Face reconstruction from voice using generative adversarial networks, NeurIPS 2019, arXiv "
        "1905.10604. VoxCeleb1 voices and VGGFace photos; 924 training people, 189 test people.",
    ),
    Published(
        name="Deep Face Gen, the paper",
        seen_ungrouped=0.9688,
        seen_gender=0.9391,
        unseen_ungrouped=None,
        unseen_gender=None,
        source="Deep Face Gen: Speech-Driven Face Image Synthesis. The figures agree with Wen et al. "
        "on training people; there is none for unseen people.",
    ),
)
