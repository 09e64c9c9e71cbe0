"""Ctrl-C and SIGTERM, with real processes and real signals: one line, the usual exit status, and no worker
with a traceback of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deepfacegen import stopping

SRC = Path(__file__).resolve().parents[1] / "src"
STAGE = """\
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
from pathlib import Path
from deepfacegen.data.fanout.schedule import map_shards
from deepfacegen.stage import run_stage

def slow(unit):
    Path(f"unit-{unit}").touch()
    time.sleep(60)

def main(config, tracker):
    Path("began").touch()
    try:
        if sys.argv[1:]:
            map_shards(slow, [0, 1], [1, 1], "demo")
        time.sleep(60)
    except KeyboardInterrupt as error:
        error.add_note("the same command goes on from step 40 of 100") if not sys.argv[1:] else None
        raise

if __name__ == "__main__":
    run_stage("demo", ("audio",), main, Path("metrics/demo.json"), arguments=[])
"""


def ended(
    folder: Path, words: list[str], until: list[str], number: signal.Signals, *, group: bool
) -> tuple[int, str]:
    """Exit status and stderr of a script that gets a signal once it has made the files `until`."""
    environment = os.environ | {
        "PYTHONPATH": str(SRC),
        "DEEPFACEGEN_TRACKING": "off",
        "DEEPFACEGEN_WORKERS": "2",
        "OMP_NUM_THREADS": "1",
    }
    environment.pop("RANK", None)
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not all((folder / name).exists() for name in until):
            assert time.monotonic() < deadline, "it did not begin"
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.02)
        (os.killpg if group else os.kill)(process.pid, number)
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return process.returncode, said


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text("{}\n")
    (tmp_path / "demo.py").write_text(STAGE)
    return tmp_path


@pytest.mark.parametrize(
    ("number", "status", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "stopped")]
)
def test_a_stage_ends_in_one_line_that_says_where_it_goes_on(
    project: Path, number: signal.Signals, status: int, word: str
) -> None:
    line = f"demo: {word}; the same command goes on from step 40 of 100\n"
    assert ended(project, ["demo.py"], ["began"], number, group=False) == (status, line)
    assert not (project / "metrics").exists()


def test_workers_end_without_lines_of_their_own(project: Path) -> None:
    """A terminal sends Ctrl-C to all of them at once, also to one that is still starting."""
    line = "demo: interrupted; run the same command again\n"
    for until in (["unit-0", "unit-1"], ["began"]):
        for path in (*project.glob("unit-*"), *project.glob("began")):
            path.unlink()
        assert ended(project, ["demo.py", "workers"], until, signal.SIGINT, group=True) == (130, line)


def test_ctrl_c_while_a_script_is_still_importing_is_one_line(tmp_path: Path) -> None:
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "import deepfacegen.early_interrupt, pathlib, time;"
    words = ["-c", f"{program} pathlib.Path('began').touch(); time.sleep(60)"]
    assert ended(tmp_path, words, ["began"], signal.SIGINT, group=True) == (
        130,
        "interrupted before it began\n",
    )
    done = subprocess.run(
        [sys.executable, "-c", "import deepfacegen.early_interrupt; 1 / 0"],
        env=os.environ | {"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "ZeroDivisionError: division by zero")


def test_what_a_shielded_thread_starts_does_not_see_ctrl_c() -> None:
    """Else a decoder that Ctrl-C ended would look like a file that is broken."""
    show = [
        sys.executable,
        "-c",
        "import signal; print(int(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())))",
    ]
    with ThreadPoolExecutor(1, initializer=stopping.shield) as pool:
        assert pool.submit(subprocess.check_output, show).result() == b"1\n"
    assert subprocess.check_output(show) == b"0\n"
    with stopping.shielded():
        assert subprocess.check_output(show) == b"1\n"
    assert subprocess.check_output(show) == b"0\n"


def test_what_must_not_be_left_half_done_is_done_first(capsys: pytest.CaptureFixture[str]) -> None:
    done: list[bool] = []

    def work() -> None:
        with stopping.stoppable(), stopping.deferred("it is written"):
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.01)
            done.append(True)

    with pytest.raises(stopping.Stopped) as caught:
        work()
    assert (done, stopping.status(caught.value)) == ([True], 143)
    assert capsys.readouterr().err == "ends as soon as it is written\n"


def test_handlers_are_as_before() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stopping.stoppable(), stopping.deferred("x"):
        pass
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_process_of_torchrun_leaves_sigterm_to_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    before = signal.getsignal(signal.SIGTERM)
    with stopping.stoppable():
        assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_change_no_handlers() -> None:
    found: list[bool] = []

    def look() -> None:
        before = signal.getsignal(signal.SIGINT)
        with stopping.stoppable(), stopping.deferred("x"):
            found.append(signal.getsignal(signal.SIGINT) is before)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [True]


@pytest.mark.parametrize("cause", ["from KeyboardInterrupt()", ""])
def test_an_import_that_ctrl_c_broke_off_is_an_interruption(cause: str) -> None:
    code = f"import deepfacegen.early_interrupt; raise ImportError('initialization failed') {cause}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == ((130, False) if cause else (1, True))
