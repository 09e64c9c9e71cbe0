"""The demo in a real browser, with a file and with a microphone: faces appear, what goes wrong is said,
nothing else is asked for."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator
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

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="no gradio"),
    pytest.mark.skipif(browser.find() is None, reason="no Chromium on this machine"),
    pytest.mark.xdist_group("release"),
]

PHONE, DESK = 360, 1280
PATIENCE_SECONDS = 300
SCRIPT_NAME = "${alert(1)}<b>.wav"  # a text whose name would be a script, a template or a tag
FACES, MESSAGE = "#answer [data-generated]", "#answer [role=alert]"


@dataclass(frozen=True)
class Demo:
    running: Browser
    address: str
    files: dict[str, Path]


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def tab(demo: Demo) -> Tab:
    return ready(demo, DESK)


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


def test_a_file_gives_faces(demo: Demo, tab: Tab) -> None:
    send(tab, demo.files["speech.wav"])
    assert pictures(tab) == [128] * 6
    assert "identifies nobody" in tab.run("document.body.innerText")
    assert "unseen people" in tab.run("document.body.innerText")


def test_the_slider_walks_from_the_first_face_to_the_second(demo: Demo) -> None:
    tab = ready(demo, DESK)  # where the same faces stand already, nothing changes
    send(tab, demo.files["speech.wav"])
    asked = len(tab.events_of("Network.requestWillBeSent"))
    slide = (
        "(k => { const s = document.querySelector('#answer input[type=range]'); s.value = k;"
        "s.dispatchEvent(new Event('input', {bubbles: true}));"
        "const all = [...document.querySelectorAll('#answer .frame img')];"
        "return all.filter(i => i.checkVisibility()).map(i => i.src); })"
    )
    generated = tab.run(f"[...document.querySelectorAll('{FACES} img')].map(i => i.src)")
    assert tab.run(f"{slide}(12)") == [generated[1]]
    assert tab.run(f"{slide}(0)") == [generated[0]]
    middle = tab.run(f"{slide}(6)")
    assert len(middle) == 1
    assert middle[0] not in generated
    assert [
        event["request"]["url"]
        for event in tab.events_of("Network.requestWillBeSent")[asked:]
        if "data:" not in event["request"]["url"]
    ] == []


def test_other_faces_of_the_same_voice(demo: Demo) -> None:
    tab = ready(demo, DESK)
    send(tab, demo.files["speech.wav"])
    first = tab.run(f"[...document.querySelectorAll('{FACES} img')].map(i => i.src)")
    tab.run("document.querySelector('#answer .dfg').setAttribute('data-old', '')")
    tab.run("document.querySelector('#others').click()")
    answered(tab)
    second = tab.run(f"[...document.querySelectorAll('{FACES} img')].map(i => i.src)")
    assert len(second) == 6
    assert not set(first) & set(second)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("quiet.wav", "quiet.wav: 0.0 s of speech in 3.0 s of sound; at least 1.5 s are needed"),
        ("none.wav", "none.wav: the file is empty"),
        (SCRIPT_NAME, ".wav: cannot be read as sound"),
        ("long.flac", "long.flac: lasts longer than 5 minutes"),
    ],
)
def test_what_cannot_be_used_is_said_in_place_of_faces(demo: Demo, tab: Tab, name: str, words: str) -> None:
    send(tab, demo.files[name])
    assert words in tab.run(f"document.querySelector('{MESSAGE}').innerText")
    assert not tab.run(there(FACES))


def test_the_microphone_gives_faces(demo: Demo) -> None:
    tab = ready(demo, DESK)
    press = (
        "(word => { const all = [...document.querySelectorAll('#spoken button')];"
        "const b = all.find(b => b.innerText.includes(word) && b.checkVisibility());"
        "b?.click(); return !!b; })"
    )
    assert tab.run(f"{press}('Record')")
    until(
        tab,
        "[...document.querySelectorAll('#spoken button')]"
        ".some(b => b.innerText.includes('Stop') && b.checkVisibility())",
    )
    time.sleep(4)  # somebody speaks
    assert tab.run(f"{press}('Stop')")
    until(tab, f"{there(FACES)} || {there(MESSAGE)}")
    assert pictures(tab) == [128] * 6


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_a_phone(demo: Demo, dark: bool) -> None:
    tab = ready(demo, PHONE)
    send(tab, demo.files["speech.wav"])
    tab.show(PHONE, 800, dark=dark)
    for name in ("People", "Model", "Generate"):
        turn_to(tab, name)
        assert tab.run("[innerWidth, document.documentElement.scrollWidth]") == [PHONE, PHONE], name


def test_people_can_be_seen_and_heard_a_page_at_a_time(demo: Demo) -> None:
    tab = ready(demo, DESK)
    turn_to(tab, "People")
    until(
        tab,
        "document.querySelectorAll('#people audio').length === 4"
        " && document.querySelector('#people').checkVisibility()",
    )
    heard = tab.run(
        "Promise.all([...document.querySelectorAll('#people audio')].map(a => new Promise(done => {"
        "a.onloadedmetadata = () => done(a.duration); a.onerror = () => done(-1); a.load(); })))"
    )
    assert heard == pytest.approx([1.0] * 4)
    tab.run("document.querySelector('#next').click()")
    until(tab, "document.querySelector('#people').innerText.includes('Page 2 of 2')")
    assert tab.run("[...document.querySelectorAll('#people h3')].map(h => h.innerText)") == [
        "id4 woman, 30 years"
    ]


def test_nothing_is_asked_of_others_and_nothing_fails(demo: Demo) -> None:
    tab = ready(demo, DESK)
    send(tab, demo.files["speech.wav"])
    send(tab, demo.files["none.wav"])
    asked = [event["request"]["url"] for event in tab.events_of("Network.requestWillBeSent")]
    assert f"{demo.address}/" in asked
    assert [url for url in asked if not url.startswith((f"{demo.address}/", "data:", "blob:"))] == []
    assert tab.events_of("Runtime.exceptionThrown") == []
    assert [
        event for event in tab.events_of("Runtime.consoleAPICalled") if event["type"] in ("error", "assert")
    ] == []
    assert [event for event in tab.events_of("Log.entryAdded") if event["entry"]["level"] == "error"] == []
    assert [event for event in tab.events_of("Network.loadingFailed") if not event.get("canceled")] == []
