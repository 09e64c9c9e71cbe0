"""Training curves: means over a few steps, kept as rows, written as CSV for DVC and mirrored to the
tracker."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from deepfacegen import distributed


class Sink(Protocol):
    """Whatever takes a curve's points; the tracker does."""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None: ...


class Statistics:
    """Collects named scalars without waiting for the device; one row per `every` steps."""

    def __init__(self, every: int, sink: Sink | None = None) -> None:
        self.every, self.sink = every, sink
        self.rows: list[dict[str, float]] = []
        self._pending: dict[str, list[Tensor]] = {}

    def add(self, step: int, values: Mapping[str, Tensor]) -> dict[str, float] | None:
        """Take the scalars of step `step` (0-based); returns the new row when one is complete."""
        for name, value in values.items():
            self._pending.setdefault(name, []).append(value.detach())
        if (step + 1) % self.every:
            return None
        means = {name: float(distributed.mean(_stacked(v).mean())) for name, v in self._pending.items()}
        self._pending.clear()
        row = {"step": float(step + 1), **means}
        self.rows.append(row)
        if self.sink is not None:
            self.sink.metrics(means, step=step + 1)
        return row

    def state_dict(self) -> dict[str, Any]:
        """The rows, and the scalars of the row that is not complete yet, of all ranks."""
        pending = {name: distributed.gather(_stacked(v)).cpu() for name, v in self._pending.items()}
        return {"rows": list(self.rows), "pending": pending}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = state["rows"]
        self._pending = {name: list(distributed.part(v)) for name, v in state["pending"].items()}

    def last(self, name: str, rows: int = 5) -> float:
        """Mean of a scalar over the last rows; nan if it was never reported."""
        values = [row[name] for row in self.rows[-rows:] if name in row]
        return sum(values) / len(values) if values else float("nan")

    def latest(self) -> dict[str, float]:
        """`last` of every scalar of the last row."""
        return (
            {name: self.last(name) for name in sorted(self.rows[-1]) if name != "step"} if self.rows else {}
        )

    def write_csv(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        names = list(dict.fromkeys(["step", *(name for row in self.rows for name in row)]))
        with path.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, names, lineterminator="\n", restval="")
            writer.writeheader()
            writer.writerows(
                {k: int(v) if k == "step" else round(v, 6) for k, v in row.items()} for row in self.rows
            )


def _stacked(values: list[Tensor]) -> Tensor:
    """float32 [N], where the newest of the scalars lies: those from a resume point lie on the CPU."""
    return torch.stack([value.to(values[-1].device) for value in values]).float()
