"""The demo in a real browser, with a file and with a microphone: faces appear, what goes wrong is said,
nothing else is asked for."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator

import pytest

from tests.demo.visit import (
    DESK,
    FACES,
    MESSAGE,
    SCRIPT_NAME,
    Demo,
    choose,
    close,
    pictures,
    ready,
    send,
    there,
    turn_to,
    until,
)
from tests.report import browser
from tests.report.browser import Tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="no gradio"),
    pytest.mark.skipif(browser.find() is None, reason="no Chromium on this machine"),
    pytest.mark.xdist_group("release"),
]


@pytest.fixture(scope="module")
def tab(demo: Demo) -> Iterator[Tab]:
    found = ready(demo, DESK)
    yield found
    close(found)


def test_a_file_gives_faces(demo: Demo, tab: Tab) -> None:
    send(tab, demo.files["speech.wav"])
    assert pictures(tab) == [256] * 6
    assert "identifies nobody" in tab.run("document.body.innerText")
    assert "speech.wav" in tab.run("document.querySelector('#answer h2').innerText")


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


def test_the_microphone_gives_faces(opening: Callable[[int], Tab]) -> None:
    tab = opening(DESK)
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
    assert pictures(tab) == [256] * 6


def test_people_can_be_seen_and_heard_a_page_at_a_time(opening: Callable[[int], Tab]) -> None:
    tab = opening(DESK)
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


def test_nothing_is_asked_of_others_and_nothing_fails(demo: Demo, opening: Callable[[int], Tab]) -> None:
    tab = opening(DESK)
    choose(tab, 0)
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
