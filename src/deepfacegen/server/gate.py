"""Which published version is the champion: a rule over one figure and its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FIGURE = "unseen people, grouped by gender, voice to face, choice of two"
PREFIX = "gate."
NUMBERS = ("accuracy", "ci95_low", "ci95_high")


@dataclass(frozen=True)
class Gate:
    """Accuracy (a fraction) with its 95 % interval, and what it was measured on and by: only equals can be
    compared."""

    accuracy: float
    ci95_low: float
    ci95_high: float
    judge: str
    data: str

    def tags(self) -> dict[str, str]:
        """As tags of a published version."""
        return {f"{PREFIX}{key}": str(value) for key, value in asdict(self).items()}

    def numbers(self) -> dict[str, float]:
        return {f"{PREFIX}{key}": float(getattr(self, key)) for key in NUMBERS}

    def __str__(self) -> str:
        return f"{self.accuracy * 100:.1f} % [{self.ci95_low * 100:.1f}, {self.ci95_high * 100:.1f}]"


@dataclass(frozen=True)
class Verdict:
    moves: bool
    why: str


def from_tags(tags: Mapping[str, str]) -> Gate | None:
    """The figure that a published version carries; None if it carries none."""
    try:
        numbers = {key: float(tags[f"{PREFIX}{key}"]) for key in NUMBERS}
        return Gate(**numbers, judge=tags[f"{PREFIX}judge"], data=tags[f"{PREFIX}data"])
    except (KeyError, ValueError):
        return None


def from_release(config: Mapping[str, Any]) -> Gate | None:
    """From a release's config.json; None where nobody's gender is listed, so that there is no grouped
    figure."""
    cell = config["figures"].get("matching", {}).get("gender", {}).get("unseen")
    if not cell or any(cell.get(key) is None for key in NUMBERS):
        return None
    numbers = {key: float(cell[key]) for key in NUMBERS}
    return Gate(
        **numbers, judge=str(config["figures"]["judge"]), data=str(config["provenance"]["manifest_sha256"])
    )


def verdict(new: Gate | None, old: Gate | None, *, champion: bool) -> Verdict:
    """Does the alias go to the new version? `champion`: there is one now, `old` its figure.

    It goes if there was none, or if the new interval lies above the old figure as a whole (new low bound >
    old accuracy), both measured on the same people by the same judge. What was measured otherwise is not
    comparable, and the alias stays.
    """
    if new is None:
        return Verdict(False, "its evaluation has no grouped figure on unseen people")
    if not champion:
        return Verdict(True, f"it is the first, with {new}")
    if old is None:
        return Verdict(False, "the champion carries no figure to compare with")
    if (new.judge, new.data) != (old.judge, old.data):
        return Verdict(False, "it was not evaluated on the champion's people by the champion's judge")
    if new.ci95_low > old.accuracy:
        return Verdict(True, f"{new} lies above {old}")
    return Verdict(False, f"{new} does not lie above {old.accuracy * 100:.1f} % as a whole")
