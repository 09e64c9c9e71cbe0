"""Common code of the stage scripts: parameters in, one library call, metrics out, errors as one line."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from deepfacegen import allocator, room, stopping, summary
from deepfacegen.config.apart import require_apart
from deepfacegen.config.schema import Config, flatten, load, to_dict
from deepfacegen.errors import UserError, exit_code, open_streams
from deepfacegen.tracking import run
from deepfacegen.tracking.run import Tracker

log = logging.getLogger(__name__)

Main = Callable[[Config, Tracker], Mapping[str, Any] | None]
METRICS = Path("metrics")
EFFORT = "effort"  # in a stage's metrics: what the run cost, for MLflow


def run_stage(
    name: str,
    sections: tuple[str, ...],
    main: Main,
    metrics_path: Path | None,
    *,
    outs: Sequence[Path] = (),
    state: Callable[[Config], Path] | None = None,
    arguments: Sequence[str] | None = None,
) -> None:
    """Run `main(config, tracker)` with params.yaml of the current folder, write its metrics to `metrics_path`
    (see `repeatable`) and log a summary line.

    Without `metrics_path` nothing is recorded, also not in MLflow. `sections`: the parameters the stage
    depends on, for --dry-run and MLflow. `outs`: folders that are emptied first, as are the plots in
    `metrics/plots/x` of `metrics/x.json`. `state`: path of the resume point. A UserError, a full disk, a
    missing write permission and lack of memory end the script with one line on stderr and exit status 1,
    SIGINT and SIGTERM with one line and 130 and 143. Ranks other than 0 write nothing but errors.
    """
    open_streams()
    allocator.keep_freed()
    options = _options(name, arguments)
    rank = int(os.environ.get("RANK", "0"))
    first_rank = rank == 0
    _log_plainly(first_rank)
    plots = plots_folder(metrics_path) if metrics_path is not None else None
    try:
        with stopping.stoppable():
            config = load()
            require_apart(config)
            params: dict[str, Any] = {}
            for section in sections:
                params |= flatten(section, getattr(config, section))
            if options.dry_run:
                if first_rank:
                    _print_parameters(config, sections)
                return
            if first_rank:
                _empty(outs, plots)
            stage = dvc_name(name, metrics_path)
            resume = state(config) if state is not None and first_rank else None
            recorded = run.run(stage, params, resume, plots) if metrics_path is not None else None
            with recorded or contextlib.nullcontext(Tracker()) as tracker:
                began = time.perf_counter()
                metrics = main(config, tracker)
                seconds = time.perf_counter() - began
                if metrics is not None and metrics_path is not None and first_rank:
                    write_json(metrics_path, repeatable(metrics))
                    tracker.result(stage, metrics, seconds)
                    tracker.artifact(metrics_path, "metrics")
                    if plots is not None and plots.is_dir() and any(plots.iterdir()):
                        tracker.artifact(plots, "plots")
            if first_rank:
                log.info("%s", summary.line(stage, metrics or {}, params, seconds))
    except KeyboardInterrupt as stop:
        _end(f"{name}: {stopping.line(stop, 'run the same command again')}", stopping.status(stop), rank)
    except UserError as error:
        _fail(str(error), rank)
    except FileNotFoundError as error:
        log.debug("no such file", exc_info=error)
        remedy = f"run the stages before {name} first, as `dvc repro` does"
        _fail(f"{error.filename or error}: no such file; {remedy}", rank)
    except Exception as error:
        what = room.lacking(error, outs[0] if outs else Path.cwd())
        if not what:
            raise
        log.debug("no resources", exc_info=error)
        _fail("; ".join([what, *stopping.notes(error)]), rank)


def _print_parameters(config: Config, sections: Sequence[str]) -> None:
    """The output of --dry-run."""
    chosen = {section: to_dict(getattr(config, section)) for section in sections}
    text = yaml.safe_dump(chosen, sort_keys=False)
    if code := exit_code(lambda: _print(text)):
        sys.exit(code)


def _print(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _fail(what: str, rank: int) -> NoReturn:
    _end(f"error: {what}" if rank == 0 else f"error (process {rank}): {what}", 1, rank)


def _end(line: str, status: int, rank: int) -> NoReturn:
    """One line, written at once; after a signal, by rank 0 only."""
    if status == 1 or rank == 0:
        sys.stderr.write(f"{line}\n")
    sys.exit(status)


def plots_folder(metrics_path: Path) -> Path:
    """metrics/evaluate/cgan.json -> metrics/plots/evaluate/cgan."""
    return METRICS / "plots" / metrics_path.relative_to(METRICS).with_suffix("")


def dvc_name(name: str, metrics_path: Path | None) -> str:
    """The stage's name in DVC: metrics/evaluate/cgan.json -> evaluate@cgan, else `name`."""
    if metrics_path is None:
        return name
    parts = metrics_path.relative_to(METRICS).with_suffix("").parts
    return "@".join(parts) if len(parts) > 1 else name


def repeatable(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Without the times and rates in `effort`: Git tracks the file, which another run must leave as it is."""
    kept = {key: value for key, value in metrics.items() if key != EFFORT}
    steps = {key: value for key, value in metrics.get(EFFORT, {}).items() if key == "steps"}
    return {**kept, EFFORT: steps} if steps else kept


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Sorted, indented JSON, written atomically. Numpy scalars become numbers, and NaN and infinity null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".tmp")
    partial.write_text(
        json.dumps(_plain(values), indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8"
    )
    os.replace(partial, path)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _options(name: str, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f"Stage {name} of dvc.yaml, with the parameters in params.yaml of the current folder."
    )
    parser.add_argument("which", nargs="*", help="item of a matrix stage, such as a system")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the parameters of this stage (and the size of its networks), and stop",
    )
    return parser.parse_args(arguments)


def _log_plainly(first_rank: bool) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("deepfacegen").setLevel(logging.INFO if first_rank else logging.WARNING)


def _empty(outs: Sequence[Path], plots: Path | None) -> None:
    """Empty a stage's outs, as DVC does. A link to a folder stays; the folder's content goes."""
    for folder in (*outs, plots):
        if folder is None or not folder.is_dir():
            continue
        if not folder.is_symlink():
            shutil.rmtree(folder)
            continue
        for inside in folder.iterdir():
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside)
            else:
                inside.unlink()
    for folder in outs:
        folder.mkdir(parents=True, exist_ok=True)
