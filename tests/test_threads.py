"""Threads of OpenMP: they sleep while they wait, a container's limit holds, the user's own values stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepfacegen import threads


def group(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu_dot_max": "150000 100000\n"}, 1.5),
        ({"cpu_dot_max": "max 100000\n"}, None),
        ({"cpu__cpu_dot_cfs_quota_us": "400000\n", "cpu__cpu_dot_cfs_period_us": "100000\n"}, 4.0),
        ({"cpu__cpu_dot_cfs_quota_us": "-1\n", "cpu__cpu_dot_cfs_period_us": "100000\n"}, None),
        ({"cpu_dot_max": "damaged"}, None),
        ({}, None),
    ],
)
def test_the_limit_of_a_container(tmp_path: Path, files: dict[str, str], cores: float | None) -> None:
    assert threads.quota_cores(group(tmp_path, **files)) == cores


@pytest.mark.parametrize(("quota", "wanted"), [("250000", "2"), ("50000", "1"), ("800000", None)])
def test_no_more_threads_than_a_container_has_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, wanted: str | None
) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 8)
    environment: dict[str, str] = {}
    threads.limit(environment, group(tmp_path, cpu_dot_max=f"{quota} 100000"))
    assert environment == {"OMP_WAIT_POLICY": "PASSIVE"} | ({"OMP_NUM_THREADS": wanted} if wanted else {})


def test_the_users_own_values_stay(tmp_path: Path) -> None:
    own = {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "7"}
    given = dict(own)
    threads.limit(given, group(tmp_path, cpu_dot_max="100000 100000"))
    assert given == own
