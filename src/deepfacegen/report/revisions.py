"""Metrics and parameters of Git revisions and DVC experiments, read through DVC without touching the
workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from deepfacegen.errors import UserError

WORKSPACE = "workspace"
EVALUATIONS = "metrics/evaluate"
SHORT = 7


@dataclass(frozen=True)
class Run:
    """One revision. `commit`: shortened, "" for the workspace; `systems`: metrics by system."""

    name: str
    commit: str
    params: dict[str, Any]
    systems: dict[str, dict[str, Any]]


def read(revisions: list[str], root: Path = Path()) -> list[Run]:
    """One run for each revision: experiment, branch, tag, commit, or `workspace` for the files as they are.

    Raises UserError for a revision that is unknown, named twice or without evaluation metrics, and for a
    folder without DVC (or without Git, for anything but the workspace).
    """
    if twice := next((name for name in revisions if revisions.count(name) > 1), None):
        raise UserError(f"{twice}: named twice; a run is compared with others")
    from dvc.exceptions import DvcException  # type: ignore[import-untyped]
    from dvc.repo import Repo  # type: ignore[import-untyped]

    try:
        with Repo(str(root)) as repo:
            top = repo.root_dir
            commits = [_commit(repo.scm, revision) for revision in revisions]
        return [_read(top, revision, commit) for revision, commit in zip(revisions, commits, strict=True)]
    except DvcException as error:
        raise UserError(str(error)) from None


def _commit(scm: Any, revision: str) -> str:
    from dvc.scm import NoSCM, RevError, resolve_rev  # type: ignore[import-untyped]

    if revision == WORKSPACE:
        return ""
    if isinstance(scm, NoSCM):
        raise UserError(f"{revision}: there is no Git here, and so no revision but {WORKSPACE}")
    try:
        return str(resolve_rev(scm, revision))
    except RevError:
        raise UserError(
            f"{revision}: no such experiment, branch, tag or commit; see `dvc exp list --all` and `git log`"
        ) from None


def _read(top: str, revision: str, commit: str) -> Run:
    """By the commit, so that a name which is two things at once is read as one."""
    import dvc.api  # type: ignore[import-untyped]

    wanted = commit or None
    files = dvc.api.DVCFileSystem(top, rev=wanted)
    found = sorted(files.ls(EVALUATIONS, detail=False)) if files.isdir(EVALUATIONS) else []
    paths = [path for path in map(PurePosixPath, found) if path.suffix == ".json"]
    if not paths:
        raise UserError(
            f"{revision}: no evaluation metrics in {EVALUATIONS}; "
            "run the stage evaluate there and commit or save its metrics"
        )
    systems = {path.stem: dvc.api.metrics_show(str(Path(top, path)), repo=top, rev=wanted) for path in paths}
    return Run(revision, commit[:SHORT], dvc.api.params_show(repo=top, rev=wanted), systems)
