"""The static pages: a short main page, one for each system, and one for the run. Each file has everything
inside."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from deepfacegen.config.schema import Config
from deepfacegen.report.collect import Collected
from deepfacegen.report.published import ROWS
from deepfacegen.report.sections import (
    attributes,
    duration,
    facts,
    fairness,
    front,
    leaderboard,
    lists,
    matching,
    pictures,
    refined,
    result,
    summary,
    verification,
)
from deepfacegen.report.values import HEADLINE, decimal, number, percent, signed, words

MAIN, RUN = "index.html", "run.html"


@dataclass(frozen=True)
class Section:
    """A part of the page: its template (without `.html.j2`), its id, its heading and the template's
    data. Without data it is left out."""

    template: str
    id: str
    title: str
    data: Any


@dataclass(frozen=True)
class Chapter:
    """Sections that belong together in the table of contents."""

    name: str
    sections: list[Section]


def render(found: Collected, config: Config) -> dict[str, str]:
    """The pages as HTML by file name: the main page, one for each system and refiner, and one for the run."""
    pages = {name: f"{slug(name)}.html" for name in (*found.systems, *found.refined)}
    bodies = {
        MAIN: ("main.html.j2", "Deep Face Gen: report", _main(found, config, pages)),
        **{
            pages[name]: ("system.html.j2", name, _system(name, found, config, pages))
            for name in found.systems
        },
        **{pages[name]: ("system.html.j2", name, _refiner(name, found, pages)) for name in found.refined},
        RUN: ("system.html.j2", "Data, training and parameters", _run(found, config, pages)),
    }
    more: dict[str, Any] = {
        "sentences": front.sentences(found, config),
        "pages": {**pages, "data and training": RUN},
        "sample": config.data.source == "sample",
    }
    return {
        name: environment()
        .get_template(template)
        .render(title=title, here=name, chapters=[Chapter("", [s for s in sections if s.data])], **more)
        for name, (template, title, sections) in bodies.items()
    }


def write(found: Collected, config: Config, folder: Path) -> Path:
    """Write all pages; returns the main one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render(found, config).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / MAIN


def _main(found: Collected, config: Config, pages: dict[str, str]) -> list[Section]:
    name, metrics = next(iter(found.systems.items()))
    table = {**leaderboard.view(found.systems, found.skipped), "pages": pages}
    bounded = any("upper_bound" in metrics for metrics in found.systems.values())
    return _sections(
        ("front", "Unseen people: faces from their voices", front.view(found, config)),
        ("leaderboard", "Accuracy of every system", table),
        (
            "summary",
            f"{name}: baselines and image quality",
            summary.view(name, metrics, found.sheets.get(name)),
        ),
        ("published", "Published figures", ROWS),
        ("terms", "Terms", {"upper_bound": bounded}),
        folder="main",
    )


def _system(name: str, found: Collected, config: Config, pages: dict[str, str]) -> list[Section]:
    metrics = found.systems[name]
    people, retrieved = found.people.get(name), found.retrieved.get(name, {})
    return _sections(
        ("result", "Result", result.view(metrics)),
        ("people", "Unseen people", pictures.people(people, config)),
        ("moves", "What moves a face", pictures.moves(found.moves.get(name, {}))),
        ("nearest", "Nearest real faces", verification.nearest(retrieved, people)),
        ("groups", "Impostor groups", matching.groups(metrics)),
        ("many", "Choice among N (1:N)", matching.one_of_many(metrics)),
        ("verification", "Verification and retrieval", verification.view(metrics)),
        ("judges", "Other judges", matching.judges(metrics)),
        ("attributes", "Attributes", attributes.view(metrics)),
        ("duration", "Seconds of speech", duration.view(metrics)),
        ("quality", "Image quality", pictures.quality(metrics, found.sheets.get(name))),
        ("fairness", "Fairness", fairness.view(metrics)),
        ("null_attributes", "Null attributes", pictures.audit(metrics)),
        ("lists", "Published trial lists", lists.view(metrics)),
        ("training", "Training", facts.training(found, name, pages)),
    )


def _refiner(name: str, found: Collected, pages: dict[str, str]) -> list[Section]:
    return _sections(
        ("refined", "Refined faces", refined.view(found.refined[name])),
        ("training", "Training", facts.training(found, name, pages)),
    )


def _run(found: Collected, config: Config, pages: dict[str, str]) -> list[Section]:
    return _sections(
        ("ranked", "Verification and retrieval by every system", leaderboard.ranked(found.systems)),
        ("data", "Data", facts.accounting(found)),
        ("training", "Training of what systems share", facts.training(found, "", pages)),
        ("reproduce", "Reproduce", facts.reproduction(found, config)),
    )


def _sections(*parts: tuple[str, str, Any], folder: str = "sections") -> list[Section]:
    return [Section(f"{folder}/{part}", part, title, data) for part, title, data in parts]


@functools.cache
def environment() -> jinja2.Environment:
    """Templates with the page's filters; whatever comes from data is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("deepfacegen.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    filters: tuple[Callable[..., str], ...] = (percent, number, decimal, words, signed)
    made.filters |= {function.__name__: function for function in filters}
    made.globals |= {"HEADLINE": HEADLINE, "MAIN": MAIN}
    return made


def slug(name: str) -> str:
    """A name as part of an HTML id: what is neither letter nor digit becomes its code point, so that two
    names never fall together."""
    return re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}", name)
