"""Failures of MLflow as one line: the cause and the remedy, without anybody's password."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

_REQUESTS = r"Connection refused|Failed to resolve|timed out|unreachable|Connection reset|Connection aborted"
# Pattern in the text of an error -> cause and remedy. {store}: where runs are kept; {1}: the first group.
KNOWN = {
    r"database is locked": "{store} is locked by another program; end it, or set another MLFLOW_TRACKING_URI",
    r"file is not a database|malformed": (
        "{store} is damaged or no database; move it away, and a new one is made"
    ),
    r"_alembic_tmp_|duplicate column name|table \w+ already exists|Online migration expected": (
        "{store} is incomplete; move it away, and a new one is made"
    ),
    r"unable to open database file": "{store} cannot be opened; does its folder exist, and is it writable?",
    r"readonly database": (
        "{store} may only be read; make it and its folder writable, or set another MLFLOW_TRACKING_URI"
    ),
    r"database or disk is full|No space left on device": "the disk of {store} is full; make room",
    r"filesystem tracking backend": (
        "this MLflow writes no more runs into folders ({store}); name a database, "
        "such as MLFLOW_TRACKING_URI=sqlite:///mlflow.db"
    ),
    r"Supported URI schemes": (
        "{store} is no address of a store; set MLFLOW_TRACKING_URI to http://host:port or sqlite:///file.db"
    ),
    r"Invalid Host header": (
        "the server at {store} does not accept this host name; start it with --allowed-hosts"
    ),
    r"error code 401": (
        "the server at {store} needs a login (401); set MLFLOW_TRACKING_USERNAME and "
        "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    ),
    r"error code 403": (
        "the server at {store} refuses this user (403); get write permission, or use another login"
    ),
    r"error code (404|30\d)|not in a valid JSON format": (
        "{store} is no MLflow server; check host, port and path of MLFLOW_TRACKING_URI"
    ),
    r"too many (5\d\d) error responses": "the server at {store} fails ({1}); see its log",
    r"SSLError|CERTIFICATE": (
        "no https connection to {store}; does the server use http, or is its certificate unknown here?"
    ),
    rf"{_REQUESTS}|RemoteDisconnected": (
        "no server answers at {store}; start it, or check MLFLOW_TRACKING_URI"
    ),
    r"run (\w+) must be in the 'active' state|Run with id=(\w+) not found": (
        "the run {1} was deleted in MLflow; `mlflow runs restore --run-id {1}` restores it unless purged"
    ),
    r"experiment (\S+) must be in the 'active' state": "the experiment {1} was deleted in MLflow meanwhile",
    r"No module named '([^']+)'": "the Python package {1} is missing, which {store} needs",
}


def explained(error: Exception, store: str) -> str:
    """One line: cause and remedy, or the error's own first line if it is unknown. `store`: see `masked`."""
    text = f"{type(error).__name__}: {error}"
    if found := re.search(r"Detected out-of-date database schema \(found version (\w+)", text):
        return masked(_of_another_version(found[1], store))
    for pattern, advice in KNOWN.items():
        if found := re.search(pattern, text, re.IGNORECASE):
            first = next((group for group in found.groups() if group), "")
            return masked(advice.format(found[0], first, store=store))
    if isinstance(error, OSError) and error.filename is not None:
        what = f"{error.filename} cannot be written ({error.strerror})"
        return masked(f"{what}; make it writable, or name another place")
    return masked(first_line(error))


def refused(error: Exception) -> bool:
    """Whether MLflow works and does not take this: another attempt would fail as well."""
    kinds = {"INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"}
    return getattr(error, "error_code", "") in kinds


def first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), 'no message')}"


def masked(text: str) -> str:
    """Without the user and password of any address: http://***@host:5000."""
    return re.sub(r"://[^/@\s]+@", "://***@", text)


def explainer(store: str) -> Callable[[Exception], str]:
    return lambda error: explained(error, store)


def _of_another_version(revision: str, store: str) -> str:
    """Whether an older MLflow wrote the schema, whose migrations are in this one, or a newer."""
    spec = importlib.util.find_spec("mlflow")
    folder = Path(str(spec.origin)).parent if spec is not None else Path()
    if any((folder / "store/db_migrations/versions").glob(f"{revision}_*.py")):
        return f"{store} is of an older MLflow; copy it as a backup, then `mlflow db upgrade {store}`"
    return f"{store} is of a newer MLflow; install that version, or set another MLFLOW_TRACKING_URI"
