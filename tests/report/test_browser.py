"""The pages in a real browser: nothing is fetched, nothing fails; all fits, can be read and be reached, on
phone and desk, by day and night."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deepfacegen.config.schema import from_dict
from deepfacegen.report import compare, page
from deepfacegen.report.collect import collect
from deepfacegen.report.revisions import Run
from tests.report import browser, made
from tests.report.browser import Browser, Tab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(browser.find() is None, reason="no Chromium on this machine"),
]

PHONE, DESK = 360, 1280
SIZES = [(width, dark) for width in (PHONE, DESK) for dark in (False, True)]
PAGES = ("report", "cgan", "compare")
# The main page: screen, and how many of them it may take.
MOST_SCREENS = ((1280, 900, 10), (390, 844, 15))
# The page of a system, its tables folded away.
MOST_SCREENS_OF_A_SYSTEM = ((1280, 900, 20), (390, 844, 32))
SPEECH_SECONDS = 0.3  # of the made-up people
SMALLEST_TEXT_PX = 11

# Contrast of every piece of text against the nearest background behind it (WCAG 2.2, 1.4.3); those that fall
# short, each with its ratio.
CONTRAST = """
(() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const rgba = text => text.match(/[\\d.]+/g).map(Number);
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = rgba(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  const bad = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || e.closest('title, style') || !e.checkVisibility()) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
    const one = light(rgba(e.namespaceURI.endsWith('svg') ? style.fill : style.color));
    const other = light(behind(e));
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    seen += 1;
    const text = walker.currentNode.data.trim().slice(0, 40);
    const least = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
    if (ratio < least) bad.push(`${e.tagName} ${text}: ${ratio.toFixed(2)}`);
  }
  return {seen, bad};
})()
"""
# Visible text of charts: how large it is on the screen, and whether it stays within the page.
CHART_TEXT = """
[...document.querySelectorAll('svg text')].filter(t => t.checkVisibility()).map(t => {
  const svg = t.ownerSVGElement, box = t.getBoundingClientRect();
  return {
    px: parseFloat(getComputedStyle(t).fontSize)
      * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width,
    inside: box.left >= 0 && box.right <= innerWidth,
    text: t.textContent,
  };
})
"""


# Text of charts that an upright line runs through, such as that of chance.
CROSSED = """
[...document.querySelectorAll('svg')].filter(s => s.checkVisibility()).flatMap(svg => {
  const number = '(-?[\\d.]+)', segment = new RegExp(`M ${number} ${number} L ${number} ${number}`, 'g');
  const lines = [...svg.querySelectorAll('path')].flatMap(p => [...p.getAttribute('d').matchAll(segment)])
    .map(m => m.slice(1).map(Number)).filter(([x, , other]) => x === other);
  return [...svg.querySelectorAll('text')].filter(text => {
    const box = text.getBBox();
    return lines.some(([x, top, , end]) => x > box.x && x < box.x + box.width
      && Math.min(top, end) < box.y + box.height - 3 && Math.max(top, end) > box.y + 3);
  }).map(text => text.textContent);
})
"""
# What scrolls sideways without saying so right above it.
UNSAID = """
[...document.querySelectorAll('main div')]
  .filter(d => d.checkVisibility() && d.scrollWidth > d.clientWidth + 1)
  .filter(d => getComputedStyle(d).overflowX === 'auto' && !d.previousElementSibling?.matches('.hint'))
  .map(d => d.getAttribute('aria-label'))
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser.started(tmp_path_factory.mktemp("browser") / "profile") as started:
        yield started


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    found = collect(made.write(folder / "run", made.systems()))
    runs = [
        Run(f"run-{k}", f"{k}234567", {"train": {"lr": 0.1 * k}}, {"cgan": made.evaluated(k, 0.01 * k)})
        for k in range(1, 7)
    ]
    config = from_dict({"report": {"people": 3, "draws": 2}})
    main = page.write(found, config, folder / "report")
    return {
        "report": main.as_uri(),
        "cgan": main.with_name("cgan.html").as_uri(),
        "compare": compare.write(runs, folder / "compare.html").as_uri(),
    }


@pytest.fixture(scope="module", params=PAGES)
def tab(request: pytest.FixtureRequest, running: Browser, addresses: dict[str, str]) -> Tab:
    """A page with all that it folds away unfolded."""
    tab = browser.opened(running, addresses[request.param])
    tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    return tab


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_page_fits_the_screen(tab: Tab, width: int, dark: bool) -> None:
    tab.show(width, 800, dark=dark)
    assert tab.run("innerWidth") == width
    assert tab.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "dark"), SIZES)
