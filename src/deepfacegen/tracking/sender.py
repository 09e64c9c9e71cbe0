"""The process that brings runs to MLflow: `python -m deepfacegen.tracking.sender` sends what is not sent yet.

A stage starts one unless one is at work, and does not wait for it to import MLflow, which takes seconds. It
outlives the stage, serves those that follow, and ends when there is nothing more to send.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from deepfacegen.tracking import spool, store
from deepfacegen.tracking.delivery import Delivery
from deepfacegen.tracking.failures import explained

log = logging.getLogger(__name__)
LOCK, LOG = "lock", "log"
POLL_SECONDS = 0.1
LINGER_SECONDS = 30.0  # how long it waits for the next stage
PAUSE_SECONDS = (10.0, 300.0)  # between attempts while a stage goes on, doubled from the first to the last
NOT_YET = "not recorded yet, the work goes on: {} (kept in {}/, sent with the next stage)"


def begin(place: Path) -> None:
    """Start a sender in a process of its own, unless one is at work."""
    place.mkdir(parents=True, exist_ok=True)
    with spool.locked(place / LOCK) as free:
        pass
    if not free:
        return
    with (place / LOG).open("wb") as out:
        command = [sys.executable, "-P", "-m", __name__, "--linger"]
        environment = {**os.environ, "DVC_ROOT": str(store.root())}
        quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
        # A session of its own: Ctrl-C in the terminal ends the stage, of which it sends the last records.
        subprocess.Popen(command, env=environment, start_new_session=True, **quiet)


def serve(place: Path, linger_seconds: float = LINGER_SECONDS) -> bool:
    """Send all that waits below `place`, and what comes until `linger_seconds` after the last; False if some
    of it could not be sent. If another sender is at work, it is left to that one."""
    while True:
        with spool.locked(place / LOCK) as mine:
            if not mine:
                return True
            done = _Sender(place).work(linger_seconds)
        # What came after the last look, from a stage that saw this one at work.
        if not any(spool.alive(run) for run in spool.runs(place)):
            return done


class _Sender:
    def __init__(self, place: Path) -> None:
        self._place = place
        self._deliveries: dict[Path, Delivery] = {}
        self._told: set[Path] = set()
        self._client: Any = None
        self._database: tuple[int, int] | None = None

    def work(self, linger_seconds: float) -> bool:
        quiet, pause = time.monotonic(), PAUSE_SECONDS[0]
        while True:
            waiting = spool.runs(self._place)
            if not waiting:
                if time.monotonic() - quiet >= linger_seconds:
                    return True
            elif self._pass(waiting):
                quiet, pause = time.monotonic(), PAUSE_SECONDS[0]
            elif not self._rest(pause):
                return False
            else:
                pause = min(2 * pause, PAUSE_SECONDS[1])
            time.sleep(POLL_SECONDS)

    def _pass(self, waiting: list[Path]) -> bool:
        """One attempt for each run; False if any failed."""
        fine = True
        for run in waiting:
            try:
                client = self._connected()
            except Exception as error:
                for each in waiting:
                    self._not_yet(each, error)
                return False
            try:
                delivery = self._deliveries.setdefault(run, Delivery(run))
                if delivery.advance(client):
                    del self._deliveries[run]
                if run in self._told:
                    self._told.discard(run)
                    (run / spool.STUCK).unlink(missing_ok=True)
            except Exception as error:  # whatever a tracking server or a locked database throws
                self._not_yet(run, error)
                fine, self._client = False, None
        return fine

    def _connected(self) -> Any:
        """The client; a new one if there was a failure, or the database is another file by now."""
        if self._client is None or _file(store.database()) != self._database:
            self._client = store.connect()
            self._client.search_experiments(max_results=1)
            self._database = _file(store.database())
        return self._client

    def _not_yet(self, run: Path, error: Exception) -> None:
        log.warning("%s", explained(error, store.address()))
        if run not in self._told:
            self._told.add(run)
            spool.say(run, NOT_YET.format(explained(error, store.address()), spool.FOLDER))
            with contextlib.suppress(OSError):
                (run / spool.STUCK).touch()

    def _rest(self, seconds: float) -> bool:
        """Wait before the next attempt, but not if a run is new; False when no process records any more."""
        until = time.monotonic() + seconds
        while waiting := spool.runs(self._place):
            if not any(spool.alive(run) for run in waiting):
                return False
            if time.monotonic() > until or not self._told.issuperset(waiting):
                return True
            time.sleep(POLL_SECONDS)
        return True


def _file(path: Path | None) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = path.stat() if path is not None else None
        return (found.st_dev, found.st_ino) if found is not None else None
    return None


def finished(timeout_seconds: float) -> int:
    """Let a sender send what waits, if runs are recorded at all, and wait for it; returns how many runs are
    left."""
    place = spool.folder()
    if os.environ.get("DEEPFACEGEN_TRACKING") == "off" or not spool.runs(place):
        return 0
    begin(place)
    until = time.monotonic() + timeout_seconds
    while time.monotonic() < until and any(not (run / spool.STUCK).exists() for run in spool.runs(place)):
        time.sleep(POLL_SECONDS)
    return len(spool.runs(place))


def main(arguments: list[str]) -> int:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    place = spool.folder()
    place.mkdir(parents=True, exist_ok=True)
    if "--linger" in arguments:
        return 0 if serve(place) else 1
    while spool.runs(place) and serve(place, 0):
        time.sleep(POLL_SECONDS)  # another one is at work
    return 1 if spool.runs(place) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
