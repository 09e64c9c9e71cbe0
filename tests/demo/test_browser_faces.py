"""What a visitor does with the faces in a real browser: choose, vary, save, look closer; on a phone, too."""

from __future__ import annotations

import base64
import importlib.util
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.demo.visit import (
    DESK,
    PHONE,
    Demo,
    answered,
    choose,
    chosen,
    close,
    pictures,
    ready,
    sources,
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


OTHERS = "document.querySelector('[data-do=others]')"
# Words, apart from code and digests, of which a part is on another line.
BROKEN = """(() => {
  const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const parent = node.parentElement;
    if (!parent.checkVisibility() || parent.closest('code, pre, style, script')) continue;
    for (const word of node.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) found.push(word[0]);
    }
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def tab(demo: Demo) -> Iterator[Tab]:
    found = ready(demo, DESK)
    yield found
    close(found)


def saved(demo: Demo, tab: Tab, folder: Path, button: str) -> dict[str, Image.Image]:
    """The one file that comes of a click."""
    tab.browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    tab.run(f"document.querySelector('[data-do={button}]').click()")
    end = time.monotonic() + 60
    while not (files := list(folder.glob("*.png"))):
        assert time.monotonic() < end, "nothing was saved"
        time.sleep(0.1)
    return {file.name: Image.open(io.BytesIO(file.read_bytes())) for file in files}


def test_without_a_voice_there_is_no_button_for_other_faces(tab: Tab) -> None:
    assert tab.run(f"{OTHERS} === null && document.querySelector('#more details') === null")
    assert "The face appears here" in tab.run("document.querySelector('#answer').innerText")


def test_an_example_voice_is_one_click(demo: Demo, tab: Tab) -> None:
    assert tab.run("[...document.querySelectorAll('#examples button')].map(b => b.innerText.trim())") == [
        "Woman, 24",
        "Man, 33",
        "Woman, 70",
        "Man, 66",
    ]
    choose(tab, 2)
    assert pictures(tab) == [256] * 6
    assert chosen(tab) == sources(tab)[0]
    assert tab.run("document.querySelector('#answer .large img').clientWidth") >= 256
    text = tab.run("document.querySelector('#answer').innerText")
    for words in ("Woman, 70", "who does not exist", "Typicality", "cannot be inferred from a voice"):
        assert words in text
    seconds = tab.run(
        "new Promise(done => { const a = document.querySelector('#answer audio');"
        "a.onloadedmetadata = () => done(a.duration); a.onerror = () => done(-1); a.load(); })"
    )
    assert 3 < seconds < 10


def test_a_click_shows_another_face_large(tab: Tab) -> None:
    choose(tab, 0)
    tab.run("document.querySelectorAll('.choices button')[3].click()")
    assert chosen(tab) == sources(tab)[3]
    pressed = tab.run("[...document.querySelectorAll('.choices button')].map(b => b.ariaPressed)")
    assert pressed == ["false", "false", "false", "true", "false", "false"]


def test_other_faces_are_of_the_same_voice(tab: Tab) -> None:
    choose(tab, 0)
    first = sources(tab)
    tab.run("document.querySelector('#answer .dfg').setAttribute('data-old', '')")
    tab.run(f"{OTHERS}.click()")
    assert tab.run("document.querySelector('.large [role=status]')?.innerText ?? ''") in (
        "Generating faces \u2026",
        "",
    )
    answered(tab)
    second = sources(tab)
    assert len(second) == 6
    assert not set(first) & set(second)
    assert "Woman, 24" in tab.run("document.querySelector('#answer').innerText")
    assert tab.run(f"{OTHERS}.disabled") is False


def test_variety_changes_the_faces(tab: Tab) -> None:
    choose(tab, 0)
    first = sources(tab)
    tab.run("document.querySelector('#answer .dfg').setAttribute('data-old', '')")
    tab.run(
        "(() => { const s = document.querySelector('[data-do=vary]'); s.value = 0;"
        "s.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    answered(tab)
    assert len(set(sources(tab))) == 1
    assert sources(tab)[0] not in first
    assert tab.run("document.querySelector('[data-do=vary]').value") == "0"


def test_a_face_is_saved_as_png(demo: Demo, tab: Tab, tmp_path: Path) -> None:
    choose(tab, 1)
    tab.run("document.querySelectorAll('.choices button')[2].click()")
    ((name, face),) = saved(demo, tab, tmp_path, "save").items()
    assert name == "man-33-face-3.png"
    assert (face.format, face.size) == ("PNG", (512, 512))
    assert len(face.convert("RGB").getcolors(2**20) or []) > 100


def test_all_faces_are_saved_as_one_png(demo: Demo, tab: Tab, tmp_path: Path) -> None:
    choose(tab, 1)
    ((name, faces),) = saved(demo, tab, tmp_path, "save-all").items()
    assert name == "man-33-faces.png"
    assert (faces.format, faces.size) == ("PNG", (768, 512))
    cells = [
        faces.convert("RGB").crop((x, y, x + 256, y + 256)).tobytes() for y in (0, 256) for x in (0, 256, 512)
    ]
    shown = [base64.b64decode(source.partition(",")[2]) for source in sources(tab)]
    assert cells == [Image.open(io.BytesIO(face)).convert("RGB").tobytes() for face in shown]
    assert len(set(cells)) == 6


def test_more_comes_on_request_and_its_slider_walks_from_the_first_face_to_the_second(tab: Tab) -> None:
    choose(tab, 0)
    assert not tab.run(there("#more .frame"))
    tab.run("document.querySelector('#more details').open = true")
    until(tab, there("#more .frame"))
    requests = len(tab.events_of("Network.requestWillBeSent"))
    slide = (
        "(k => { const s = document.querySelector('#more input[type=range]'); s.value = k;"
        "s.dispatchEvent(new Event('input', {bubbles: true}));"
        "const all = [...document.querySelectorAll('#more .frame img')];"
        "return all.filter(i => i.checkVisibility()).map(i => i.src); })"
    )
    generated = sources(tab)
    assert tab.run(f"{slide}(12)") == [generated[1]]
    assert tab.run(f"{slide}(0)") == [generated[0]]
    middle = tab.run(f"{slide}(6)")
    assert len(middle) == 1
    assert middle[0] not in generated
    sent = [event["request"]["url"] for event in tab.events_of("Network.requestWillBeSent")[requests:]]
    assert [url for url in sent if not url.startswith("data:")] == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, PHONE])
def test_the_page_fits_a_phone_and_no_word_is_broken(
    opening: Callable[[int], Tab], width: int, dark: bool
) -> None:
    tab = opening(width)
    choose(tab, 0)
    tab.show(width, 800, dark=dark)
    for name in ("People", "Model", "Generate"):
        turn_to(tab, name)
        assert tab.run("[innerWidth, document.documentElement.scrollWidth]") == [width, width], name
        beyond = "[...document.querySelectorAll('.dfg img, .dfg button, .dfg-card td, .dfg-card th')]"
        beyond += ".filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth).length"
        assert tab.run(beyond) == 0, name
        assert tab.run(BROKEN) == [], name


def test_on_a_phone_the_place_of_the_face_is_above_the_boxes_for_ones_own_voice(
    opening: Callable[[int], Tab],
) -> None:
    tab = opening(PHONE)
    tab.show(PHONE, 844, dark=False)
    top = "document.querySelector('{}').getBoundingClientRect()"
    assert tab.run(f"{top.format('#answer')}.bottom <= 844")
    assert tab.run(f"{top.format('#answer')}.bottom <= {top.format('#own')}.top")
    choose(tab, 0)
    until(
        tab, "(r => r.top >= 0 && r.bottom <= 844)(document.querySelector('.large').getBoundingClientRect())"
    )


def test_without_a_microphone_its_box_says_so_in_full(opening: Callable[[int], Tab]) -> None:
    """The list of microphones with the words of a machine that has none."""
    for width in (PHONE, DESK):
        tab = opening(width)
        room = tab.run(
            "(() => { const list = document.querySelector('#spoken .mic-select');"
            "list.innerHTML = '<option>No microphone found</option>';"
            "const style = getComputedStyle(list), pen = document.createElement('canvas').getContext('2d');"
            "pen.font = style.font; return list.clientWidth - parseFloat(style.paddingLeft)"
            "- parseFloat(style.paddingRight) - pen.measureText('No microphone found').width; })()"
        )
        assert room >= -1, width