def test_text_stands_out_from_its_background(tab: Tab, width: int, dark: bool) -> None:
    tab.show(width, 800, dark=dark)
    found = tab.run(CONTRAST)
    assert found["seen"] > 200
    assert found["bad"] == []


@pytest.mark.parametrize(("width", "height", "most"), MOST_SCREENS)
def test_the_main_page_is_short_and_begins_with_faces_and_the_chart(
    running: Browser, addresses: dict[str, str], width: int, height: int, most: int
) -> None:
    tab = browser.opened(running, addresses["report"], width, height)
    assert tab.run("document.documentElement.scrollHeight") <= most * height
    first = "document.querySelector('{}').getBoundingClientRect().bottom"
    assert tab.run(first.format(".people li:first-child .faces")) <= height
    if width == DESK:
        assert tab.run(first.format(".people")) <= height
        assert tab.run(first.format(".first svg.wide")) <= height
        assert tab.run("document.querySelectorAll('.first audio').length") == 3


@pytest.mark.parametrize(("width", "height", "most"), MOST_SCREENS_OF_A_SYSTEM)
def test_the_page_of_a_system_begins_with_the_headline_and_folds_its_tables(
    running: Browser, addresses: dict[str, str], width: int, height: int, most: int
) -> None:
    tab = browser.opened(running, addresses["cgan"], width, height)
    assert tab.run("document.documentElement.scrollHeight") <= most * height
    headline = "document.querySelector('.value').getBoundingClientRect().bottom + scrollY"
    assert tab.run(headline) <= height * (1 if width == DESK else 2)
    assert tab.run("document.querySelectorAll('details[open]').length") <= 1


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_no_line_runs_through_the_text_of_a_chart(tab: Tab, width: int) -> None:
    tab.show(width, 800, dark=False)
    assert tab.run(CROSSED) == []


@pytest.mark.parametrize("width", [PHONE, 390])
def test_whatever_scrolls_sideways_says_so(tab: Tab, width: int) -> None:
    tab.show(width, 800, dark=False)
    assert tab.run(UNSAID) == []


def test_no_table_of_the_main_page_scrolls_sideways(running: Browser, addresses: dict[str, str]) -> None:
    tab = browser.opened(running, addresses["report"], 390, 844)
    assert tab.run("document.querySelectorAll('.table').length") > 3
    wide = "[...document.querySelectorAll('.table, .scroll')].filter(d => d.scrollWidth > d.clientWidth + 1)"
    assert tab.run(f"{wide}.length") == 0


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_charts_can_be_read(tab: Tab, width: int) -> None:
    tab.show(width, 800, dark=False)
    texts = tab.run(CHART_TEXT)
    assert len(texts) > 20
    assert [text for text in texts if text["px"] < SMALLEST_TEXT_PX or not text["inside"]] == []


@pytest.mark.parametrize(("width", "shown", "hidden"), [(PHONE, "narrow", "wide"), (DESK, "wide", "narrow")])
def test_of_a_chart_in_two_widths_one_is_shown(tab: Tab, width: int, shown: str, hidden: str) -> None:
    tab.show(width, 800, dark=False)
    visible = {
        kind: tab.run(f"[...document.querySelectorAll('svg.{kind}')].map(e => e.checkVisibility())")
        for kind in (shown, hidden)
    }
    assert visible[shown]
    assert all(visible[shown])
    assert not any(visible[hidden])


def test_day_and_night_differ(tab: Tab) -> None:
    tab.show(DESK, 800, dark=False)
    day = tab.run("getComputedStyle(document.body).backgroundColor")
    tab.show(DESK, 800, dark=True)
    assert tab.run("getComputedStyle(document.body).backgroundColor") != day
    accent = "getComputedStyle(document.querySelector('svg circle')).stroke"
    night = tab.run(accent)
    tab.show(DESK, 800, dark=False)
    assert tab.run(accent) != night


