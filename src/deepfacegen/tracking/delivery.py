"""Brings the records of one run to MLflow, in order, from where the last attempt ended."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deepfacegen.tracking import spool, store
from deepfacegen.tracking import tags as run_tags
from deepfacegen.tracking.failures import explained, refused

log = logging.getLogger(__name__)
BATCH = 1000  # metrics per call, at most, in MLflow
KEY = (
    "run.key"  # the tag by which a run is found again: by the work that resumes it, by a sender that follows
)
REFUSED, NO_FILES = "MLflow refuses some of it, the work goes on: ", "figures are recorded, files are not: "

Record = Mapping[str, Any]


class Delivery:
    """One run. After any failure it may be tried again; what was sent is not sent again."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self._sent: dict[str, Any] = {"bytes": 0, "run_id": "", "files": True, "refused": False}
        with contextlib.suppress(OSError, ValueError):
            self._sent |= json.loads((run / spool.SENT).read_text(encoding="utf-8"))
        self._monitor: Any = None

    def advance(self, client: Any) -> bool:
        """Send what is new; True when the run has ended, and nothing of it is left. Raises what MLflow raises
        when it fails; what it refuses is left out, with one line."""
        alive = spool.alive(
            self.run
        )  # before the records are read: nothing follows what a dead process wrote
        ended = False
        for record, end in self._new():
            try:
                self._apply(client, record)
            except Exception as error:
                if not self._sent["run_id"] or not refused(error):
                    raise
                self._say_once("refused", True, f"{REFUSED}{explained(error, store.address())}")
            ended = record["what"] == "end"
            self._note(bytes=end)
        if not (alive or ended) and self._sent["run_id"]:
            last_ms = int((self.run / spool.RECORDS).stat().st_mtime * 1000)
            self._end(client, {"status": "KILLED", "time_ms": last_ms})
        if alive and not ended:
            return False
        spool.remove(self.run)
        return True

    def _new(self) -> Iterator[tuple[Record, int]]:
        """Each whole record that is not sent, metrics as batches, with the position behind it."""
        with (self.run / spool.RECORDS).open("rb") as records:
            records.seek(self._sent["bytes"])
            position: int = self._sent["bytes"]
            batch: list[Any] = []
            for line in records:
                if not line.endswith(b"\n"):
                    break
                record = json.loads(line)
                if batch and (record["what"] != "metrics" or len(batch) + len(record["values"]) > BATCH):
                    yield {"what": "metrics", "values": batch}, position
                    batch = []
                position += len(line)
                if record["what"] == "metrics":
                    batch += record["values"]
                else:
                    yield record, position
            if batch:
                yield {"what": "metrics", "values": batch}, position

    def _apply(self, client: Any, record: Record) -> None:
        match record["what"]:
            case "start":
                self._start(client, record)
            case "metrics":
                client.log_batch(self._id, metrics=[_metric(value) for value in record["values"]])
            case "tags":
                for name, value in record["values"].items():
                    client.set_tag(self._id, name, value)
            case "describe":
                read = [run_tags.Part(**part) for part in record["read"]]
                store.describe(client, self._id, record["tags"], read, record["purpose"])
            case "note":
                before = client.get_run(self._id).data.tags.get(store.NOTE, "")
                if not before.endswith(record["text"]):
                    client.set_tag(self._id, store.NOTE, before + record["text"])
            case "file" | "image":
                self._file(client, record)
            case "end":
                self._end(client, record)

    @property
    def _id(self) -> str:
        return str(self._sent["run_id"])

    def _start(self, client: Any, record: Record) -> None:
        """The run of this key, which is made if the store has none: the work may have been resumed, or a
        sender killed before it could note the id."""
        experiment = store.experiment_id(client, lambda line: spool.say(self.run, line))
        tags, key = record["tags"], record["key"]
        everywhere = [one.experiment_id for one in client.search_experiments()] if record["resumed"] else []
        found = client.search_runs([*everywhere, experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
        if found:
            run_id = found[0].info.run_id
            client.update_run(run_id, status="RUNNING", name=record["name"])
            for name, value in tags.items():
                client.set_tag(run_id, name, value)
        else:
            made = client.create_run(experiment, record["time_ms"], {**tags, KEY: key}, record["name"])
            run_id = made.info.run_id
        self._note(run_id=run_id)
        if not found:
            _log_params(client, run_id, record["params"])
        if record["system_metrics"] and spool.alive(self.run):
            self._monitor = _monitor(client, run_id, resumed=bool(found))

    def _file(self, client: Any, record: Record) -> None:
        """Files often have a store of their own: when it fails, figures are still recorded."""
        path = self.run / spool.FILES / record["path"]
        try:
            if not self._sent["files"]:
                return
            if record["what"] == "image":
                _log_image(client, self._id, path, record["folder"], record["step"])
            else:
                send = client.log_artifacts if path.is_dir() else client.log_artifact
                send(self._id, str(path), record["folder"])
        except Exception as error:
            self._say_once("files", False, f"{NO_FILES}{explained(error, store.address())}")

    def _end(self, client: Any, record: Record) -> None:
        if self._monitor is not None:
            self._monitor.finish()
        client.set_terminated(self._id, record["status"], record["time_ms"])

    def _say_once(self, flag: str, value: bool, line: str) -> None:
        if self._sent[flag] is not value:
            spool.say(self.run, line)
            self._note(**{flag: value})

    def _note(self, **values: Any) -> None:
        self._sent |= values
        partial = self.run / f"{spool.SENT}.tmp"
        partial.write_text(json.dumps(self._sent), encoding="utf-8")
        os.replace(partial, self.run / spool.SENT)


def _metric(value: list[Any]) -> Any:
    from mlflow.entities import Metric

    return Metric(*value)


def _log_params(client: Any, run_id: str, params: Mapping[str, str]) -> None:
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(key, value) for key, value in params.items()])


def _log_image(client: Any, run_id: str, path: Path, key: str, step: int) -> None:
    from PIL import Image

    with Image.open(path) as picture:
        client.log_image(run_id, picture.convert("RGB"), key=key, step=step, synchronous=True)


def _monitor(client: Any, run_id: str, *, resumed: bool) -> Any:
    """MLflow's monitor of system metrics, or None where psutil is missing."""
    try:
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        logging.getLogger("mlflow.system_metrics").setLevel(logging.ERROR)
        monitor = SystemMetricsMonitor(run_id, resume_logging=resumed, tracking_uri=client.tracking_uri)
        monitor.start()
    except Exception as error:
        log.debug("no system metrics: %s", explained(error, store.address()))
        return None
    return monitor
