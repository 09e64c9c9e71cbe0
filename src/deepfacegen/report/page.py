"""The static page: one file, everything inside it, nothing fetched from anywhere."""

from __future__ import annotations

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
    asked,
    facts,
    fairness,
    leaderboard,
    lists,
    matching,
    pictures,
    refined,
    result,
    shown,
)
from deepfacegen.report.values import HEADLINE, decimal, number, percent, signed, words


@dataclass(frozen=True)
class Section:
    """A part of the page: its template (`section_<template>.html.j2`), where links lead, its heading and what
    the template shows."""

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
    chapters = [
        Chapter(
            "",
            _kept(
                [
                    Section(
                        "leaderboard",
                        "systems",
                        "The systems side by side",
                        leaderboard.view(found.systems, found.skipped),
                    )
                ]
            ),
        )
    ]
    for k, name in enumerate(found.systems):
        ending = "" if k == 0 else f"-{slug(name)}"
        chapters.append(
            Chapter(
                name if several else "",
                _of_system(name, found, config, ending, f": {name}" if several else ""),
            )
        )
    for name, made in found.refined.items():
        chapters.append(
            Chapter(
                name,
                [
                    Section(
                        "refined",
                        f"refined-{slug(name)}",
                        f"Low-res faces drawn large: {name}",
                        refined.view(made),
                    )
                ],
            )
        )
    chapters.append(
        Chapter(
            "All systems" if several else "",
            _kept(
                [
                    Section("published", "published", "Published figures", ROWS),
                    Section("training", "training", "How it learned", facts.training(found)),
                    Section("data", "data", "Where the data went", facts.accounting(found)),
                    Section(
                        "words",
                        "words",
                        "What the words mean",
                        {"upper_bound": any("upper_bound" in metrics for metrics in found.systems.values())},
                    ),
                    Section("again", "again", "To run it again", facts.again(found, config)),
                ]
            ),
        )
    )
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title="Deep Face Gen: report",
            chapters=[chapter for chapter in chapters if chapter.sections],
            sample=config.data.source == "sample",
        )
    )


def write(found: Collected, config: Config, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(render(found, config), encoding="utf-8")
    return path


def environment() -> jinja2.Environment:
    """Templates with the page's filters; whatever comes from data is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("deepfacegen.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    filters: dict[str, Callable[..., str]] = {
        "percent": percent,
        "number": number,
        "decimal": decimal,
        "words": words,
        "signed": signed,
    }
    made.filters |= filters
    made.globals |= {"HEADLINE": HEADLINE}
    return made


def slug(name: str) -> str:
    """A name as part of an HTML id: what is neither letter nor digit becomes its code point, so that two
    names never fall together."""
    return re.sub(r"[^A-Za-z0-9-]", lambda found: f"_{ord(found[0]):x}", name)


def _of_system(name: str, found: Collected, config: Config, ending: str, whose: str) -> list[Section]:
    metrics, people = found.systems[name], found.people.get(name)
    parts = (
        ("result", "The result", result.view(metrics)),
        ("people", "Voices it had never heard", pictures.people(people, config)),
        ("nearest", "Whose face comes nearest", asked.nearest(found.retrieved.get(name, {}), people)),
        ("groups", "Impostor groups", matching.groups(metrics)),
        ("many", "One among many, 1:N", matching.one_of_many(metrics)),
        ("asked", "Verification and retrieval", asked.view(metrics)),
        ("judges", "Other judges", matching.judges(metrics)),
        ("shown", "What the faces show", shown.view(metrics)),
        ("duration", "Seconds of speech", shown.by_duration(metrics)),
        ("quality", "Image quality", pictures.quality(metrics)),
        ("fairness", "Fairness", fairness.view(metrics)),
        ("audit", "What no voice can tell", pictures.audit(metrics)),
        ("lists", "Published trial lists", lists.view(metrics)),
    )
    return _kept([Section(part, f"{part}{ending}", f"{title}{whose}", data) for part, title, data in parts])


def _kept(sections: list[Section]) -> list[Section]:
    """Those that have something to show."""
    return [section for section in sections if section.data]
