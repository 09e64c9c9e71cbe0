"""Reads a page back: its elements, whether they are closed in order, and what its tables say."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Table:
    """A table by its caption: head rows and body rows of cells, and each cell's pieces of text in order."""

    caption: str = ""
    head: list[list[list[str]]] = field(default_factory=list)
    rows: dict[str, list[list[str]]] = field(default_factory=dict)

    def cell(self, row: str, column: int) -> list[str]:
        return self.rows[row][column]


def whole(pages: dict[str, str]) -> Reader:
    """All pages of a report, one after the other."""
    return Reader("".join(pages.values()))


class Reader(HTMLParser):
    """Every element with its attributes, and whether all are closed in order; tables and text as they go
    by."""

    VOID = frozenset({"meta", "img", "col", "line", "circle", "polyline"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.tables: list[Table] = []
        self.titles: list[str] = []
        self.text: list[str] = []
        self._row: list[list[str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append(Table())
        elif tag == "tr":
            self._row = []
        elif tag in ("td", "th"):
            self._row.append([])
        elif tag == "title":
            self.titles.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> out of order"
        if tag == "tr":
            if "thead" in self.open:
                self.tables[-1].head.append(self._row)
            else:
                name = " ".join(self._row[0][:1])
                assert name not in self.tables[-1].rows, f"two rows {name!r} in {self.tables[-1].caption!r}"
                self.tables[-1].rows[name] = self._row[1:]

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not text or "style" in self.open:
            return
        if "title" in self.open:
            self.titles[-1] += text
            return
        self.text.append(text)
        if "caption" in self.open:
            self.tables[-1].caption = f"{self.tables[-1].caption} {text}".strip()
        elif self.open[-1:] and ({"td", "th"} & set(self.open)):
            self._row[-1].append(text)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def table(self, caption: str) -> Table:
        """The one table whose caption matches."""
        found = [table for table in self.tables if re.search(caption, table.caption)]
        assert len(found) == 1, (
            f"{len(found)} tables are captioned {caption!r}: {[t.caption for t in self.tables]}"
        )
        return found[0]