def test_whatever_is_wider_than_its_place_scrolls_by_keyboard(tab: Tab) -> None:
    tab.show(PHONE, 800, dark=False)
    wide = "[...document.querySelectorAll('main div')].filter(d => "
    wide += "d.scrollWidth > d.clientWidth + 1 && getComputedStyle(d).overflowX === 'auto')"
    assert tab.run(f"{wide}.every(d => d.tabIndex === 0 && d.getAttribute('aria-label'))") is True
    assert tab.run("document.documentElement.scrollWidth") <= PHONE


def test_first_key_leads_past_the_contents(tab: Tab) -> None:
    tab.show(DESK, 800, dark=False)
    tab.run("scrollTo(0, 0); document.activeElement.blur()")
    for key in ("Tab", "Enter"):
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if (key, kind) == ("Enter", "keyDown") else {}
            code = {"Tab": 9, "Enter": 13}[key]
            tab.browser.call(
                "Input.dispatchKeyEvent",
                tab.session,
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **text,
            )
        if key == "Tab":
            assert tab.run("document.activeElement.className") == "skip"
            assert tab.run("document.activeElement.getBoundingClientRect().left") >= 0
    assert tab.run("location.hash") == "#main"


def test_nothing_moves_for_those_who_ask_for_that(tab: Tab) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    for wish, found in (("reduce", "auto"), ("no-preference", "smooth")):
        tab.browser.call(
            "Emulation.setEmulatedMedia",
            tab.session,
            features=[{"name": "prefers-reduced-motion", "value": wish}],
        )
        assert tab.run(behaviour) == found


def test_page_has_landmarks_and_every_picture_a_name(tab: Tab) -> None:
    """As the browser tells a screen reader."""
    tab.show(DESK, 800, dark=False)
    tab.browser.call("Accessibility.enable", tab.session)
    tree = tab.browser.call("Accessibility.getFullAXTree", tab.session)["nodes"]
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored") and "role" in node
    ]
    roles = [role for role, _ in nodes]
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert roles.count(landmark) == 1, landmark
    named = [
        (role, name)
        for role, name in nodes
        if role in ("image", "region", "Audio", "table", "link", "heading")
    ]
    assert [pair for pair in named if not pair[1]] == []
    assert any(role in ("image", "table") for role, _ in named)


def test_every_picture_and_voice_is_whole(running: Browser, addresses: dict[str, str]) -> None:
    tab = browser.opened(running, addresses["report"])
    pictures = tab.run(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth, () => 0)))"
    )
    assert len(pictures) >= 3 * 3
    assert min(pictures) > 0
    heard = tab.run(
        "Promise.all([...document.querySelectorAll('audio')].map(a => new Promise((done, failed) => {"
        "a.onloadedmetadata = () => done(a.duration); "
        "a.onerror = () => failed(a.error.message); a.load(); })))"
    )
    assert heard == pytest.approx([SPEECH_SECONDS] * 3)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_fetched_and_nothing_fails(running: Browser, addresses: dict[str, str], name: str) -> None:
    tab = browser.opened(running, addresses[name])
    tab.run(
        "new Promise(done => { scrollTo(0, document.body.scrollHeight); "
        "requestAnimationFrame(() => requestAnimationFrame(done)) })"
    )
    urls = [event["request"]["url"] for event in tab.events_of("Network.requestWillBeSent")]
    assert addresses[name] in urls
    assert {address for address in urls if not address.startswith("data:")} == {addresses[name]}
    for event in (
        "Runtime.exceptionThrown",
        "Runtime.consoleAPICalled",
        "Log.entryAdded",
        "Network.loadingFailed",
    ):
        assert tab.events_of(event) == []


def test_the_browser_tells_of_what_these_tests_look_for(running: Browser, tmp_path: Path) -> None:
    """A page with every fault is found out: without this, silence would prove nothing."""
    path = tmp_path / "bad.html"
    path.write_text(
        "<!doctype html><body style='width: 2000px; color: #999; background: #aaa'>faint"
        "<img src='https://example.org/a.png'><script>console.error('x'); throw new Error('y')</script>",
        encoding="utf-8",
    )
    tab = browser.opened(running, path.as_uri(), width=PHONE)
    assert any(
        event["request"]["url"].startswith("https://") for event in tab.events_of("Network.requestWillBeSent")
    )
    for event in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Network.loadingFailed"):
        assert tab.events_of(event)
    assert tab.run("document.documentElement.scrollWidth") > PHONE
    assert tab.run(CONTRAST)["bad"]
    assert tab.run("[...document.images].map(i => i.naturalWidth)") == [0]
