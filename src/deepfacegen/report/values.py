"""Numbers out of metrics and into text: values with their intervals, and the words for populations, impostors
and cosines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HEADLINE = (("unseen", "ungrouped"), ("unseen", "gender"), ("seen", "ungrouped"), ("seen", "gender"))
POPULATIONS = ("unseen", "seen")
SCORES = ("matching", "matching_centred", "matching_own")
DIRECTIONS = {"voice_to_face": "Voice to face", "face_to_voice": "Face to voice"}
# Impostors, in the order of how much of the speaker they share.
GROUPS = {
    "ungrouped": "any impostor",
    "gender": "same gender",
    "nationality": "same nationality",
    "age": "same age group",
    "gender_nationality": "same gender and nationality",
    "gender_nationality_age": "same gender, nationality, age",
}
JUDGES = {"sface": "SFace", "dlib": "dlib", "self": "Its own teacher"}
CHANCE = 0.5
MINUS = "\u2212"  # as wide as a plus; a hyphen is not


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval and how much it rests on; what is not known is None."""

    value: float
    low: float | None = None
    high: float | None = None
    trials: int | None = None
    identities: int | None = None


@dataclass(frozen=True)
class Kind:
    """One way to compare: the suffix of its metrics, its name, and what it does in a few words."""

    suffix: str
    name: str
    mark: str
    note: str


PLAIN = Kind("", "Plain cosine", "plain", "the judge\u2019s vectors as they are, as published work does it")
CENTRED = Kind(
    "_centred", "Centred cosine", "centred", "what all drawn and all true faces share is taken off first"
)
OWN = Kind("", "Own score", "plain", "the system draws nothing: it compares voice and face itself")
FEATURES = Kind(
    "_own",
    "Own features",
    "features",
    "beside what it draws, the system compares what it hears with what it sees in photos; no judge is asked",
)


def kinds(metrics: dict[str, Any]) -> tuple[Kind, ...]:
    """Both cosines, always together, for a system that draws, then its own features if it compares as well;
    its own score if it draws nothing."""
    return (*judged(metrics), *([FEATURES] if "matching_own" in metrics else []))


def spoken(used: tuple[Kind, ...]) -> dict[str, str]:
    """Mark of each kind -> its name, for charts that are read out: the mark of the plain cosine is also that
    of an own score."""
    return {kind.mark: kind.name.lower() for kind in used}


def judged(metrics: dict[str, Any]) -> tuple[Kind, ...]:
    """Those of a system's kinds that judges and baselines have, too."""
    return (PLAIN, CENTRED) if draws(metrics) else (OWN,)


def draws(metrics: dict[str, Any]) -> bool:
    """Whether the system draws faces: only then are there pictures, or cosines of them, to measure."""
    return (
        any(key in metrics for key in ("generated", "quality", "attributes")) or "matching_centred" in metrics
    )


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
    return Estimate(
        found[name],
        found.get(f"{start}low"),
        found.get(f"{start}high"),
        found.get("trials"),
        found.get("identities"),
    )


def at(metrics: dict[str, Any], key: str, path: str) -> Estimate | None:
    """The accuracy at `<key>.<path>`."""
    return estimate(cell(metrics, f"{key}.{path}"))


def percent(value: float | None, digits: int = 1) -> str:
    return (
        "not reported"
        if value is None
        else f"{round(100 * value, digits) + 0:.{digits}f}".replace("-", MINUS)
    )


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


def said(found: Estimate, *, as_percent: bool = True, digits: int = 2) -> str:
    """One estimate as a line of text, for those who point at a mark or listen to a chart."""
    value, low, high = (
        percent(v) if as_percent else decimal(v, digits) for v in (found.value, found.low, found.high)
    )
    between = f" ({low} to {high})" if found.low is not None and found.high is not None else ""
    return f"{value}{' %' if as_percent else ''}{between}"


def words(name: str) -> str:
    """A key of metrics as words."""
    return name.replace("_", " ")
