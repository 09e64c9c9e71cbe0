"""The documents of the repository: their links, their anchors, and the commands that they tell a reader to
type."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SEPARATORS = {"&&", "||", ";", "|"}


def documents() -> list[str]:
    """Every Markdown file of the repository, relative to its root."""
    if (ROOT / ".git").exists():
        told = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        return sorted(name for name in told.stdout.split("\n") if name and (ROOT / name).is_file())
    return sorted(
        path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    )


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """What stands in the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """A document without its fenced blocks and code spans, in which `](` and `#` mean nothing."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def links(text: str) -> list[tuple[str, str]]:
    """(file, anchor) of every link that is not to the web; either may be empty."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(text))
    return [
        (target.partition("#")[0], target.partition("#")[2])
        for target in targets
        if not re.match(r"[a-z]+:", target)
    ]


def anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(
        r"^#{1,6} +(.+?) *#*$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    ):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(slug if slug not in found else f"{slug}-{sum(one.startswith(slug) for one in found)}")
    return found


@dataclass(frozen=True)
class Command:
    """One command of a fenced `bash` block, with continued lines joined."""

    document: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its words without variables set before it and without redirections."""
        words = shlex.split(self.text, comments=True)
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        kept: list[str] = []
        for word in words:
            if re.match(r"\d?[<>]", word):
                break
            kept.append(word)
        return [word for word in kept if word != "&"]


def scripts(name: str) -> list[str]:
    """The `bash` blocks that are more than a list of commands: with text for a program (<<), or with what
    another command prints ($(...))."""
    return [block for block in blocks(read(name), "bash") if re.search(r"<<|\$\(", block)]


def commands(name: str) -> list[Command]:
    """The commands of a document, in its order, but for those in `scripts`; of a line that joins several,
    each."""
    found = []
    for block in [block for block in blocks(read(name), "bash") if block not in scripts(name)]:
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                found += [Command(name, part) for part in _parts(line)]
    return found


def _parts(line: str) -> list[str]:
    """The commands of a line, split where the shell splits them. `source <(...)` stays whole."""
    if "<(" in line:
        return [line.strip()]
    lexer = shlex.shlex(line, posix=True, punctuation_chars="&|;")
    lexer.whitespace_split, lexer.commenters = True, "#"
    parts: list[list[str]] = [[]]
    for word in lexer:
        if word in SEPARATORS:
            parts.append([])
        else:
            parts[-1].append(word)
    return [shlex.join(part) if len(parts) > 1 else line.strip() for part in parts if part]
