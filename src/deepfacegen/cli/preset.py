"""The command `preset`: parameters for other data, from files with what differs from the defaults."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import statistics
import sys
from pathlib import Path
from typing import Any

import yaml

from deepfacegen.config.schema import Config, ConfigError, flatten, from_dict, load
from deepfacegen.data.files import file_names
from deepfacegen.errors import UserError, did_you_mean, reason

PARAMS, PRESETS = Path("params.yaml"), Path("params")
DESCRIPTION = """\
Write the parameters of a preset into params.yaml, or list the presets.

    deepfacegen preset                       the presets in params/, one line each
    deepfacegen preset few_people --diff     what the preset changes in params.yaml
    deepfacegen preset few_people            write it
    deepfacegen preset mine.yaml             write a preset of your own
"""
DETAILS = """\
A preset is a YAML file with sections and keys as in params.yaml. It holds only what differs from the
defaults, the values of params.yaml as committed. Every key that it leaves out gets its default, also if an
earlier preset had set it. Comments and layout of params.yaml stay. Nothing is written unless all is valid.

If params.yaml holds values of your own that the preset would overwrite, the command names them and stops;
--force overwrites them. `git checkout params.yaml` brings the defaults back.

exit codes: 0 done; 1 nothing is written, the reason is on stderr; 2 wrong usage
"""
# Shells look for names when the user types, not when the script is made.
_NAME = "_deepfacegen_presets"
_NAMES = r"$(ls params 2>/dev/null | sed -n 's/\.yaml$//p')"
_COMPLETE = {
    "bash": _NAME,
    "zsh": _NAME,
    "preamble": {
        "bash": f'{_NAME}() {{ compgen -W "{_NAMES}" -- "$1" || compgen -f -X "!*.yaml" -- "$1"; }}',
        "zsh": f"{_NAME}() {{ compadd -- {_NAMES} || _files -g '*.yaml'; }}",
    },
}


def add_parsers(commands: Any) -> None:
    """The command `preset`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser("preset", help="parameters for other data", formatter_class=raw)
    parser.description, parser.epilog = DESCRIPTION, DETAILS
    preset = parser.add_argument("preset", nargs="?", help="a preset's name, or a file that ends in .yaml")
    preset.complete = _COMPLETE
    parser.add_argument("--diff", action="store_true", help="show what would change, and write nothing")
    parser.add_argument("--force", action="store_true", help="overwrite values of your own")
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the command line asks for; returns the exit code. Raises UserError."""
    if arguments.preset is None:
        result, lines = _listed()
    else:
        wanted, current = read(find(arguments.preset)), read(PARAMS)
        old, new = flat(current), flat(wanted)
        changed = {key: value for key, value in new.items() if old[key] != value}
        if not arguments.diff:
            if not arguments.force and (keys := own_values(current, wanted)):
                what = f"the preset would overwrite values of your own ({', '.join(keys)})"
                raise UserError(f"{PARAMS}: {what}; look with --diff, go on with --force")
            write(changed, wanted)
        pairs = {key: {"old": old[key], "new": value} for key, value in changed.items()}
        result = {"changed": pairs, "written": not arguments.diff}
        lines = [f"{PARAMS} holds the preset {arguments.preset} now ({len(changed)} values changed)"]
        if arguments.diff:
            lines = [f"{key}: {_text(old[key])} -> {_text(value)}" for key, value in changed.items()]
    sys.stdout.writelines(f"{line}\n" for line in ([json.dumps(result)] if arguments.json else lines))
    return 0


def find(name: str) -> Path:
    """The file of a preset. Raises UserError for an unknown name."""
    if Path(name).suffix in (".yaml", ".yml"):
        return Path(name)
    if name in (known := _presets()):
        return known[name]
    others = f"there are {', '.join(known)}; your own file must end in .yaml"
    raise UserError(f"{name}: no such preset ({others}){did_you_mean(name, known)}")


def read(path: Path) -> Config:
    """`config.load`, which gives every key that a file leaves out its default; errors name the file."""
    try:
        return load(path)
    except ConfigError as error:
        raise ConfigError(f"{path}: {reason(error, path)}") from None


def flat(config: Config) -> dict[str, Any]:
    """All values by dotted key: {"data.source": "sample", ...}."""
    sections = [(field.name, getattr(config, field.name)) for field in dataclasses.fields(config)]
    return {key: value for name, section in sections for key, value in flatten(name, section).items()}


def own_values(current: Config, wanted: Config) -> list[str]:
    """Keys that the user has set and that `wanted` would overwrite.

    The user's are those that differ from the defaults, or from the preset that is closer to `current`.
    """
    now, new = flat(current), flat(wanted)
    bases = [flat(base) for base in (Config(), *map(read, PRESETS.glob("*.yaml")))]
    return min(([key for key in now if now[key] not in (base[key], new[key])] for base in bases), key=len)


def rewritten(text: str, values: dict[str, Any]) -> str:
    """The text of a parameter file with other values for some dotted keys; comments and layout stay.

    A comment behind a value stands in the column of most comments, if the value leaves room.
    Raises KeyError with a key that is not in the text.
    """
    sections: Any = yaml.compose(text, yaml.SafeLoader)
    nodes = {f"{name.value}.{key.value}": node for name, keys in sections.value for key, node in keys.value}
    column = statistics.mode([len(start) for start in re.findall(r"(?m)^ +\w+:.*? (?=#)", text)] or [0])
    # From the end, so that the marks of what is still to be replaced stay true.
    for key in sorted(values, key=lambda key: nodes[key].start_mark.index, reverse=True):
        before, after = text[: nodes[key].start_mark.index], text[_end(nodes[key]) :]
        indent = " " if re.search(r"(:|\n *)$", before) else ""  # a null left out, or a list below its key
        before += indent + _text(values[key])
        if comment := re.match(" +(?=#)", after):
            room = column - len(before) + before.rfind("\n") + 1
            after = " " * max(1, room) + after[comment.end() :]
        text = before + after
    return text


def write(values: dict[str, Any], wanted: Config) -> None:
    """Replace values by dotted key in params.yaml, which must then hold `wanted`. Raises UserError."""
    restore = f"restore the file (git checkout {PARAMS}) and run this again"
    try:
        text = rewritten(PARAMS.read_bytes().decode(), values)
        fits = from_dict(yaml.safe_load(text)) == wanted
    except KeyError as error:
        raise UserError(f"{PARAMS}: has no {error.args[0]}; {restore}") from None
    except (yaml.YAMLError, ConfigError):
        fits = False
    if not fits:
        raise UserError(f"{PARAMS}: an alias, a tag or braces keep values from being replaced; {restore}")
    partial = file_names.partial(PARAMS)
    partial.write_bytes(text.encode())
    os.replace(partial, PARAMS)


def _presets() -> dict[str, Path]:
    if found := {path.stem: path for path in sorted(PRESETS.glob("*.yaml"))}:
        return found
    raise UserError(f"{PRESETS}: no presets there; run this in the folder of the project")


def _listed() -> tuple[dict[str, Any], list[str]]:
    """Every preset with the first line of its header, as a JSON object and as lines."""
    heads = {name: path.read_text(encoding="utf-8", errors="replace") for name, path in _presets().items()}
    first = {name: text.partition("\n")[0].lstrip("# ") for name, text in heads.items()}
    width = max(map(len, first))
    return {"presets": first}, [f"{name:{width}}  {line}" for name, line in first.items()]


def _end(node: yaml.Node) -> int:
    """Where the text of a node ends; the mark of a block list lies behind the comments that follow it."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        node = node.value[-1]
    return node.end_mark.index


def _text(value: Any) -> str:
    """A value as YAML, on one line."""
    dumped = str(yaml.safe_dump(value, width=sys.maxsize, default_flow_style=True))
    return dumped.removesuffix("...\n").strip()
