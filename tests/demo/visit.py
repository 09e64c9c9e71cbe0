"""The demo as a visitor meets it: served from a tiny release, in a browser whose microphone has a voice, with
files to send."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deepfacegen import VoiceToFace
from deepfacegen.data.files import media
from deepfacegen.demo.people import People
from tests.report import browser
from tests.report.browser import Browser, Tab
from tests.shared.ports import free_port
from tests.shared.sounds import RATE_HZ, write_wav

PHONE, DESK = 390, 1280
PATIENCE_SECONDS = 300
SCRIPT_NAME = "${alert(1)}<b>.wav"  # a text whose name would be a script, a template or a tag
FACES, MESSAGE = "#answer .choices", "#answer .dfg > [role=alert]"


@dataclass(frozen=True)
class Demo:
    running: Browser
    address: str
    files: dict[str, Path]


@pytest.fixture(scope="session")
def demo(release: Path, said: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The page served from a tiny release, a browser whose microphone hears somebody speak, and files to
    send."""
    from deepfacegen.demo import server

    folder = tmp_path_factory.mktemp("demo")
    files = {name: folder / name for name in ("none.wav", SCRIPT_NAME, "long.flac")}
    files["none.wav"].touch()
    files[SCRIPT_NAME].write_text("Dear all,\nplease find attached\n" * 40)
    media.ffmpeg.input("anullsrc=r=8000:cl=mono", f="lavfi", t=7200).output(
        str(files["long.flac"]), loglevel="error"
    ).run(cmd=media.ffmpeg_path())
    files["speech.wav"] = write_wav(folder / "speech.wav", said)
    files["quiet.wav"] = write_wav(folder / "quiet.wav", np.zeros(3 * RATE_HZ, np.int16))
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"identity_id": [f"id{k}" for k in range(5)], "gender": ["f", "m", "f", "m", "f"], "age_years": 30.0}
    )
    real, generated = (
        rng.integers(0, 255, shape, dtype=np.uint8) for shape in ((5, 64, 64, 3), (5, 3, 64, 64, 3))
    )
    people = People(table, real, generated, np.tile(said[:RATE_HZ], (5, 1)))
    flags = (
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={files['speech.wav']}",
    )
    model = VoiceToFace.load(release, "cpu")
    with (
        server.served(model, people, "127.0.0.1", free_port()) as address,
        browser.started(folder / "profile", *flags) as running,
    ):
        yield Demo(running, address, files)


@pytest.fixture
def opening(demo: Demo) -> Iterator[Callable[[int], Tab]]:
    """Opens pages of a width, which are closed after the test: each keeps a connection, and a browser has six
    to a server."""
    tabs: list[Tab] = []

    def opened(width: int) -> Tab:
        tabs.append(ready(demo, width))
        return tabs[-1]

    yield opened
    for tab in tabs:
        close(tab)


def close(tab: Tab) -> None:
    tab.browser.call("Page.close", tab.session)


def ready(demo: Demo, width: int) -> Tab:
    found = browser.opened(demo.running, demo.address, width=width)
    until(found, there("#file input[type=file]"))
    until(found, "[...document.querySelectorAll('#spoken button')].some(b => b.innerText.includes('Record'))")
    return found


def there(selector: str) -> str:
    return f"!!document.querySelector({selector!r})"


def until(tab: Tab, condition: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not tab.run(condition):
        assert time.monotonic() < end, (
            f"never true: {condition}; shown: {tab.run('document.body.innerText')[:2000]}"
        )
        time.sleep(0.1)


def send(tab: Tab, path: Path) -> None:
    """Choose a file, as a visitor does, once the box is free; waits for faces or a message that were not
    there before."""
    labels = '#file button[aria-label=Clear], #file button[aria-label="Remove this file"]'
    clear = f"document.querySelector('{labels}')"
    tab.run(f"{clear}?.click()")
    until(tab, f"!{clear}")  # the box with a file in it has an input of its own, which goes
    until(tab, there("#file input[type=file]"))
    tab.run("document.querySelector('#answer .dfg')?.setAttribute('data-old', '')")
    root = tab.browser.call("DOM.getDocument", tab.session, depth=0)["root"]["nodeId"]
    box = tab.browser.call("DOM.querySelector", tab.session, nodeId=root, selector="#file input[type=file]")[
        "nodeId"
    ]
    tab.browser.call("DOM.setFileInputFiles", tab.session, files=[str(path)], nodeId=box)
    answered(tab)


def choose(tab: Tab, number: int) -> None:
    """Click an example voice, and wait for its faces."""
    tab.run("document.querySelector('#answer .dfg').setAttribute('data-old', '')")
    tab.run(f"document.querySelectorAll('#examples button')[{number}].click()")
    answered(tab)


def answered(tab: Tab) -> None:
    until(tab, f"!document.querySelector('#answer [data-old]') && ({there(FACES)} || {there(MESSAGE)})")


def turn_to(tab: Tab, name: str) -> None:
    """Show one part of the page; gradio keeps a second, hidden row of these buttons to measure."""
    named = f"[...document.querySelectorAll('[role=tab]')].filter(b => b.textContent.trim() === '{name}')"
    tab.run(f"{named}.forEach(b => b.click())")
    until(tab, f"{named}.some(b => b.ariaSelected === 'true')")


def pictures(tab: Tab) -> list[int]:
    """Widths of the generated faces; 0 of one that is broken."""
    width = "i => i.decode().then(() => i.naturalWidth, () => 0)"
    return tab.run(f"Promise.all([...document.querySelectorAll('{FACES} img')].map({width}))")


def sources(tab: Tab) -> list[str]:
    """The faces to choose from."""
    return tab.run(f"[...document.querySelectorAll('{FACES} img')].map(i => i.src)")


def chosen(tab: Tab) -> str:
    """The large face."""
    return tab.run("document.querySelector('#answer .large img').src")
