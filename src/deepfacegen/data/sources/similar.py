"""People of different corpora whose names are nearly the same: perhaps one person, whom no table joins. The
user has to look."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from deepfacegen.data.sources.names import key

SHORTEST = 6  # letters; shorter names are alike by chance


@dataclass(frozen=True)
class Pair:
    """A row of meta/similar_names.csv."""

    identity_id: str
    name: str
    other_identity_id: str
    other_name: str


def pairs(first: Iterable[tuple[str, str]], second: Iterable[tuple[str, str]]) -> list[Pair]:
    """(identity, name) of two corpora -> those of one with those of the other whose names differ by a letter
    (missing, wrong or swapped with its neighbour), by the order of their parts, or by parts between the first
    and the last."""
    known: dict[str, list[tuple[str, str]]] = {}
    for person in first:
        for trace in _traces(person[1]):
            known.setdefault(trace, []).append(person)
    found = set()
    for identity_id, name in second:
        for trace in _traces(name):
            for other_id, other in known.get(trace, []):
                if other_id != identity_id and _near(name, other):
                    found.add((other_id, other, identity_id, name))
    return [Pair(*pair) for pair in sorted(found)]


def _traces(name: str) -> set[str]:
    """What names that are nearly the same have in common: the name without any one letter, its parts in
    order, and its ends."""
    whole = key(name)
    if len(whole) < SHORTEST:
        return set()
    parts = _parts(name)
    return {
        whole,
        *(whole[:k] + whole[k + 1 :] for k in range(len(whole))),
        " ".join(sorted(parts)),
        f"{parts[0]}..{parts[-1]}",
    }


def _near(name: str, other: str) -> bool:
    parts, others = _parts(name), _parts(other)
    same_ends = (parts[0], parts[-1]) == (others[0], others[-1])
    if sorted(parts) == sorted(others) or (min(len(parts), len(others)) > 1 and same_ends):
        return True
    return _one_edit(key(name), key(other))


def _one_edit(a: str, b: str) -> bool:
    """Equal but for one letter added, left out, replaced, or two neighbours swapped."""
    start = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest, other = a[start:], b[start:]
    swapped = len(rest) > 1 and rest[1] + rest[0] + rest[2:] == other
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:] or swapped


def _parts(name: str) -> Sequence[str]:
    return [key(part) for part in re.split(r"[\W_]+", name) if part] or [key(name)]
