"""Metrics and parameters of Git revisions and DVC experiments, read from Git and DVC's cache without touching
the workspace.

DVC's own readers parse dvc.yaml and dvc.lock again for every file, for half a minute; one look at each is
enough here."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

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
            commits = [_commit(repo.scm, revision) for revision in revisions]
            cached: Callable[[str], str] = repo.cache.local.oid_to_path
            top = Path(repo.root_dir)
            return [
                _read(top, revision, commit, cached)
                for revision, commit in zip(revisions, commits, strict=True)
            ]
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


def _read(top: Path, revision: str, commit: str, cached: Callable[[str], str]) -> Run:
    """By the commit, so that a name which is two things at once is read as one."""
    if commit:
        names = _git(top, "ls-tree", "--name-only", commit, f"{EVALUATIONS}/").splitlines()
        texts = {name: _git(top, "show", f"{commit}:./{name}") for name in names if name.endswith(".json")}
        texts |= _of_cache(top, commit, texts, cached)
        parameters = _git(top, "show", f"{commit}:./params.yaml")
    else:
        files = sorted((top / EVALUATIONS).glob("*.json"))
        texts = {f"{EVALUATIONS}/{path.name}": path.read_text(encoding="utf-8") for path in files}
        path = top / "params.yaml"
        parameters = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not texts:
        raise UserError(
            f"{revision}: no evaluation metrics in {EVALUATIONS}; "
            "run the stage evaluate there and commit or save its metrics"
        )
    systems = {Path(name).stem: _metrics(f"{revision}: {name}", texts[name]) for name in sorted(texts)}
    return Run(revision, commit[:SHORT], _parameters(revision, parameters), systems)


def _git(top: Path, *words: str) -> str:
    """The output of a Git command; "" if it fails, as it does for a file that the revision does not have."""
    return subprocess.run(("git", *words), cwd=top, capture_output=True, text=True, check=False).stdout


def _of_cache(top: Path, commit: str, known: dict[str, str], cached: Callable[[str], str]) -> dict[str, str]:
    """Evaluation metrics that are not in Git but in DVC's cache, by dvc.lock. Raises UserError if they are
    not there either."""
    lock = _yaml("dvc.lock", _git(top, "show", f"{commit}:./dvc.lock"))
    found = {}
    for stage in (lock.get("stages") or {}).values():
        for out in stage.get("outs", ()):
            name, digest = out["path"], out.get("md5", "")
            if Path(name).parent.as_posix() != EVALUATIONS or not name.endswith(".json") or name in known:
                continue
            path = Path(cached(digest))
            if not path.is_file():
                raise UserError(
                    f"{name} of {commit[:SHORT]} is not in DVC's cache; get it with `dvc fetch -A`"
                )
            found[name] = path.read_text(encoding="utf-8")
    return found


def _metrics(name: str, text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        raise UserError(f"{name}: not valid JSON; run its stage again") from None
    return found


def _parameters(revision: str, text: str) -> dict[str, Any]:
    """With numbers such as 1e-4, which YAML 1.1 takes for words, as numbers."""

    def settled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: settled(inner) for key, inner in value.items()}
        try:
            return float(value) if isinstance(value, str) else value
        except ValueError:
            return value

    found: dict[str, Any] = settled(_yaml(f"{revision}: params.yaml", text))
    return found


def _yaml(name: str, text: str) -> dict[str, Any]:
    """A YAML file with a mapping, by the parser in C where there is one: dvc.lock is long."""
    try:
        return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    except yaml.YAMLError:
        raise UserError(f"{name}: not valid YAML") from None
