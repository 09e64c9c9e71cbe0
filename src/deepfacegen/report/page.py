"""The static page: one file with everything inside."""

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
    leaderboard,
    lists,
    matching,
    pictures,
    refined,
    result,
    verification,
)
from deepfacegen.report.values import HEADLINE, decimal, number, percent, signed, words


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
    """Sections that belong together in the table of contents; those of a system carry its name."""

    name: str
    sections: list[Section]


def render(found: Collected, config: Config) -> str:
    """The page as HTML."""
    several = len(found.systems) > 1
    table = leaderboard.view(found.systems, found.skipped)
    chapters = [Chapter("", [Section("sections/leaderboard", "systems", "All systems", table)])]
    for k, (name, metrics) in enumerate(found.systems.items()):
        ending, whose = "" if k == 0 else f"-{slug(name)}", f": {name}" if several else ""
        people, retrieved = found.people.get(name), found.retrieved.get(name, {})
        parts = (
            ("result", "Result", result.view(metrics)),
            ("people", "Unseen people", pictures.people(people, config)),
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
        )
        sections = [
            Section(f"sections/{part}", f"{part}{ending}", f"{title}{whose}", data)
            for part, title, data in parts
        ]
        chapters.append(Chapter(name if several else "", sections))
    for name, made in found.refined.items():
        title = f"Refined faces: {name}"
        chapters.append(
            Chapter(name, [Section("sections/refined", f"refined-{slug(name)}", title, refined.view(made))])
        )
    bounded = any("upper_bound" in metrics for metrics in found.systems.values())
    ends = (
        ("published", "Published figures", ROWS),
        ("training", "Training", facts.training(found)),
        ("data", "Data", facts.accounting(found)),
        ("terms", "Terms", {"upper_bound": bounded}),
        ("reproduce", "Reproduce", facts.reproduction(found, config)),
    )
    sections = [Section(f"sections/{part}", part, title, data) for part, title, data in ends]
    chapters.append(Chapter("All systems" if several else "", sections))
    kept = [Chapter(chapter.name, [s for s in chapter.sections if s.data]) for chapter in chapters]
    template = environment().get_template("report.html.j2")
    return template.render(
        title="Deep Face Gen: report",
        chapters=[chapter for chapter in kept if chapter.sections],
        sample=config.data.source == "sample",
    )


def write(found: Collected, config: Config, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(render(found, config), encoding="utf-8")
    return path


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
    made.globals |= {"HEADLINE": HEADLINE}
    return made


def slug(name: str) -> str:
    """A name as part of an HTML id: what is neither letter nor digit becomes its code point, so that two
    names never fall together."""
    return re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}", name)
