"""What lies in a folder and below it: linked folders followed once, what operating systems and network drives
leave there passed over and counted."""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from operator import attrgetter
from pathlib import Path

from deepfacegen.errors import printable, utf8

# Left by Synology, QNAP, Windows, macOS and Linux; compared in lower case.
SYSTEM_FOLDERS = frozenset(
    (
        *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "@sharebin", "#recycle", "#snapshot"),
        *("$recycle.bin", "$extend", "recycler", "system volume information", "found.000", "lost+found"),
        *("__macosx", "network trash folder", "temporary items"),
    )
)
SYSTEM_FILES = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", ".ds_store"),
        *("zbthumbnail.info", "sthumbs.dat"),
    )
)
# What macOS writes beside each file on a foreign drive; locks of office programs.
SYSTEM_BEGINNINGS = ("._", "~$")
SYSTEM_ENDS = (":zone.identifier", "@synoeastream", "@synoresource")
_SYSTEM = SYSTEM_FOLDERS | SYSTEM_FILES
_PLAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]*").fullmatch
_NAME = attrgetter("name")
MOST_LISTED = 10_000  # paths kept for each reason; all are counted
EXAMPLES = 3
REPEATED = "links_to_what_is_listed"


class PassedOver:
    """Files and folders that are not used, by reason; a folder counts as one, and is not looked into."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.paths: dict[str, dict[str, None]] = {}

    def add(self, path: str, reason: str) -> None:
        listed = self.paths.setdefault(reason, {})
        if path in listed:
            return
        self.counts[reason] += 1
        if len(listed) < MOST_LISTED:
            listed[path] = None

    def examples(self) -> dict[str, list[str]]:
        """The first few paths of each reason."""
        return {
            reason: [utf8(path) for path in sorted(listed)[:EXAMPLES]]
            for reason, listed in sorted(self.paths.items())
        }

    def line(self) -> str:
        """`3 passed over (hidden files: 1, such as .a.wav; other files: 2, such as notes.txt)`, or
        nothing."""
        parts = []
        for reason, count in sorted(self.counts.items()):
            example = os.path.basename(min(self.paths[reason]).rstrip("/"))
            parts.append(f"{reason.replace('_', ' ')}: {count}, such as {printable(example)}")
        return f"{self.counts.total()} passed over ({'; '.join(parts)})" if parts else ""

    def rows(self) -> list[tuple[str, str]]:
        """(path, reason), sorted by reason and path."""
        listed = sorted(self.paths.items())
        return [(utf8(path), reason) for reason, paths in listed for path in sorted(paths)]

    def write(self, path: Path) -> Path | None:
        """path, reason of each as CSV; no file where nothing was passed over."""
        path.unlink(missing_ok=True)
        if not self.counts:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("path", "reason"))
            writer.writerows(self.rows())
        return path


class Tree:
    """Folders below `root`, listed by one os.scandir each. Paths are relative to the root, folders end in a
    slash; the root is ""."""

    def __init__(
        self, root: str | Path, passed: PassedOver, *, any_name: bool = False, without: Path | None = None
    ) -> None:
        """`any_name`: also names that are not UTF-8, which tables cannot hold. `without`: a folder that is no
        part of it."""
        self.root, self.passed, self.any_name = str(root), passed, any_name
        self.without = os.path.realpath(without) if without is not None else None

    def pass_over(self, path: str, reason: str) -> None:
        self.passed.add(os.path.join(self.root, path), reason)

    def entries(self, inside: str) -> list[os.DirEntry[str]]:
        """What is of use in a folder, by name; the rest is counted."""
        at = f"{inside.rstrip('/')}/" if inside.strip("/") else ""
        try:
            with os.scandir(f"{self.root}/{at}") as entries:
                every = list(entries)
        except OSError:
            self.pass_over(at, "unreadable_folders")
            return []
        kept = []
        for entry in every:
            name = entry.name
            plain = _PLAIN(name) and name.lower() not in _SYSTEM  # as nearly all are
            if not plain and (reason := self._unwanted(name)):
                slash, what = ("/", "folders") if entry.is_dir(follow_symlinks=False) else ("", "files")
                self.pass_over(f"{at}{name}{slash}", reason.format(what))
            else:
                kept.append(entry)
        return sorted(kept, key=_NAME)

    def files(self, folder: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
        """(folders below `folder` with a slash behind each, entry) of every file, however deep; also of links
        that lead nowhere.

        Linked folders come last, so that a file is listed where it lies. One that leads into the tree, above
        it, or where another led, is passed over.
        """
        begin = f"{folder.rstrip('/')}/" if folder.strip("/") else ""
        # With each folder its real path, where that is needed: below a link.
        waiting, links, followed, home = [("", "")], list[str](), list[str](), ""
        while waiting or links:
            if waiting:
                inside, real = waiting.pop()
            else:
                inside = links.pop(0)
                if not home:
                    home = os.path.realpath(f"{self.root}/{begin}")
                    # The folder itself may be a link that leads elsewhere.
                    followed += [] if _holds(self._real, home) else [home]
                real = self.follow(f"{begin}{inside}", followed, home)
                if not real:
                    continue
            left_out = inside and self.without is not None
            if left_out and os.path.realpath(f"{self.root}/{begin}{inside}") == self.without:
                continue
            for entry in self.entries(f"{begin}{inside}"):
                if entry.is_dir(follow_symlinks=False):
                    below = os.path.join(real, entry.name) if real else ""
                    if below and below in followed:
                        self.pass_over(f"{begin}{inside}{entry.name}/", REPEATED)
                    else:
                        waiting.append((f"{inside}{entry.name}/", below))
                elif entry.is_symlink() and is_folder(entry):
                    links.append(f"{inside}{entry.name}/")
                else:
                    yield inside, entry

    def follow(self, link: str, followed: list[str], home: str = "") -> str:
        """Where a linked folder leads, which is then noted in `followed`; nothing, and passed over, where it
        leads into what is listed anyway, or to a folder around the tree (or around `home`)."""
        target = os.path.realpath(f"{self.root}/{link}")
        listed = self._lists(target) or any(_holds(other, target) for other in followed)
        if listed or any(_holds(target, own) for own in (self._real, home) if own):
            self.pass_over(link, REPEATED)
            return ""
        followed.append(target)
        return target

    def _lists(self, target: str) -> bool:
        """Whether a real path is met without links: below the root, and in no folder that is passed over."""
        below = target.removeprefix(self._real).strip(os.sep)
        return _holds(self._real, target) and not (below and any(map(self._unwanted, below.split(os.sep))))

    @cached_property
    def _real(self) -> str:
        return os.path.realpath(self.root)

    def _unwanted(self, name: str) -> str:
        """Why an entry is passed over by its name; nothing if it is not."""
        low = name.lower()
        ends = ("@" in low or ":" in low) and low.endswith(SYSTEM_ENDS)
        if low in _SYSTEM or low[:2] in SYSTEM_BEGINNINGS or ends:
            return "system_{}"
        if low[0] == ".":
            return "hidden_{}"
        return "" if name.isascii() or self.any_name or utf8(name) == name else "names_not_utf8"


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Also a link to one. False, where the system gives an error instead (a link to itself, a target that
    nobody may see)."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_file(entry: os.DirEntry[str]) -> bool:
    """As `is_folder`."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _holds(folder: str, path: str) -> bool:
    """Whether a real path is the folder, or lies in it."""
    return f"{path.rstrip(os.sep)}{os.sep}".startswith(f"{folder.rstrip(os.sep)}{os.sep}")
