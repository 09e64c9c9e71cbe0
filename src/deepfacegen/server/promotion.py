"""Which published version is the champion: a rule over one accuracy and its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

NAME = "deepfacegen"  # of the registered model
METRIC = "unseen people, grouped by gender, voice to face, choice of two"
PREFIX = "gate."  # of the tags and metrics of a version in the registry
NUMBERS = ("accuracy", "ci95_low", "ci95_high")


@dataclass(frozen=True)
class Accuracy:
    """Accuracy (a fraction) with its 95 % interval, its judge, and the digest of the data: only results with
    the same judge and data can be compared."""

    accuracy: float
    ci95_low: float
    ci95_high: float
    judge: str
    data: str

    def tags(self) -> dict[str, str]:
        """As tags of a published version."""
        return {f"{PREFIX}{key}": str(value) for key, value in asdict(self).items()}

    def numbers(self) -> dict[str, float]:
        """As metrics of a published version."""
        return {f"{PREFIX}{key}": float(getattr(self, key)) for key in NUMBERS}

    def __str__(self) -> str:
        return f"{self.accuracy * 100:.1f} % [{self.ci95_low * 100:.1f}, {self.ci95_high * 100:.1f}]"


@dataclass(frozen=True)
class Decision:
    """Whether the alias moves to the new version, and why."""

    moves: bool
    why: str


def from_tags(tags: Mapping[str, str]) -> Accuracy | None:
    """The accuracy in the tags of a published version; None without one."""
    try:
        numbers = {key: float(tags[f"{PREFIX}{key}"]) for key in NUMBERS}
        return Accuracy(**numbers, judge=tags[f"{PREFIX}judge"], data=tags[f"{PREFIX}data"])
    except (KeyError, ValueError):
        return None


def from_release(config: Mapping[str, Any]) -> Accuracy | None:
    """From a release's config.json; None where no gender is listed, so that nothing is grouped by it."""
    cell = config["figures"].get("matching", {}).get("gender", {}).get("unseen")
    if not cell or any(cell.get(key) is None for key in NUMBERS):
        return None
    numbers = {key: float(cell[key]) for key in NUMBERS}
    judge, data = config["figures"]["judge"], config["provenance"]["manifest_sha256"]
    return Accuracy(**numbers, judge=str(judge), data=str(data))


def decide(new: Accuracy | None, old: Accuracy | None, *, champion: bool) -> Decision:
    """Does the alias move to the new version? `champion`: there is one now, with the accuracy `old`.

    It moves if there was none, or if the new low bound lies above the old accuracy, both measured on the same
    people by the same judge. Otherwise they are not comparable, and the alias stays.
    """
    if new is None:
        return Decision(False, "its evaluation has no accuracy on unseen people grouped by gender")
    if not champion:
        return Decision(True, f"it is the first, with {new}")
    if old is None:
        return Decision(False, "the champion has no accuracy to compare with")
    if (new.judge, new.data) != (old.judge, old.data):
        return Decision(False, "it was not evaluated on the champion's people by the champion's judge")
    if new.ci95_low > old.accuracy:
        return Decision(True, f"{new} lies above {old}")
    return Decision(False, f"{new} does not lie above {old.accuracy * 100:.1f} % as a whole")
