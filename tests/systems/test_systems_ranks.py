"""The other systems and the face network on two processes: the same curves as on one, up to rounding, and the
same weights on both."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from deepfacegen import distributed
from tests.systems import systems_two_ranks

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.torchrun, pytest.mark.xdist_group("systems_two_ranks")]
# Training -> the least that has to be in its curves, and by how much they may be off: in the first steps, and
# later, when rounding has grown.
TOLD = {
    "face": ({"loss", "accuracy"}, 1e-5, 1e-3),
    "contrastive": ({"loss", "covariates"}, 1e-6, 1e-6),
    "speech2face": ({"recogniser/loss"}, 1e-5, 1e-4),
    "speech2face, spectrogram": ({"recogniser/loss"}, 1e-5, 1e-4),
    "svhf": ({"loss", "accuracy"}, 1e-5, 1e-3),
    "cyclegan": (
        {"g/verification", "g/attributes", "d/attributes", "d/mismatched", "d/r1", "d/low", "f/adversarial"},
        1e-5,
        1e-3,
    ),
}


@pytest.fixture(scope="module")
def one(corpus, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return systems_two_ranks.curves(corpus.folder, tmp_path_factory.mktemp("one"))
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def two(corpus, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict]]:
    folder, launcher = (
        tmp_path_factory.mktemp("two"),
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"],
    )
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "DEEPFACEGEN_DEVICE": "cpu", "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    command = [*launcher, systems_two_ranks.__file__, str(corpus.folder), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.parametrize("name", TOLD)
def test_both_ranks_end_with_the_same_bytes(two: list[dict[str, dict]], name: str) -> None:
    assert two[0][name] == two[1][name]


@pytest.mark.parametrize("name", TOLD)
def test_the_curves_do_not_depend_on_the_number_of_ranks(
    one: dict[str, dict], two: list[dict[str, dict]], name: str
) -> None:
    """Noise, augmentation, flips, lists, norms and means over a part of the batch are those of the whole
    batch, however many share it."""
    names, first, later = TOLD[name]
    rows, others = one[name]["rows"], two[0][name]["rows"]
    assert [row.keys() for row in rows] == [row.keys() for row in others]
    assert names <= rows[0].keys()
    off = [
        max(abs(a[key] - b[key]) / max(abs(a[key]), 1e-6) for key in a)
        for a, b in zip(rows, others, strict=True)
    ]
    assert max(off[:3]) < first
    assert max(off) < later


def test_a_mean_over_what_counts_is_that_of_the_whole_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of one rank's four items count and none of the other's: divided by 1.5 on both, the average over
    ranks is the mean of the three."""
    counts = [torch.tensor(3.0), torch.tensor(0.0)]
    assert [float(distributed.per_rank(count)) for count in counts] == [3.0, 1.0]
    monkeypatch.setenv("WORLD_SIZE", "2")
    for together, expected in (([3.0, 0.0], 1.5), ([1.0, 0.0], 0.5), ([0.0, 0.0], 0.5)):
        monkeypatch.setattr(
            distributed, "mean", lambda count, together=together: torch.tensor(np.mean(together))
        )
        assert float(distributed.per_rank(counts[0])) == expected
