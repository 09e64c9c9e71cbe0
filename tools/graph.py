"""Write the stages of dvc.yaml and what each needs as a Mermaid graph between the marks in
docs/architecture.md."""

from __future__ import annotations

import sys
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "architecture.md"
START, END = "<!-- graph:start -->\n", "<!-- graph:end -->\n"
PERHAPS = "watch"  # one for each folder in watch.folders: a dotted line, for there may be none


def stages(pipeline: dict[str, Any]) -> dict[str, tuple[set[str], set[str]]]:
    """Name of each stage, as DVC names it (`evaluate@cgan`) -> what it reads, and what it writes."""
    found = {}
    for name, entry in pipeline.items():
        body = entry.get("do", entry)
        for key, item in _instances(entry):
            wanted, written = (
                {
                    path.replace("${key}", key).replace("${item}", item).replace("${item.system}", key)
                    for field in fields
                    for path in _paths(body.get(field, []))
                }
                for fields in (("deps",), ("outs", "metrics", "plots"))
            )
            found[f"{name}@{key}" if key else name] = (wanted, written)
    return found


def needs(found: dict[str, tuple[set[str], set[str]]]) -> dict[str, set[str]]:
    """Stage -> the stages that it needs directly; without those that it needs through another one as well."""
    direct = {
        name: {
            other
            for other, (_, written) in found.items()
            if other != name and any(_overlap(a, b) for a in wanted for b in written)
        }
        for name, (wanted, _) in found.items()
    }
    return {
        name: {other for other in others if not any(other in _all(direct, via) for via in others - {other})}
        for name, others in direct.items()
    }


def mermaid(pipeline: dict[str, Any]) -> str:
    """The block between the marks."""
    lines = ["```mermaid", "flowchart LR"]
    for name, others in needs(stages(pipeline)).items():
        for other in sorted(others):
            arrow = "-.->" if other.startswith(PERHAPS) else "-->"
            lines.append(f"    {_node(other)} {arrow} {_node(name)}")
    return "\n".join([*lines, "```"]) + "\n"


def with_graph(document: str, pipeline: dict[str, Any]) -> str:
    """`document` with the graph written anew."""
    before, _, rest = document.partition(START)
    return before + START + mermaid(pipeline) + END + rest.partition(END)[2]


def _instances(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """(key, item) of each instance of a stage; one without a key for a stage that has none."""
    if "matrix" in entry:
        return [(key, key) for key in entry["matrix"]["system"]]
    over = entry.get("foreach")
    if isinstance(over, dict):
        return list(over.items())
    return [("folder", "folder")] if over else [("", "")]


def _paths(listed: list[Any]) -> list[str]:
    return [path if isinstance(path, str) else next(iter(path)) for path in listed]


def _overlap(one: str, other: str) -> bool:
    """Is one of them the other, or inside it?"""
    a, b = PurePosixPath(one), PurePosixPath(other)
    return a.is_relative_to(b) or b.is_relative_to(a)


def _all(direct: dict[str, set[str]], name: str) -> set[str]:
    """Every stage that this one needs, directly or not."""
    return direct[name].union(*(_all(direct, other) for other in direct[name]))


def _node(name: str) -> str:
    """`evaluate@cgan` -> an id that Mermaid takes, with the name as DVC has it."""
    return f'{name.replace("@", "_")}["{name}"]' if "@" in name else name


def main() -> int:
    pipeline = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    DOCUMENT.write_text(with_graph(DOCUMENT.read_text(encoding="utf-8"), pipeline), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
