"""Write docs/parameters.md: every parameter with its value, its range and its meaning, from the code,
params.yaml, the presets and dvc.yaml."""

from __future__ import annotations

import dataclasses
import sys
import typing
from pathlib import Path
from typing import Any

import yaml

from deepfacegen.config.schema import Config, load, to_dict

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "parameters.md"
HEAD = """\
# Parameters

Every key of `params.yaml`: its value, the allowed values, and its meaning. The last column has other values
of the presets ({presets}).
`python tools/parameters.py` writes this page from the code, `params.yaml`, the presets and `dvc.yaml`; do not
edit it.

An unknown key or a value that is not allowed is an error, in one line, before any work starts.
`dvc exp run -S train.lr=1e-4` sets a key for one experiment. Hardware is not a parameter: the number of
processes and the device come from the environment.

Sections: {sections}.
"""


def page() -> str:
    """The whole document."""
    default = to_dict(load(ROOT / "params.yaml"))
    presets = {path.stem: to_dict(load(path)) for path in sorted((ROOT / "params").glob("*.yaml"))}
    by_section = stages_by_section()
    sections = dataclasses.fields(Config)
    named = ", ".join(f"[`params/{name}.yaml`](../params/{name}.yaml)" for name in presets)
    links = ", ".join(f"[{section.name}](#{section.name})" for section in sections)
    parts = [HEAD.format(presets=named, sections=links)]
    for section in sections:
        stages = by_section[section.name]
        named_stages = ", ".join(f"`{stage}`" for stage in stages)
        rows = [
            f"## {section.name}\n",
            f"Read by the stage{'s' if len(stages) > 1 else ''} {named_stages}.\n",
        ]
        rows += ["| key | value | allowed | meaning | presets |", "|---|---|---|---|---|"]
        hints = typing.get_type_hints(type(section.default))
        for field in dataclasses.fields(typing.cast(Any, section.default)):
            value = default[section.name][field.name]
            others = {
                name: preset[section.name][field.name]
                for name, preset in presets.items()
                if preset[section.name][field.name] != value
            }
            cells = (
                f"`{field.name}`",
                f"`{_text(value)}`",
                allowed(hints[field.name], field.metadata),
                _cell(field.metadata["doc"]),
                ", ".join(f"{name}: `{_text(other)}`" for name, other in others.items()),
            )
            rows.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def allowed(hint: Any, limits: typing.Mapping[str, Any]) -> str:
    """`0 to 1`, `one of a, b`, `true, false`, `text` ...; `or null` behind what may be left out."""
    kinds = [kind for kind in typing.get_args(hint) or (hint,) if kind is not type(None)]
    optional = " or null" if len(typing.get_args(hint)) > len(kinds) else ""
    if typing.get_origin(hint) is tuple:
        return "list of texts"
    kind, low, high = kinds[0], limits["low"], limits["high"]
    if limits["choices"] is not None:
        return ", ".join(f"`{choice}`" for choice in limits["choices"]) + optional
    if kind is bool:
        return "`true`, `false`" + optional
    if kind is str:
        return "text" + optional
    noun = "whole number" if kind is int else "number"
    if low is None and high is None:
        return noun + optional
    bounds = (
        f"{low:g} to {high:g}"
        if low is not None and high is not None
        else f"from {low:g}"
        if low is not None
        else f"up to {high:g}"
    )
    return f"{noun}, {bounds}{optional}"


def stages_by_section() -> dict[str, list[str]]:
    """Section of params.yaml -> the stages of dvc.yaml that depend on it, in the pipeline's order."""
    readers: dict[str, list[str]] = {}
    for name, entry in _read(ROOT / "dvc.yaml")["stages"].items():
        for section in entry.get("do", entry).get("params", []):
            systems = entry.get("matrix", {}).get("system", []) if section == "${item.system}" else [None]
            for system in systems:
                readers.setdefault(system or section, []).append(f"{name}@{system}" if system else name)
    return readers


def _read(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def _text(value: Any) -> str:
    """A value as YAML writes it."""
    return str(yaml.safe_dump(value, width=1000, default_flow_style=True)).removesuffix("...\n").strip()


def _cell(text: str) -> str:
    """A comment as a cell of a table, in which `<id>` is no tag and `|` no border."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    DOCUMENT.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
