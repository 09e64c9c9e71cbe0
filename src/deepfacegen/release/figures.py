"""What of an evaluation a release tells: matching, seen and unseen side by side, with what it takes to read
the numbers."""

from __future__ import annotations

from typing import Any

POPULATIONS, GROUPS = ("seen", "unseen"), ("ungrouped", "gender")
DIRECTION = "voice_to_face"
KEPT = ("accuracy", "ci95_low", "ci95_high", "trials", "identities")


def matching(measured: dict[str, Any]) -> dict[str, Any]:
    """metrics/evaluate/cgan.json -> `matching` and `matching_centred` by group and population, `oracle`,
    `judge`.

    A group in which nobody has a rival is left out; `oracle` is empty where nobody's gender is listed.
    """
    found: dict[str, Any] = {"judge": measured["judge"], "direction": DIRECTION}
    for kind in ("matching", "matching_centred"):
        found[kind] = _by_group(measured[kind], KEPT)
    found["oracle"] = _by_group(measured["oracle"].get("gender", {}).get("matching", {}), ("accuracy",))
    return found


def _by_group(told: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    cells = told.get(DIRECTION, {})
    found: dict[str, Any] = {}
    for group in GROUPS:
        here = {name: cells[name][group] for name in POPULATIONS if group in cells.get(name, {})}
        if here:
            found[group] = {name: {key: cell.get(key) for key in keys} for name, cell in here.items()}
    return found
