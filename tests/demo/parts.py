"""The demo's HTML taken apart."""

from __future__ import annotations

from html.parser import HTMLParser


class Parts(HTMLParser):
    """Tags, their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def pictures(self, begins: str = "") -> list[str]:
        return [
            str(attributes["src"])
            for tag, attributes in self.tags
            if tag == "img" and str(attributes["alt"]).startswith(begins)
        ]
