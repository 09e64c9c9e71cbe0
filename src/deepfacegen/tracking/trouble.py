"""What is wrong when MLflow fails, and what to do about it, in one line without anybody's password."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

# What stands in the text of an error -> what is wrong and what to do. {store}: where runs are kept; {1}: the
# first group.
KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"database is locked",
        "{store} is locked by another program; end the one that holds it, or record elsewhere by MLFLOW_TRACKING_URI",
    ),
    (
        r"file is not a database|malformed",
        "{store} is damaged or no database; move it away, and a new one is made",
    ),
    (
        r"_alembic_tmp_|duplicate column name|table \w+ already exists|Online migration expected",
        "{store} was left half made; move it away, and a new one is made",
    ),
    (
        r"unable to open database file",
        "{store} cannot be opened; is its folder there, and may you write to it?",
    ),
    (
        r"readonly database",
        "{store} may only be read; make it and its folder writable, or record elsewhere by MLFLOW_TRACKING_URI",
    ),
    (r"database or disk is full|No space left on device", "the disk of {store} is full; make room"),
    (
        r"filesystem tracking backend",
        "this MLflow writes no more runs into folders ({store}); name a database, such as MLFLOW_TRACKING_URI=sqlite:///mlflow.db",
    ),
    (
        r"Supported URI schemes",
        "{store} is no address of a store; set MLFLOW_TRACKING_URI to http://host:port or sqlite:///file.db",
    ),
    (
        r"Invalid Host header",
        "the server at {store} does not answer to this name; start it with --allowed-hosts, or use a name that it knows",
    ),
    (
        r"error code 401",
        "the server at {store} wants a login (401); set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    ),
    (
        r"error code 403",
        "the server at {store} refuses this user (403); who runs it can allow writing, or use another login",
    ),
    (
        r"error code (404|30\d)|not in a valid JSON format",
        "what answers at {store} is no MLflow server; check host, port and path of MLFLOW_TRACKING_URI",
    ),
    (r"too many (5\d\d) error responses", "the server at {store} fails ({1}); its own log says why"),
    (
        r"SSLError|CERTIFICATE",
        "the server at {store} cannot be spoken to by https; is it http, or is its certificate unknown here?",
    ),
    (
        r"Connection refused|Failed to resolve|timed out|unreachable|Connection reset|Connection aborted|RemoteDisconnected",
        "no server answers at {store}; start it, or check MLFLOW_TRACKING_URI",
    ),
    (
        r"run (\w+) must be in the 'active' state|Run with id=(\w+) not found",
        "the run {1} was deleted in MLflow; `mlflow runs restore --run-id {1}` brings it back unless it was purged",
    ),
    (r"experiment (\S+) must be in the 'active' state", "the experiment {1} was deleted in MLflow meanwhile"),
    (r"No module named '([^']+)'", "the Python package {1} is missing, which {store} needs"),
)


def explained(error: Exception, store: str) -> str:
    """One line: what is wrong and what to do, or the error's own first line if it is none of the known ones.
    `store`: see `masked`."""
    text = f"{type(error).__name__}: {error}"
    if found := re.search(r"Detected out-of-date database schema \(found version (\w+)", text):
        return masked(_of_another_version(found[1], store))
    for pattern, advice in KNOWN:
        if found := re.search(pattern, text, re.IGNORECASE):
            return masked(
                advice.format(
                    *(found[0], next((group for group in found.groups() if group), "")), store=store
                )
            )
    if isinstance(error, OSError) and error.filename is not None:
        return masked(
            f"{error.filename} cannot be written ({error.strerror}); make it writable, or name another place"
        )
    return masked(first_line(error))


def first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"


def masked(text: str) -> str:
    """Without the user and password of any address: http://***@host:5000."""
    return re.sub(r"://[^/@\s]+@", "://***@", text)


def explainer(store: str) -> Callable[[Exception], str]:
    return lambda error: explained(error, store)


def _of_another_version(revision: str, store: str) -> str:
    """Whether a database with a schema of this revision was written by an older MLflow, which left its
    migrations here, or by a newer one."""
    spec = importlib.util.find_spec("mlflow")
    migrations = (
        Path(str(spec.origin)).parent / "store/db_migrations/versions" if spec is not None else Path()
    )
    if any(migrations.glob(f"{revision}_*.py")):
        return f"{store} is of an older MLflow; copy it as a backup, then `mlflow db upgrade {store}`"
    return f"{store} is of a newer MLflow than the one installed here; install that version, or record elsewhere by MLFLOW_TRACKING_URI"
