"""Numbers out of metrics and into text: values with their intervals, and the names of populations, impostor
groups and comparisons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

HEADLINE = (("unseen", "ungrouped"), ("unseen", "gender"), ("seen", "ungrouped"), ("seen", "gender"))
POPULATIONS = ("unseen", "seen")
SCORES = ("matching", "matching_centred", "matching_own")
DIRECTIONS = {"voice_to_face": "Voice to face", "face_to_voice": "Face to voice"}
HEADLINE_PATHS = tuple(f"voice_to_face.{population}.{group}" for population, group in HEADLINE)
# Impostors, in the order of how much they have in common with the speaker.
GROUPS = {
    "ungrouped": "ungrouped",
    "gender": "grouped by gender",
    "nationality": "grouped by nationality",
    "age": "grouped by age",
    "gender_nationality": "grouped by gender and nationality",
    "gender_nationality_age": "grouped by gender, nationality, age",
}
JUDGES = {"sface": "SFace", "dlib": "dlib", "self": "Training recogniser"}
CHANCE = 0.5
MINUS = "\u2212"  # as wide as a plus; a hyphen is not


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval and the counts behind it; what is not known is None."""

    value: float
    low: float | None = None
    high: float | None = None
    trials: int | None = None
    identities: int | None = None


@dataclass(frozen=True)
class Kind:
    """One way to compare: the suffix of its metrics, its name, its CSS class, and a short explanation."""

    suffix: str
    name: str
    mark: str
    note: str

    @property
    def short(self) -> str:
        return self.name.split()[0].lower()


PLAIN = Kind("", "Plain cosine", "plain", "the judge\u2019s embeddings as they are, as in published work")
CENTRED = Kind(
    "_centred", "Centred cosine", "centred", "after subtracting the mean generated and mean real face"
)
OWN = Kind("", "Own score", "plain", "the system generates no face: it scores voice and face itself")
FEATURES = Kind(
    "_own", "Own features", "features", "the system\u2019s own embeddings of voice and face, without a judge"
)


def kinds(metrics: dict[str, Any]) -> tuple[Kind, ...]:
    """Both cosines for a system that generates faces, then its own features if it has them; its own score if
    it generates none."""
    return (*judged(metrics), *([FEATURES] if "matching_own" in metrics else []))


def judged(metrics: dict[str, Any]) -> tuple[Kind, ...]:
    """Those of a system's kinds that judges and baselines have, too."""
    return (PLAIN, CENTRED) if generates(metrics) else (OWN,)


def chart_names(used: Iterable[Kind]) -> dict[str, str]:
    """CSS class of each kind -> its name in a chart's description."""
    return {kind.mark: kind.name.lower() for kind in used}


def generates(metrics: dict[str, Any]) -> bool:
    """Whether the system generates faces: only then are there pictures, or cosines of them, to measure."""
    return any(key in metrics for key in ("generated", "quality", "attributes", "matching_centred"))


def cell(metrics: dict[str, Any], path: str) -> Any:
    """The value at a dotted path, or None."""
    value: Any = metrics
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def flatten(tree: dict[str, Any], start: str = "") -> dict[str, Any]:
    """Nested keys as dotted ones."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= flatten(value, f"{start}{key}.") if isinstance(value, dict) else {f"{start}{key}": value}
    return found


def estimate(found: Any, name: str = "accuracy", prefix: str | None = None) -> Estimate | None:
    """`name` of a metrics cell with `<prefix>ci95_low` and `_high`: the accuracy's are bare, others carry
    their name. None if it is missing."""
    if not isinstance(found, dict) or found.get(name) is None:
        return None
    start = (("" if name == "accuracy" else f"{name}_") if prefix is None else prefix) + "ci95_"
    counts = (found.get("trials"), found.get("identities"))
    return Estimate(found[name], found.get(f"{start}low"), found.get(f"{start}high"), *counts)


def at(metrics: dict[str, Any], key: str, path: str) -> Estimate | None:
    """The accuracy at `<key>.<path>`."""
    return estimate(cell(metrics, f"{key}.{path}"))


def estimates(
    metrics: dict[str, Any], key: str, paths: Iterable[str] = HEADLINE_PATHS, name: str = "accuracy"
) -> list[Estimate | None]:
    """`name` at `<key>.<path>` for each path; by default the four cells of the headline."""
    return [estimate(cell(metrics, f"{key}.{path}"), name) for path in paths]


def percent(value: float | None, digits: int = 1) -> str:
    return decimal(None if value is None else 100 * value, digits)


def number(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def decimal(value: float | None, digits: int = 3) -> str:
    """With a true minus sign, and none before a zero."""
    return "not reported" if value is None else f"{round(value, digits) + 0:.{digits}f}".replace("-", MINUS)


def signed(points: float, digits: int = 1) -> str:
    """A difference, always with its sign; one that rounds to nothing has none."""
    text = f"{points:+.{digits}f}"
    return text[1:] if not float(text) else text.replace("-", MINUS)


def with_interval(found: Estimate, *, as_percent: bool = True, digits: int = 2) -> str:
    """One estimate as text, for a tooltip or a chart's description."""
    value, low, high = (
        percent(v) if as_percent else decimal(v, digits) for v in (found.value, found.low, found.high)
    )
    between = f" ({low} to {high})" if found.low is not None and found.high is not None else ""
    return f"{value}{' %' if as_percent else ''}{between}"


def words(name: str) -> str:
    """A key of metrics as words."""
    return name.replace("_", " ")
